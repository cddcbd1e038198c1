// A chat over lines: join it with nc, twice.
import { closeOnSignals, listen } from 'hawser'
import { explainTakenPort, portFrom } from '../environment.ts'
import { journal } from '../journal.ts'
import { chat } from './chat.ts'

const say = journal('chat')
const server = await listen(`tcp://127.0.0.1:${portFrom(7_000)}`, chat(say)).catch(explainTakenPort)
say(`listens on ${server.address}; join with: nc 127.0.0.1 ${server.address.port}`)

await closeOnSignals([server])
say('is closed')
