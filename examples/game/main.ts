// A game server: commands over TCP, the state of the world over UDP 30 times a second, and two players that walk about.
import { closeOnSignals } from 'hawser'
import { explainTakenPort, portFrom } from '../environment.ts'
import { journal } from '../journal.ts'
import { startBot } from './bot.ts'
import { startGame } from './game.ts'

const say = journal('game')
const { commands, states, loop } = await startGame({ port: portFrom(7000), say }).catch(explainTakenPort)
say(`commands on ${commands.address}, states on ${states.address}`)
const ann = await startBot('ann', commands.address, states.address, say)
const bob = await startBot('bob', commands.address, states.address, say)

await closeOnSignals([states, commands], { timeoutMs: 5_000 })
for (const left of [ann, bob, loop]) left[Symbol.dispose]()
say(`is closed; ${states.stats.receivedMessages} positions came`)
