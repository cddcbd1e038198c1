// Hello over TLS: the server shows a certificate, and a client trusts that one and no other. One that trusts those of the
// web only is told why it does not come through.
import { closeOnSignals, connect, dial, isHawserError, listen } from 'hawser'
import { text } from 'hawser/codecs'
import { line } from 'hawser/framing'
import { localCertificate } from '../certificate.ts'
import { explainTakenPort, portFrom } from '../environment.ts'

const { cert, key } = await localCertificate()

const server = await listen(`tls://127.0.0.1:${portFrom(7_000)}`, {
  codec: text(),
  framing: line(),
  maxFrameBytes: 256,
  listener: { onMessage: (session, name) => session.send(`Hello, ${name}!`) },
  onStatus(status) {
    if (status.type === 'refused') console.log(`server: ${status.error.message}`)
  },
  tls: { cert, key },
}).catch(explainTakenPort)
const { port } = server.address
console.log(`listening on ${server.address}

  openssl s_client -quiet -connect 127.0.0.1:${port}      type your name
`)

const client = connect(server.address, {
  codec: text(),
  framing: line(),
  listener: {
    onOpen(session) {
      console.log(`client: this is ${session.peer.certificate?.subject['CN']}`)
      session.send('hawser')
    },
    onMessage: (_session, greeting) => console.log(`client: ${greeting}`),
  },
  tls: { ca: cert, servername: 'localhost' }, // whom we trust, and who it must be
})

try {
  await dial(server.address, { codec: text(), framing: line() })
} catch (error) {
  if (!isHawserError(error, 'ERR_TLS')) throw error
  console.log(`stranger: ${error.message}`)
}
await closeOnSignals([client, server])
