// Hello over TCP: lines of text, and a listener on each side. The client stays connected, and says who it is each time it is.
import { closeOnSignals, connect, listen } from 'hawser'
import { text } from 'hawser/codecs'
import { line } from 'hawser/framing'
import { explainTakenPort, portFrom } from '../environment.ts'

const server = await listen(`tcp://127.0.0.1:${portFrom(7_000)}`, {
  codec: text(),
  framing: line(),
  maxFrameBytes: 256,
  listener: {
    onOpen: (session) => console.log(`server: somebody comes from ${session.remoteAddress}`),
    onMessage: (session, name) => session.send(`Hello, ${name}!`),
    onClose: (session) => console.log(`server: ${session.remoteAddress} is gone`),
  },
}).catch(explainTakenPort)
console.log(`listening on ${server.address}

  nc 127.0.0.1 ${server.address.port}      type your name
`)

const client = connect(server.address, {
  codec: text(),
  framing: line(),
  listener: {
    onOpen: (session) => session.send('hawser'),
    onMessage: (_session, greeting) => console.log(`client: ${greeting}`),
  },
})
await closeOnSignals([client, server])
