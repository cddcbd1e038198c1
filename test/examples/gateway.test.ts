import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { dial, type Session } from 'hawser'
import { json } from 'hawser/codecs'
import { line, varintPrefixed } from 'hawser/framing'
import { rpc, type RpcPeer } from 'hawser/rpc'
import { embed, type EmbeddedSession, type VirtualEnv, virtualEnv } from 'hawser/testing'
import type { Device } from '../../examples/gateway/device.ts'
import type { DeviceMessage, GatewayMessage } from '../../examples/gateway/device-messages.ts'
import { Devices } from '../../examples/gateway/devices.ts'
import { Feed } from '../../examples/gateway/feed.ts'
import { lineCodec } from '../../examples/gateway/line-codec.ts'
import { Movements } from '../../examples/gateway/movements.ts'
import { Operators } from '../../examples/gateway/operators.ts'
import type { DeviceView, News, Snapshot, Wish } from '../../examples/gateway/page/messages.ts'
import { deviceProtobufCodec, protobufCodec } from '../../examples/gateway/protobuf-codec.ts'
import { Attached, Gateway, type Report } from '../../examples/gateway/service-contract.ts'
import { Services } from '../../examples/gateway/services.ts'
import { Statistics } from '../../examples/gateway/statistics.ts'
import { Tokens } from '../../examples/gateway/tokens.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { Authority } from '../support/certificates.ts'
import { ExampleProcess, PlainClient } from '../support/example-process.ts'

const SECRET = 'for tests'
const SILENCE_MS = 8_000
const tokens = new Tokens(SECRET)

/** A gateway's table of devices, without a network, on a virtual clock. */
function world(maxDevices = 100) {
  const env = virtualEnv()
  const statistics = new Statistics()
  const log: string[] = []
  const devices = new Devices({
    env,
    tokens,
    statistics,
    maxDevices,
    commandTimeoutMs: 3_000,
    events: {
      onCome: (id) => log.push(`${id} is here`),
      onGo: (id, why) => log.push(`${id} is gone: ${why}`),
      onReport: (id, readings) => log.push(`${id} ${JSON.stringify(readings)}`),
    },
  })
  return { env, devices, statistics, taken: () => log.splice(0) }
}

type Link = EmbeddedSession<DeviceMessage, GatewayMessage, Device>

/** Somebody who types lines. */
function typist({ env, devices }: { env: VirtualEnv; devices: Devices }, transport = 'tcp'): Promise<Link> {
  return embed<DeviceMessage, GatewayMessage, Device>(
    {
      codec: lineCodec,
      framing: line(),
      cronIntervalMs: 1_000,
      data: (peer) => devices.welcome(peer),
      listener: devices.listener('lines', { pingMs: 4_000, silenceMs: SILENCE_MS }),
    },
    { env, peer: { transport } },
  )
}

async function says(link: Link, ...lines: string[]): Promise<string[]> {
  await link.feed(Buffer.from(lines.map((text) => `${text}\n`).join('')))
  return heard(link)
}

function heard(link: Link): string[] {
  return Buffer.from(link.takeBytes()).toString().split('\n').slice(0, -1)
}

const hello = (device: string): string => `hello ${device} ${tokens.issue('device', device)}`

test('a device says hello, reports, and is told which reports are taken care of', async (t) => {
  const here = world()
  const link = await typist(here)
  t.deepEqual(await says(link, hello('lamp-1')), ['welcome'])
  t.deepEqual(await says(link, 'report power=5 temperature=21.5', 'report power=6'), ['accepted 1', 'accepted 2'])
  t.deepEqual(here.taken(), ['lamp-1 is here', 'lamp-1 {"power":5,"temperature":21.5}', 'lamp-1 {"power":6}'])
  t.is(here.statistics.reports, 2)
  const [view] = here.devices.views
  t.like(view, { id: 'lamp-1', via: 'tcp', protocol: 'lines', state: 'here', readings: { power: 6 } })
  t.deepEqual(here.devices.here, { tcp: 1, udp: 0 })
})

