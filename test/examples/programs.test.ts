import test, { type ExecutionContext } from 'ava'
import { lengthPrefixed } from 'hawser/framing'
import { dial } from 'hawser'
import { json, text } from 'hawser/codecs'
import { rpc } from 'hawser/rpc'
import { Customer, Orders } from '../../examples/orders/contract.ts'
import type { Command, Reply } from '../../examples/game/commands.ts'
import { playerCodec } from '../../examples/game/world-codec.ts'
import { ExampleProcess, PlainClient } from '../support/example-process.ts'

/** Faster than an example's own pace, so that a test sees a session time out. */
const HEARTBEAT_MS = '600' // a busy machine must not take its own clients for silent

function start(t: ExecutionContext, name: string, environment: Readonly<Record<string, string>> = {}): ExampleProcess {
  const example = ExampleProcess.start(name, environment)
  t.teardown(() => example.kill())
  return example
}

test('minimal: echoes lines, its own and those of nc', async (t) => {
  const example = start(t, 'minimal')
  await example.printed(/^hello$/m)
  const person = new PlainClient({ port: await example.port() })
  person.type('a line\r\nanother')
  await person.reads('a line\n')
  person.type('\n')
  await person.reads('another\n')
  t.is(await example.end(), 0)
  t.is(await person.ended(), 'a line\nanother\n')
})

test('migration: each of the four ways answers', async (t) => {
  const example = start(t, 'migration')
  const portOf = async (what: string): Promise<number> =>
    Number((await example.printed(new RegExp(`^${what} +tcp://\\*:(\\d+)$`, 'm')))[1])

  const plain = new PlainClient({ port: await portOf('as with net') })
  plain.type('any bytes')
  await plain.reads('any bytes')

  const getty = await dial(`tcp://127.0.0.1:${await portOf('as with getty')}`, {
    codec: text(),
    framing: lengthPrefixed({ order: 'le' }),
  })
  getty.send('Hello, getty!')
  t.is(await getty.receive({ timeoutMs: 5_000 }), 'Hello, getty!')
  await example.printed(/^open \S+ tcp:\/\/127\.0\.0\.1:\d+$/m)

  const counting = await dial(`tcp://127.0.0.1:${await portOf('a listener each')}`, { codec: text() })
  counting.send('one')
  counting.send('two')
  t.is(await counting.receive({ timeoutMs: 5_000 }), '1')
  t.is(await counting.receive({ timeoutMs: 5_000 }), '2')

  const pulling = await dial(`tcp://127.0.0.1:${await portOf('pulling')}`, { codec: text() })
  t.is(await pulling.receive({ timeoutMs: 5_000 }), 'name?')
  pulling.send('Ann')
  pulling.send('hello')
  t.is(await pulling.receive({ timeoutMs: 5_000 }), 'Ann: hello')

  t.is(await example.end(), 0)
  t.is((await pulling.closed).by, 'remote')
})

test('hello-protobuf: requests and replies of a .proto', async (t) => {
  const example = start(t, 'hello-protobuf')
  await example.printed(/Hello, Cleo! \(2 before you\)/)
  const client = new PlainClient({ port: await example.port() })
  client.type(Buffer.from('050a03446f72', 'hex')) // length 5, field 1, "Dor"
  await client.reads('\x0f\x0a\x0bHello, Dor!\x10\x03')
  t.is(await example.end(), 0)
})

test('orders: a shop and its customer call each other, and so do others', async (t) => {
  const example = start(t, 'orders')
  await example.printed(/^notified: rope is on its way$/m)
  await example.printed(
    /^rope-2 is sent, 1 placed\nprice 1\nprice 2\nprice 3\nnot placed: changed their mind, {"sku":"rope"}$/m,
  )
  const address = (await example.printed(/ and (ws:\S+)$/m))[1] as string
  const heard: string[] = []
  const session = await dial(address, {
    ...rpc({
      onPeer: (peer) =>
        peer.serve(Customer, {
          notify: (message) => heard.push(message),
          confirm: (question) => question === '3 of tar, ann?',
        }),
    }),
    ws: { headers: { 'x-user': 'ann' } },
  })
  t.deepEqual(await session.data.client(Orders).place({ sku: 'tar', count: 3 }), { id: 'tar-3' })
  t.deepEqual(heard, ['tar is on its way'])
  const wrong = session.data.client(Orders).place({ sku: 5 as never })
  t.like(await t.throwsAsync(wrong), { status: 'invalid_argument', sent: 'no' })
  await t.throwsAsync(dial(address, { ...rpc(), ws: { headers: { 'x-user': 'mallory' } } }), { code: 'ERR_REFUSED' })
  t.is(await example.end(), 0)
})

