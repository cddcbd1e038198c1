// load-server.js ADDRESS: sends back what it gets, once it has seen that it is the next message of its session.
import { text } from '../../codecs/text.ts'
import { listen } from '../../src/node.ts'
import { Sequence } from './account.ts'
import { HEARTBEAT, QUIET } from './load-options.ts'
import { onOrder, report } from './report.ts'

const [, , address = ''] = process.argv
const server = await listen(address, {
  codec: text(),
  logger: QUIET,
  heartbeat: HEARTBEAT,
  listener: () => {
    const sequence = new Sequence()
    return {
      onMessage(session, message: string) {
        const wrong = sequence.next(message)
        if (wrong !== undefined) report({ type: 'violation', text: `the server got ${wrong}` })
        session.send(message)
      },
    }
  },
})
onOrder((order) => {
  if (order.type === 'stop') void server.close().then(() => process.exit(0))
})
report({ type: 'listening', address: server.address.href })