test('who is not let in: no hello, another device’s token, a name that is none, and one too many', async (t) => {
  const here = world(1)
  for (const [first, reason] of [
    ['report power=5', 'say hello first: hello DEVICE TOKEN'],
    [`hello lamp-2 ${tokens.issue('device', 'lamp-1')}`, 'wrong token'],
    [`hello lamp-2 ${tokens.issue('service', 'lamp-2')}`, 'wrong token'],
    [`hello <b> ${tokens.issue('device', '<b>')}`, 'the name of a device is up to 32 letters, digits and -'],
  ] as const) {
    const link = await typist(here)
    t.deepEqual(await says(link, first), [`denied ${reason}`])
    t.not(link.session.phase, 'open')
  }
  const first = await typist(here)
  t.deepEqual(await says(first, hello('lamp-1')), ['welcome'])
  t.deepEqual(await says(await typist(here), hello('lamp-2')), ['denied there are too many devices'])
  await first.reset()
  t.deepEqual(await says(await typist(here), hello('lamp-2')), ['welcome'])
  t.deepEqual(
    here.devices.views.map(({ id }) => id),
    ['lamp-2'],
  )
})

test('what cannot be read is told to whoever typed it, and costs nothing', async (t) => {
  const here = world()
  const link = await typist(here)
  await says(link, hello('lamp-1'))
  const how = 'try: report temperature=21.5 load=0.3'
  t.deepEqual(await says(link, 'sing', 'report', 'report power=much', 'report __proto__=1', 'report power=1'), [
    `error no such word: ${how}`,
    `error a report has at least one reading: ${how}`,
    `error power is no number: ${how}`,
    `error the name of a reading is a letter, then letters, digits and _, 24 at most: ${how}`,
    'accepted 1',
  ])
  const many = Array.from({ length: 17 }, (_, i) => `r${i}=1`).join(' ')
  t.deepEqual(await says(link, `report ${many}`), [`error a report has at most 16 readings: ${how}`])
})

test('a silent device is pinged, and gone after its time; a pong keeps it, and is measured', async (t) => {
  const here = world()
  const [lively, silent] = [await typist(here), await typist(here)]
  await says(lively, hello('lively'))
  await says(silent, hello('silent'))
  for (let second = 1; second <= 10; second++) {
    await here.env.advance(1_000)
    const pings = heard(lively).filter((text) => text.startsWith('ping '))
    for (const ping of pings) {
      await here.env.advance(25)
      await says(lively, ping.replace('ping', 'pong'))
      await here.env.advance(975) // heard at the full second again
    }
  }
  t.is(lively.cause, undefined)
  t.is(silent.cause?.by, 'error')
  t.true(here.taken().includes('silent is gone: silent for 8 s'))
  const [one, other] = here.devices.views
  t.like(one, { id: 'lively', state: 'here', latencyMs: 25 })
  t.like(other, { id: 'silent', state: 'gone' })
  t.deepEqual(here.statistics.sample(1, measured).latencyMs, { median: 25, p99: 25 })
  here.devices.tick()
  t.is(here.devices.views.length, 2)
  while (!heard(lively).some((text) => text.startsWith('ping '))) await here.env.advance(1_000)
  await here.env.advance(1_500) // unanswered as yet
  t.is(here.devices.views[0]?.latencyMs, 1_500)
  await here.env.advance(11 * 60_000)
  here.devices.tick()
  t.false(here.devices.views.some(({ id }) => id === 'silent')) // forgotten
})

test('a command goes out and its answer comes back; who does not answer, or leaves, is told of', async (t) => {
  const here = world()
  const { devices } = here
  const link = await typist(here)
  await says(link, hello('lamp-1'))
  const [one, other] = [devices.command('lamp-1', 'on'), devices.command('lamp-1', 'off')]
  await here.env.settle()
  t.deepEqual(heard(link), ['command 1 on', 'command 2 off'])
  await says(link, 'answer 2 is off', 'answer 1 is \x1b[31mon', 'answer 1 twice', 'answer 77 nobody asked')
  t.deepEqual(await Promise.all([one, other]), ['is  [31mon', 'is off'])

  const late = t.throwsAsync(devices.command('lamp-1', 'on'), { message: 'lamp-1 has not answered within 3 s' })
  await here.env.advance(3_000)
  await late
  const lost = t.throwsAsync(devices.command('lamp-1', 'on'), { message: 'lamp-1 is gone' })
  await link.reset()
  await lost
  await t.throwsAsync(devices.command('lamp-1', 'on'), { message: 'lamp-1 is gone' })
  await t.throwsAsync(devices.command('nobody', 'on'), { message: 'there is no device nobody' })
})

