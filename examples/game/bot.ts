import { type Address, dial, HawserError } from 'hawser'
import type { Say } from '../journal.ts'
import { replyCodec } from './commands.ts'
import { playerCodec } from './world-codec.ts'

const STEP_MS = 100
const FIELD = 1_000

/** A player that walks to and fro until it is told to stop. */
export async function startBot(name: string, commands: Address, states: Address, say: Say): Promise<Disposable> {
  const session = await dial(commands, {
    codec: replyCodec,
    data: async (peer) => {
      peer.send({ type: 'login', name })
      const welcome = await peer.receive({ timeoutMs: 3_000 })
      if (welcome.type !== 'welcome') throw new HawserError('ERR_BAD_MESSAGE', 'this is no welcome')
      return welcome.token
    },
    listener: {
      onMessage(self, message) {
        if (message.type === 'ping') self.send({ type: 'ping' })
        else if (message.type === 'bought') say(`${name} has a ${message.item}`)
      },
    },
  })
  session.send({ type: 'buy', item: 'sword' })

  let x = 0
  let seen = 0
  const state = await dial(states, {
    codec: playerCodec,
    cronIntervalMs: STEP_MS,
    listener: {
      onOpen: (self) => void self.send({ token: session.data, x, y: 0 }),
      onCron(self) {
        x = (x + 1) % FIELD
        self.send({ token: session.data, x, y: 0 })
      },
      onMessage(_self, { tick, players }) {
        if (players.length > seen) say(`${name} sees ${players.length} at tick ${tick}`)
        seen = players.length
      },
    },
  })
  return {
    [Symbol.dispose]() {
      state.destroy()
      session.destroy()
    },
  }
}
