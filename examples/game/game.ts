import { randomBytes } from 'node:crypto'
import { listen, refused, type Server, type Session, SessionGroup, systemEnv } from 'hawser'
import type { Say } from '../journal.ts'
import { type Command, commandCodec, type Reply } from './commands.ts'
import { type Input, serverCodec, TOKEN_CHARACTERS, type World } from './world-codec.ts'

const TICKS_PER_SECOND = 30
const AWAY_MS = 300_000

class Player {
  readonly name: string
  readonly token = randomBytes(TOKEN_CHARACTERS / 2).toString('hex')
  x = 0
  y = 0
  udp: Session<Input, World> | undefined

  constructor(name: string) {
    this.name = name
  }
}

export interface GameOptions {
  /** The state goes over UDP on the next one; with 0 both take any free one. */
  readonly port: number
  readonly say: Say
}

export interface Game {
  readonly commands: Server<Command, Reply, Player>
  readonly states: Server<Input, World>
  /** Stops the world. */
  readonly loop: Disposable
}

/** Commands over TCP, which must arrive; the state of the world over UDP, where a newer one is always on its way. */
export async function startGame({ port, say }: GameOptions): Promise<Game> {
  const players = new Map<string, Player>()
  const viewers = new SessionGroup<World>()

  const commands = await listen(`tcp://127.0.0.1:${port}`, {
    name: 'commands',
    codec: commandCodec,
    maxBufferedBytes: 256 * 1024,
    overflow: 'close', // commands must not be lost
    heartbeat: {
      intervalMs: 5_000,
      timeoutMs: 15_000,
      message: { type: 'ping' },
      match: (message) => message.type === 'ping',
    },
    async data(peer) {
      const login = await peer.receive({ timeoutMs: 3_000 })
      if (login.type !== 'login') throw refused('log in first')
      return new Player(login.name)
    },
    listener: {
      onOpen(session) {
        say(`${session.data.name} comes in`)
        players.set(session.data.token, session.data)
        session.send({ type: 'welcome', token: session.data.token })
      },
      onMessage(session, message) {
        if (message.type === 'buy') session.send({ type: 'bought', item: message.item })
      },
      onCron(session) {
        if (systemEnv.now() - session.lastMessageAt > AWAY_MS) return session.close({ reason: 'away too long' })
        return undefined
      },
      onClose(session) {
        say(`${session.data.name} leaves`)
        players.delete(session.data.token)
        session.data.udp?.destroy()
      },
    },
  })

  const states = await listen(`udp://127.0.0.1:${port === 0 ? 0 : port + 1}`, {
    name: 'states',
    codec: serverCodec,
    overflow: 'drop', // a newer state follows in 33 ms
    maxBufferedBytes: 64 * 1024,
    udp: { maxPeers: 4_096, peerIdleMs: 10_000 },
    listener: {
      onMessage(session, input) {
        const player = players.get(input.token)
        if (player === undefined) return session.destroy() // nothing is sent to who has no token: it may be forged
        if (player.udp !== session) player.udp?.destroy() // behind a new address, after NAT rebinding, is the same player
        player.udp = session
        player.x = input.x
        player.y = input.y
        viewers.add(session)
      },
    },
  })

  let tick = 0
  const loop = systemEnv.every(1_000 / TICKS_PER_SECOND, () => {
    viewers.broadcast({ tick: tick++, players: [...players.values()] }, { skipSlow: true })
  })
  return { commands, states, loop }
}