test('a device that comes back takes the place of its old session', async (t) => {
  const here = world()
  const before = await typist(here)
  await says(before, hello('lamp-1'), 'report power=1')
  const after = await typist(here)
  t.deepEqual(await says(after, hello('lamp-1'), 'report power=2'), ['welcome', 'accepted 1'])
  t.is(before.session.phase, 'closed')
  t.deepEqual(here.taken(), ['lamp-1 is here', 'lamp-1 {"power":1}', 'lamp-1 {"power":2}']) // it was never gone
  t.is(here.devices.views[0]?.state, 'here')
})

test('going down: commands on their way are waited for, and what comes after the goodbye does not count', async (t) => {
  const here = world()
  const link = await typist(here)
  await says(link, hello('lamp-1'), 'report power=1')
  const answer = here.devices.command('lamp-1', 'on')
  let isSettled = false
  const settled = here.devices.settle().then(() => (isSettled = true))
  await here.env.settle()
  t.false(isSettled)
  await t.throwsAsync(here.devices.command('lamp-1', 'off'), { message: 'the gateway goes down' })
  await says(link, 'answer 1 done')
  await settled
  t.is(await answer, 'done')
  const { onShutdown } = here.devices.listener('lines', { pingMs: 1, silenceMs: 1 })
  onShutdown?.(link.session, { signal: new AbortController().signal })
  t.deepEqual(await says(link, 'report power=2'), ['goodbye 1'])
  t.is(here.statistics.reports, 1)
})

test('Protobuf: every message comes out as it went in, zeros too, and wrong ones are refused', async (t) => {
  const here = world()
  const device = await embed({ codec: deviceProtobufCodec, framing: varintPrefixed(), listener: {} }, { env: here.env })
  const messages: GatewayMessage[] = []
  const errors: string[] = []
  const gateway = await embed<GatewayMessage, DeviceMessage>(
    { codec: deviceProtobufCodec, framing: varintPrefixed(), listener: { onMessage: (_s, m) => messages.push(m) } },
    { env: here.env },
  )
  const link = await embed<DeviceMessage, GatewayMessage>(
    {
      codec: protobufCodec,
      framing: varintPrefixed(),
      listener: { onError: (_s, error) => errors.push(error.message) },
    },
    { env: here.env },
  )
  for (const message of [
    { type: 'welcome' },
    { type: 'denied', reason: 'wrong token' },
    { type: 'command', id: 3, text: 'on' },
    { type: 'ping', at: 0 },
    { type: 'goodbye', accepted: 0 },
  ] as const) {
    link.session.send(message)
  }
  await here.env.settle()
  await gateway.feed(link.takeBytes())
  t.deepEqual(
    messages.map((message) => message.type),
    ['welcome', 'denied', 'command', 'ping', 'goodbye'],
  )
  t.like(messages[3], { at: 0 })
  t.like(messages[4], { accepted: 0 })

  device.session.send({ type: 'report', number: 1, readings: { power: Number.NaN } })
  await here.env.settle()
  await link.feed(device.takeBytes())
  t.regex(errors.join(), /^power is no number/)
})

const measured = {
  sessions: { tcp: 0, udp: 0, pages: 0, services: 0 },
  queuedBytes: 0,
  receivedMessages: 0,
  sentMessages: 0,
}

test('statistics: rates of the time between two samples, percentiles, and five minutes of it', (t) => {
  const statistics = new Statistics()
  statistics.sample(1_000, measured)
  for (let ms = 1; ms <= 100; ms++) statistics.onLatency(ms)
  const sample = statistics.sample(3_000, { ...measured, receivedMessages: 500, sentMessages: 50 })
  t.like(sample, { received: 250, sent: 25, latencyMs: { median: 51, p99: 100 } })
  t.is(statistics.sample(4_000, { ...measured, receivedMessages: 500, sentMessages: 50 }).latencyMs, undefined)
  for (let i = 5; i < 400; i++) statistics.sample(i * 1_000, measured)
  t.is(statistics.samples.length, 300)
})

