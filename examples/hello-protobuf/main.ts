// Messages of Protobuf, read from a .proto at run time, each behind its length as writeDelimitedTo() puts it.
import { fileURLToPath } from 'node:url'
import { type Codec, closeOnSignals, dial, listen } from 'hawser'
import { loadProto, protobuf, protoType } from 'hawser/codecs/protobuf'
import { varintPrefixed } from 'hawser/framing'

interface Hello {
  readonly name: string
}
interface Greeting {
  readonly text: string
  readonly before: number
}

const root = await loadProto(fileURLToPath(new URL('hello.proto', import.meta.url)))
const hello = protobuf(protoType<Hello>(root, 'hello.Hello'))
const greeting = protobuf(protoType<Greeting>(root, 'hello.Greeting'))

// Each side reads the one and writes the other.
const serverCodec: Codec<Hello, Greeting> = { decode: hello.decode, encode: greeting.encode }
const clientCodec: Codec<Greeting, Hello> = { decode: greeting.decode, encode: hello.encode }

let greeted = 0
const server = await listen(`tcp://127.0.0.1:${process.env['PORT'] ?? 7000}`, {
  codec: serverCodec,
  framing: varintPrefixed(),
  listener: { onMessage: (session, { name }) => session.send({ text: `Hello, ${name}!`, before: greeted++ }) },
})
console.log(`listening on ${server.address}`)

await using session = await dial(server.address, { codec: clientCodec, framing: varintPrefixed() })
for (const name of ['Ann', 'Bob', 'Cleo']) {
  session.send({ name })
  const { text, before } = await session.receive({ timeoutMs: 1_000 })
  console.log(`${text} (${before} before you)`)
}
await closeOnSignals([server])