test('task-pool: a question is answered while work goes on, and the work of a session in order', async (t) => {
  const example = start(t, 'task-pool')
  await example.printed(/^1 running, 2 waiting\none [\da-f]{32}\ntwo [\da-f]{32}\nthree [\da-f]{32}$/m)
  const person = new PlainClient({ port: await example.port() })
  person.type('status\n')
  await person.reads('0 running, 0 waiting\n')
  t.is(await example.end(), 0)
})

test('cluster: what is said to one worker is heard from all, also after a restart', async (t) => {
  const example = start(t, 'cluster', { WORKERS: '2' })
  const port = await example.port()
  const person = async (): Promise<{ client: PlainClient; worker: string }> => {
    const client = new PlainClient({ port })
    await client.reads(' serves you\n')
    return { client, worker: /worker (\d+)/.exec(client.text)?.[1] ?? '' }
  }
  const before = await Promise.all([person(), person(), person()])
  t.is(new Set(before.map(({ worker }) => worker)).size, 2)
  before[0]?.client.type('hello\n')
  for (const { client } of before.slice(1)) await client.reads(': hello\n')
  t.notRegex(before[0]?.client.text ?? '', /hello/)
  process.kill(Number((await example.printed(/kill -HUP (\d+)/))[1]), 'SIGHUP')
  await example.printed(/^restarted$/m)
  for (const { client } of before) t.regex(await client.ended(), /this worker ends: come again\n$/)
  const [ann, bob] = await Promise.all([person(), person()])
  ann.client.type('again\n')
  await bob.client.reads(': again\n')
  t.is(await example.end(), 0)
  await example.printed(/^closed; 5 sessions, 2 messages$/m)
})

test('chat-room: lines over TCP and JSON over WebSocket meet in one room', async (t) => {
  const example = start(t, 'chat-room')
  const bob = new PlainClient({ port: await example.port() })
  await bob.reads('* you are guest-1, one of 1 here\n')
  const origin = `127.0.0.1:${await example.port('http')}`
  const ann = await dial(`ws://${origin}/chat`, { codec: json<{ text: string; from?: string }, object>() })
  t.deepEqual(await ann.receive({ timeoutMs: 5_000 }), { type: 'notice', text: 'you are guest-2, one of 2 here' })
  await bob.reads('* guest-2 comes in\n')
  ann.send({ type: 'name', name: 'ann' })
  await bob.reads('* guest-2 is ann now\n')
  ann.send({ type: 'say', text: 'hello\nguest-1: forged\u001b[2J' })
  await bob.reads('ann: hello guest-1: forged [2J\n')
  bob.type('/name ann\n/name bob\n<b>ahoy</b>\n')
  await bob.reads('* somebody is called ann already; you are guest-1\n* you are bob now\n')
  t.is((await ann.receive({ timeoutMs: 5_000 })).text, 'you are ann now')
  t.is((await ann.receive({ timeoutMs: 5_000 })).text, 'guest-1 is bob now')
  t.deepEqual(await ann.receive({ timeoutMs: 5_000 }), { type: 'said', from: 'bob', text: '<b>ahoy</b>' })
  ann.send({ type: 'shout' })
  t.is((await ann.closed).by, 'remote')
  await bob.reads('* ann is gone\n')
  t.is(await example.end(), 0)
  t.regex(await bob.ended(), /the server goes down; goodbye\n$/)
})