test('movements: a few are told by name, a crowd by number', (t) => {
  const movements = new Movements()
  movements.came('lamp-1')
  movements.went('lamp-2', 'silent for 8 s')
  t.deepEqual(
    movements.take().map(({ text }) => text),
    ['lamp-2 is gone: silent for 8 s', 'lamp-1 is here'],
  )
  for (let i = 0; i < 200; i++) movements.came(`lamp-${i}`)
  t.deepEqual(movements.take(), [{ kind: 'notice', text: '200 devices are here' }])
  t.deepEqual(movements.take(), [])
})

test('a feed gives all that it was given, and says so when it cannot', async (t) => {
  const feed = new Feed()
  const report = (value: number): Report => ({ device: 'lamp', readings: { value } })
  feed.push(report(1))
  const read: number[] = []
  const reading = (async () => {
    for await (const { readings } of feed) read.push(readings['value'] ?? 0)
  })()
  await Promise.resolve()
  feed.push(report(2))
  feed.push(report(3))
  feed.end()
  feed.push(report(4))
  await reading
  t.deepEqual(read, [1, 2, 3])

  const full = new Feed()
  for (let i = 0; i < 100_001; i++) full.push(report(i))
  let count = 0
  await t.throwsAsync(
    async () => {
      for await (const _ of full) count++
    },
    { message: /you read too slowly/ },
  )
  t.is(count, 100_000)
})

test('a page that does not read is passed over, and the others get every snapshot', async (t) => {
  const { devices, statistics } = world()
  const services = new Services(devices, tokens, { onAttach() {}, onDetach() {}, onAnnounce() {} })
  const operators = new Operators({ env: systemEnv, devices, services, samples: statistics.samples })
  const http = createServer().listen(0, '127.0.0.1')
  await once(http, 'listening')
  const server = await operators.listen({ http, path: '/operators' })
  const address = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/operators`
  t.teardown(() => {
    server.destroy()
    http.close()
  })
  const seen = { quick: 0, slow: 0 }
  const open = (page: 'quick' | 'slow') =>
    dial(address, {
      codec: json<News, Wish>({ maxKeys: 500_000 }),
      listener: { onMessage: (_session, news) => void (seen[page] += news.type === 'snapshot' ? 1 : 0) },
    })
  const slow = await open('slow')
  const quick = await open('quick')
  slow.pause()
  const view: DeviceView = {
    id: 'lamp',
    via: 'tcp',
    protocol: 'lines',
    state: 'here',
    forMs: 1,
    rate: 1,
    readings: { power: 1 },
    queuedBytes: 0,
    lost: 0,
  }
  const snapshot: Snapshot = {
    type: 'snapshot',
    sample: statistics.sample(1, measured),
    devices: Array.from({ length: 5_000 }, () => view),
    operators: [],
    services: [],
  }
  const skipped = (): number => operators.views[0]?.skipped ?? 0
  let shown = 0
  for (; shown < 200 && skipped() < 3; shown++) {
    operators.show(snapshot)
    await until(systemEnv, () => seen.quick === shown + 1, 'the quick page has it')
  }
  t.is(skipped(), 3)
  t.is(operators.views[1]?.skipped, 0)
  slow.resume()
  await until(systemEnv, () => seen.slow === shown - 3, 'the slow page has what it was sent')
  operators.show(snapshot)
  await until(systemEnv, () => seen.slow === shown - 2, 'and is shown the next one')
  slow.destroy()
  quick.destroy()
})

// ── The program ────────────────────────────────────────────────────────────────────────────────────────────

interface Addresses {
  readonly page: number
  readonly lines: number
  readonly tcp: number
  readonly udp: number
  readonly services: number
}

async function started(t: ExecutionContext, environment: Readonly<Record<string, string>>) {
  const example = ExampleProcess.start('gateway', { SECRET, ...environment })
  t.teardown(() => example.kill())
  const portIn = async (pattern: RegExp): Promise<number> => Number((await example.printed(pattern))[1])
  const addresses: Addresses = {
    page: await portIn(/^http:\/\/127\.0\.0\.1:(\d+)\/$/m),
    lines: await portIn(/nc 127\.0\.0\.1 (\d+)$/m),
    tcp: await portIn(/tcp:\/\/127\.0\.0\.1:(\d+), udp/),
    udp: await portIn(/, udp:\/\/127\.0\.0\.1:(\d+)$/m),
    services: await portIn(/service-contract\.ts\): +tcp:\/\/127\.0\.0\.1:(\d+)$/m),
  }
  return { example, addresses }
}

/** A service of the test's own. */
async function attach(t: ExecutionContext, port: number): Promise<{ peer: RpcPeer; asked: string[] }> {
  const asked: string[] = []
  const session = await dial(
    `tcp://127.0.0.1:${port}`,
    rpc({
      onPeer: (peer) =>
        peer.serve(Attached, {
          introduce: () => ({
            name: 'tester',
            token: tokens.issue('service', 'tester'),
            answers: true,
            simulates: false,
          }),
          ask(question) {
            asked.push(question)
            return `${question}?`
          },
        }),
    }),
  )
  t.teardown(() => session.destroy())
  await session.data.waitFor([Gateway], { timeoutMs: 5_000 })
  return { peer: session.data, asked }
}

