import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dial } from 'hawser'
import { json, text } from 'hawser/codecs'
import { line } from 'hawser/framing'
import test, { type ExecutionContext } from 'ava'
import { localCertificate } from '../../examples/certificate.ts'
import { ExampleProcess, PlainClient, runProgram } from '../support/example-process.ts'

function start(t: ExecutionContext, name: string, environment: Readonly<Record<string, string>> = {}): ExampleProcess {
  const example = ExampleProcess.start(name, environment)
  t.teardown(() => example.kill())
  return example
}

/** A file that is gone with its test. */
function file(t: ExecutionContext, content: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-example-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'config.json')
  writeFileSync(path, JSON.stringify(content))
  return path
}

test('hello: greets its own client, and who comes with nc', async (t) => {
  const example = start(t, 'hello')
  await example.printed(/^client: Hello, hawser!$/m)
  const person = new PlainClient({ port: await example.port() })
  person.type('ann\r\n')
  await person.reads('Hello, ann!\n')
  t.is(await example.end(), 0)
  t.is(await person.ended(), 'Hello, ann!\n')
})

test('hello-tls: greets who trusts its certificate; who does not is told why', async (t) => {
  const example = start(t, 'hello-tls')
  await example.printed(/^client: this is localhost$/m)
  await example.printed(/^client: Hello, hawser!$/m)
  await example.printed(/^stranger: .*self-signed certificate.*tls\.ca/m)
  const { cert } = await localCertificate()
  const port = await example.port('tls')
  const session = await dial(`tls://localhost:${port}`, { codec: text(), framing: line(), tls: { ca: cert } })
  session.send('ann')
  t.is(await session.receive({ timeoutMs: 5_000 }), 'Hello, ann!')
  t.is(await example.end(), 0)
})

test('echo: a file says how long, how many and how large; what Hawser does not know in it is told by its name', async (t) => {
  const CONFIG = file(t, { heartbeatMs: 400, missedHeartbeats: 3, server: { maxSessions: 8 }, client: {} })
  const example = start(t, 'echo', { CONFIG })
  await example.printed(/session (\d+) has been silent for [^]*session \1 is closed by this side: silent/)
  const port = await example.port()
  const crowd = Array.from({ length: 8 }, () => new PlainClient({ port }))
  await example.printed(/tcp:\/\/\S+ was refused: maxSessions \(8\) is reached/)
  t.is(await example.end(), 0)
  await Promise.all(crowd.map((client) => client.ended()))

  const wrong = start(t, 'echo', { CONFIG: file(t, { server: { maxSession: 8 } }) })
  await wrong.printed(/option maxSession is unknown; did you mean maxSessions\?/)
  t.not(await wrong.status, 0)
  const misspelt = start(t, 'echo', { CONFIG: file(t, { heartbeatMS: 8 }) })
  await misspelt.printed(/there is no heartbeatMS/)
  t.not(await misspelt.status, 0)
})

test('chat-room: over TLS too, the page and its room', async (t) => {
  const example = start(t, 'chat-room')
  const [, port] = await example.printed(/https:\/\/127\.0\.0\.1:(\d+)\/$/m)
  const { cert } = await localCertificate()
  const ann = await dial(`wss://127.0.0.1:${port}/chat`, { codec: json<{ text: string }, object>(), tls: { ca: cert } })
  t.is((await ann.receive({ timeoutMs: 5_000 })).text, 'you are guest-1, one of 1 here')
  const bob = new PlainClient({ port: await example.port() })
  await bob.reads('* you are guest-2, one of 2 here\n')
  ann.send({ type: 'say', text: 'hello from behind TLS' })
  await bob.reads('guest-1: hello from behind TLS\n')
  const page = await runProgram('curl', ['--silent', '--insecure', `https://127.0.0.1:${port}/`])
  t.regex(page, /^<!doctype html>/i)
  t.is(await example.end(), 0)
})