test('chat-room: serves its page and the package, and nothing else', async (t) => {
  const example = start(t, 'chat-room')
  const origin = `http://127.0.0.1:${await example.port('http')}`
  const typeOf = async (path: string): Promise<string | null> =>
    (await fetch(origin + path)).headers.get('content-type')
  t.is(await typeOf('/'), 'text/html; charset=utf-8')
  t.is(await typeOf('/page.css'), 'text/css; charset=utf-8')
  t.is(await typeOf('/hawser/src/browser/index.js'), 'text/javascript; charset=utf-8')
  for (const path of ['/nothing.js', '/hawser/..%2f..%2fpackage.json', '/page.js/x', '/%2e%2e/main.js', '/chat'])
    t.is((await fetch(origin + path)).status, 404, path)
  t.is((await fetch(origin, { method: 'POST' })).status, 404)
  t.is(await example.end(), 0)
})

test('chat-room: who asks for its page a thousand times without waiting is cut off, and others get it', async (t) => {
  const example = start(t, 'chat-room')
  const port = await example.port('http')
  const greedy = new PlainClient({ port })
  greedy.type('GET /page.css HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1_000))
  await greedy.ended()
  const patient = new PlainClient({ port })
  patient.type('GET /page.css HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(2))
  await patient.reads('HTTP/1.1 200 OK')
  for (let i = 0; i < 20; i++) t.is((await fetch(`http://127.0.0.1:${port}/page.css`)).status, 200)
  t.is(await example.end(), 0)
})

test('chat: a port that is taken is told in a line, with what to do', async (t) => {
  const port = String(await start(t, 'chat').port())
  const second = start(t, 'chat', { PORT: port })
  await second.printed(new RegExp(`:${port}.*\n.*PORT`))
  t.is(await second.status, 1)
})

test('chat: people with nc meet in rooms, and hear it when the server goes down', async (t) => {
  const example = start(t, 'chat')
  const port = await example.port()
  const ann = new PlainClient({ port })
  ann.type('/name ann\n')
  await ann.reads('* you are ann\n')
  const bob = new PlainClient({ port })
  bob.type('/name ann\n/name bob\n/name b b\n')
  await bob.reads('* somebody is called ann already\n* you are bob\n')
  await ann.reads('* guest-2 is now bob\n')

  ann.type('hi \x1b[2Jthere\n')
  await bob.reads('ann: hi [2Jthere\n')
  bob.type('/who\n/join cellar\n/who\n/nonsense\n')
  await bob.reads('* in lobby: ann, bob\n* you are in cellar, with 0 others\n* in cellar: bob\n* there is no /nonsense')
  await ann.reads('* bob leaves for cellar\n')
  ann.type('anybody?\n/quit\n')
  t.regex(await ann.ended(), /\* goodbye\n$/)
  t.false(bob.text.includes('anybody'))

  const endless = new PlainClient({ port })
  endless.type('x'.repeat(5_000))
  await endless.ended()

  t.is(await example.end(), 0)
  t.regex(await bob.ended(), /\* the server goes down; goodbye\n$/)
})

test('echo: over tcp, tls, udp, ws, wss and ipc, with heartbeats; who falls silent is closed', async (t) => {
  const example = start(t, 'echo', { HEARTBEAT_MS })
  for (const transport of ['tcp', 'tls', 'udp', 'ws', 'wss', 'ipc']) {
    await example.printed(new RegExp(`"Hello, hawser!" came back over ${transport}`))
    await example.printed(new RegExp(`a heartbeat came back over ${transport}`))
  }
  await example.printed(/session (\d+) has been silent for .*[^]*session \1 is closed by this side: silent/)
  await example.printed(/the silent one is closed by the other side/)

  const stranger = new PlainClient({ port: await example.port() })
  stranger.type('GET / HTTP/1.1\r\n\r\n')
  t.is(await stranger.ended(), '')
  await example.printed(/this looks like an HTTP request/)

  t.is(await example.end(), 0)
  t.is(
    example.output.match(/is closed by the other side/g)?.length,
    6,
    'five clients and the silent one; a peer of UDP says no goodbye',
  )
  t.regex(example.output, /is closed; 8 sessions, \d+ messages\n$/)
})

test('echo: the session beyond the limit is refused, and the others notice nothing', async (t) => {
  const example = start(t, 'echo')
  await example.printed(/session 7 opens/)
  const port = await example.port()
  const crowd = Array.from({ length: 700 }, () => new PlainClient({ port }))
  await example.printed(/(?:tcp:\/\/\S+ was refused: [^]*){6}/) // six were there; the peer of UDP yields
  t.is(await example.end(), 0)
  await Promise.all(crowd.map((client) => client.ended()))
  t.is(example.output.match(/was refused/g)?.length, 6)
})

test('game: who logs in over TCP moves over UDP, and sees the others move', async (t) => {
  const example = start(t, 'game')
  await example.printed(/ann has a sword/)
  await example.printed(/bob sees 2 at tick \d+/)
  const commands = await dial(`tcp://127.0.0.1:${await example.port()}`, { codec: json<Reply, Command>() })
  commands.send({ type: 'login', name: 'cleo' })
  const welcome = await commands.receive({ timeoutMs: 5_000 })
  const token = welcome.type === 'welcome' ? welcome.token : ''
  const states = await dial(`udp://127.0.0.1:${await example.port('udp')}`, { codec: playerCodec })
  states.send({ token: 'f'.repeat(16), x: 1, y: 1 }) // nobody's: not answered
  states.send({ token, x: 1234, y: 567 })
  const { players } = await states.receive({ timeoutMs: 5_000 })
  t.is(players.length, 3)
  t.deepEqual(players[2], { x: 1234, y: 567 })
  await example.printed(/ann sees 3 at tick \d+/)
  commands.destroy()
  await example.printed(/cleo leaves/)

  const stranger = await dial(`tcp://127.0.0.1:${await example.port()}`, { codec: json<Reply, Command>() })
  stranger.send({ type: 'buy', item: 'castle' })
  t.is((await stranger.closed).by, 'remote')
  t.is(await example.end(), 0)
  states.destroy()
})

test('start: servers and clients of several protocols live in one process and end together', async (t) => {
  const example = start(t, 'start', { HEARTBEAT_MS })
  const chatPort = Number((await example.printed(/nc 127\.0\.0\.1 (\d+)/))[1])
  const redisPort = Number((await example.printed(/redis-cli -p (\d+)/))[1])
  await example.printed(/the silent one is closed by the other side/)

  const person = new PlainClient({ port: chatPort })
  await person.reads('greeter: hello, guest-2\n')
  const client = new PlainClient({ port: redisPort })
  client.type('set greeting hello ex 60\r\nget greeting\r\n')
  await client.reads('+OK\r\n$5\r\nhello\r\n')

  t.is(await example.end(), 0)
  t.regex(await person.ended(), /\* the server goes down; goodbye\n$/)
  t.regex(example.output, /all is closed\n$/)
  t.notRegex(example.output, /Error|undefined/)
})

test('npm start and npm run example end with status 0, by Ctrl-C and by SIGTERM to npm, and leave nothing running', async (t) => {
  const whole = ExampleProcess.startByNpm(['start'], { DEVICES: '6' })
  const single = ExampleProcess.startByNpm(['run', 'example', '--', 'chat'])
  for (const example of [whole, single]) t.teardown(() => example.kill())
  const ports = [Number((await whole.printed(/nc 127\.0\.0\.1 (\d+)/))[1]), await single.port()]
  const [hello] = await whole.printed(/hello my-lamp \S+/)
  await whole.printed(/service simulation is attached/) // that is: all is up, and signals are heard
  const people = ports.map((port) => new PlainClient({ port }))
  people[0]?.type(`${hello}\n`)
  for (const person of people) await person.reads('\n')

  t.is(await whole.interrupt(), 0)
  t.is(await single.end(), 0)
  for (const example of [whole, single]) t.false(example.leftProcesses)
  for (const person of people) t.regex(await person.ended(), /\n(goodbye 0|\* the server goes down; goodbye)\n$/)
})