/** Over UDP: the hello may be lost, here with the session that ends because it was none. */
async function enter(device: Session<GatewayMessage, DeviceMessage>, id: string): Promise<void> {
  const helloing = systemEnv.every(200, () => {
    device.send({ type: 'hello', device: id, token: tokens.issue('device', id) })
  })
  try {
    while ((await device.receive({ timeoutMs: 10_000 })).type !== 'welcome');
  } finally {
    helloing[Symbol.dispose]()
  }
}

/** A page, without a browser. */
async function openPage(t: ExecutionContext, port: number) {
  const news: News[] = []
  const session: Session<News, Wish> = await dial(`ws://127.0.0.1:${port}/operators`, {
    codec: json<News, Wish>(),
    listener: { onMessage: (_session, message) => void news.push(message) },
  })
  t.teardown(() => session.destroy())
  const has = (what: string, is: (message: News) => boolean): Promise<void> =>
    until(systemEnv, () => news.some(is), `${what} on the page`)
  return { session, has }
}

test('gateway: lines, Protobuf over UDP, a page and a service meet in it', async (t) => {
  const { example, addresses } = await started(t, { DEVICES: '0' })
  const { peer, asked } = await attach(t, addresses.services)
  await example.printed(/service tester is attached/)
  const page = await openPage(t, addresses.page)

  const person = new PlainClient({ port: addresses.lines })
  person.type(`${hello('my-lamp')}\nreport temperature=21.5 load=0.3\n`)
  await person.reads('welcome\naccepted 1\n')

  const pump = await dial(`udp://127.0.0.1:${addresses.udp}`, { codec: deviceProtobufCodec })
  t.teardown(() => pump.destroy())
  pump.send({ type: 'report', number: 1, readings: { pressure: 3 } })
  t.like(await pump.receive({ timeoutMs: 5_000 }), { type: 'denied' }) // nobody has said hello
  await enter(pump, 'pump-1')
  pump.send({ type: 'report', number: 3, readings: { pressure: 3 } })
  pump.send({ type: 'report', number: 3, readings: { pressure: 99 } }) // twice: it counts once
  await page.has(
    'the pump',
    (news) => news.type === 'snapshot' && news.devices.some(({ id, lost }) => id === 'pump-1' && lost === 2),
  )

  // A command of a service, and one of the page.
  const answer = peer.client(Gateway).command({ device: 'my-lamp', text: 'on' })
  await person.reads('command 1 on\n')
  person.type('answer 1 it is on\n')
  t.is(await answer, 'it is on')
  page.session.send({ type: 'command', ticket: 7, device: 'my-lamp', text: 'off' })
  await person.reads('command 2 off\n')
  person.type('answer 2 it is off\n')
  await page.has('the answer', (news) => news.type === 'result' && news.ticket === 7 && news.text === 'it is off')
  await t.throwsAsync(peer.client(Gateway).command({ device: 'nobody', text: 'on' }), {
    message: /there is no device nobody/,
  })
  page.session.send({ type: 'fault', ticket: 8, device: 'my-lamp', fault: 'cut' })
  await page.has('why not', (news) => news.type === 'result' && news.ticket === 8 && !news.ok)

  // A question to a service.
  page.session.send({ type: 'say', text: '@tester how is it going' })
  await page.has('the answer', (news) => news.type === 'entry' && news.entry.text === 'how is it going?')
  t.deepEqual(asked, ['how is it going'])
  const devices = await peer.client(Gateway).devices()
  t.deepEqual(devices.map(({ id, via }) => `${id} ${via}`).toSorted(), ['my-lamp tcp', 'pump-1 udp'])
  t.is(await example.end(), 0)
  t.regex(await person.ended(), /goodbye 1\n$/)
  t.like(await page.session.closed, { by: 'remote', code: 1001 })
  t.notRegex(example.output, /Error|undefined|    at /)
})

function upgradeFor(host: string): string {
  const fields = [
    `Host: ${host}`,
    `Origin: http://${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  return `GET /operators HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`
}

test('gateway: a page of another site, a service with a wrong token, and what a page must not send', async (t) => {
  const { example, addresses } = await started(t, { DEVICES: '0' })
  const where = `ws://127.0.0.1:${addresses.page}/operators`
  const foreign = dial(where, { codec: json(), ws: { headers: { origin: 'http://example.com' } } })
  t.like(await t.throwsAsync(foreign), { code: 'ERR_REFUSED', status: 403 })
  // A name that its owner has made to lead here: page and request are of one origin.
  const rebound = new PlainClient({ port: addresses.page })
  rebound.type(upgradeFor(`example.com:${addresses.page}`))
  t.regex(await rebound.ended(), /^HTTP\/1\.1 403 /)
  for (const host of ['localhost', '127.0.0.1', '[::1]']) {
    const own = new PlainClient({ port: addresses.page })
    own.type(upgradeFor(`${host}:${addresses.page}`))
    await own.reads('HTTP/1.1 101 ')
  }
  const impostor = await dial(
    `tcp://127.0.0.1:${addresses.services}`,
    rpc({
      onPeer: (peer) =>
        peer.serve(Attached, {
          introduce: () => ({
            name: 'tester',
            token: tokens.issue('device', 'tester'),
            answers: true,
            simulates: true,
          }),
          ask: () => '',
        }),
    }),
  )
  await impostor.closed
  const page = await openPage(t, addresses.page)
  page.session.send({ type: 'fault', ticket: 1, device: 'x', fault: 'burn' as 'cut' })
  t.is((await page.session.closed).by, 'remote')
  t.is(await example.end(), 0)
})

test('gateway: a device with a certificate needs no token, and is nobody else', async (t) => {
  const factory = new Authority('Factory')
  const folder = mkdtempSync(join(tmpdir(), 'hawser-gateway-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { cert, key } = factory.issue('gateway', 'IP:127.0.0.1')
  for (const [name, pem] of Object.entries({ 'ca.crt': factory.cert, 'gateway.crt': cert, 'gateway.key': key })) {
    writeFileSync(join(folder, name), pem)
  }
  const { example, addresses } = await started(t, { DEVICES: '0', CERTIFICATES: folder })
  const { peer } = await attach(t, addresses.services)
  const port = await example.port('tls')
  const dialAs = (identity: { cert: string; key: string }) =>
    dial(`tls://127.0.0.1:${port}`, {
      codec: deviceProtobufCodec,
      framing: varintPrefixed(),
      tls: { ...identity, ca: factory.cert },
    })
  const pump = await dialAs(factory.issue('pump-1'))
  t.teardown(() => pump.destroy())
  pump.send({ type: 'hello', device: 'pump-1', token: '' })
  t.like(await pump.receive({ timeoutMs: 10_000 }), { type: 'welcome' })
  const devices = await peer.client(Gateway).devices()
  t.deepEqual(
    devices.map(({ id, via }) => [id, via]),
    [['pump-1', 'tls']],
  )
  const other = await dialAs(factory.issue('pump-2'))
  other.send({ type: 'hello', device: 'pump-1', token: '' })
  t.like(await other.receive({ timeoutMs: 10_000 }), { type: 'denied', reason: 'wrong token' })
  await other.closed
  t.is(await example.end(), 0)
})

test('gateway: a drained stop loses nothing that was accepted', async (t) => {
  const { example, addresses } = await started(t, { DEVICES: '0' })
  const { peer } = await attach(t, addresses.services)
  const read: number[] = []
  const reading = (async () => {
    for await (const { device, readings } of peer.client(Gateway).reports({ device: 'my-lamp' })) {
      t.is(device, 'my-lamp')
      read.push(readings['value'] ?? 0)
    }
  })()
  const person = new PlainClient({ port: addresses.lines })
  person.type(`${hello('my-lamp')}\n`)
  await person.reads('welcome\n')
  // More than is handled before the end: some are on their way, some wait here, when the signal comes.
  const reports = Array.from({ length: 2_000 }, (_, i) => `report value=${i + 1}\n`)
  person.type(reports.join(''))
  await person.reads('accepted 120\n')
  t.is(await example.end(), 0)
  await reading // it ends by itself: all was read
  const text = await person.ended()
  const accepted = Number(/goodbye (\d+)\n$/.exec(text)?.[1])
  t.true(accepted >= 120 && accepted < 2_000)
  t.true(text.includes(`accepted ${accepted}\n`))
  t.false(text.includes(`accepted ${accepted + 1}\n`))
  t.deepEqual(
    read,
    Array.from({ length: accepted }, (_, i) => i + 1),
  )
  t.regex(example.output, new RegExp(`${accepted} reports accepted so far; all is closed\\n$`))
})

test('gateway: simulated devices come by themselves; one whose link is cut is gone, and comes back', async (t) => {
  const { example, addresses } = await started(t, { DEVICES: '6', SILENCE_MS: '1200', INTERVAL_MS: '100' })
  await example.printed(/service simulation is attached/)
  const page = await openPage(t, addresses.page)
  const isAll = (state: string, ids: readonly string[]) => (news: News) =>
    news.type === 'snapshot' &&
    ids.every((id) => news.devices.some((device) => device.id === id && device.state === state))
  await page.has('all six', isAll('here', ['pump-001', 'tank-002', 'winch-003', 'lamp-004', 'pump-005', 'tank-006']))
  const faults = ['pump-001', 'winch-003'] // over TCP, and over UDP
  for (const [ticket, device] of faults.entries()) {
    page.session.send({ type: 'fault', ticket, device, fault: 'cut' })
    await page.has('done', (news) => news.type === 'result' && news.ticket === ticket && news.ok)
  }
  await page.has('that both are gone', isAll('gone', faults))
  for (const device of faults) page.session.send({ type: 'fault', ticket: 9, device, fault: 'heal' })
  await page.has(
    'that both are back',
    (news) => news.type === 'entry' && /^(pump-001|winch-003) is here$/.test(news.entry.text),
  )
  page.session.send({ type: 'fault', ticket: 11, device: 'my-lamp', fault: 'cut' })
  await page.has(
    'why not',
    (news) => news.type === 'result' && news.ticket === 11 && /my-lamp is not simulated/.test(news.text),
  )
  page.session.send({ type: 'fault', ticket: 9, device: 'tank-006', fault: 'flood' }) // over UDP: what is too much is lost
  const isFlooded = ({ id, lost }: DeviceView): boolean => id === 'tank-006' && lost > 100
  await page.has('what was lost', (news) => news.type === 'snapshot' && news.devices.some(isFlooded))
  page.session.send({ type: 'command', ticket: 10, device: 'lamp-004', text: 'off' })
  await page.has('an answer', (news) => news.type === 'result' && news.ticket === 10 && news.text === 'is off now')
  page.session.send({ type: 'say', text: '@watchman hottest' })
  await page.has('the watchman', (news) => news.type === 'entry' && news.entry.from === 'watchman')
  t.is(await example.end(), 0)
})
