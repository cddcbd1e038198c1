import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import type { Env, Files } from '../../src/core/env.ts'
import type { Logger } from '../../src/core/logger.ts'
import { wireLog } from '../../src/layers/wire-log.ts'
import { verifyLayer } from '../../src/testing/conformance/layer.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { HeldConnection } from '../../src/testing/held-connection.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'
import { tcp } from '../../src/transports/tcp.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'
import { readPcap } from '../support/pcap.ts'
import { runningEnv } from '../support/running-env.ts'
import { suite } from '../support/suite.ts'

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const clock = runningEnv(1)
/** A disk that forgets: what was written is looked at elsewhere. */
const forgetful = { append: () => Promise.resolve() } as unknown as Files
const nowhere = (env: Env) =>
  wireLog({ file: '/wire.pcapng', env: { now: () => env.now(), files: forgetful, logger: SILENT } as unknown as Env })

verifyLayer(suite, 'wireLog to a logger', { wrap: wireLog(SILENT) })
verifyLayer(suite, 'wireLog to a file', { wrap: nowhere(systemEnv) })
verifyLayer(suite, 'wireLog to a file, over messages', {
  wrap: nowhere(systemEnv),
  groups: { inproc: { boundary: 'message' } },
})
verifyLayer(suite, 'wireLog on a virtual clock', {
  wrap: nowhere(clock.env),
  transport: tcp,
  address: 'tcp://127.0.0.1:0',
  env: clock.env,
})

test.after.always('nothing is left', (t) => {
  t.is(clock.stop(), 0)
})

test('to a logger: direction, peer, and the bytes as hex and text', async (t) => {
  const lines: string[] = []
  const env = virtualEnv()
  const below = new HeldConnection({ env, remoteAddress: 'tcp://192.0.2.1:7' })
  const logger = { ...SILENT, debug: (message: string) => void lines.push(message) }
  const layer = wireLog(logger)(below, 'accepted', env)
  layer.attach({ onChunk() {}, onActivity() {}, onEnd() {}, onClose() {} })
  layer.write(new TextEncoder().encode('Hello, Hawser!\r\n\x00é'))
  below.feed(Uint8Array.of(255))
  layer.end()
  layer.write(Uint8Array.of(1))
  below.feedEnd()
  await env.settle()
  t.deepEqual(lines, [
    '+ tcp://192.0.2.1:7 open',
    `> tcp://192.0.2.1:7 19 B
0000  48 65 6c 6c 6f 2c 20 48  61 77 73 65 72 21 0d 0a  |Hello, Hawser!..|
0010  00 c3 a9                                          |...|`,
    '> tcp://192.0.2.1:7 end',
    `< tcp://192.0.2.1:7 1 B
0000  ff                                                |.|`,
    '< tcp://192.0.2.1:7 end',
    '- tcp://192.0.2.1:7 closed',
  ])
})

test('to a logger: of a large chunk the first 4 KiB; a logger that throws hurts nobody', async (t) => {
  const lines: string[] = []
  const env = virtualEnv()
  const debug = (message: string) => {
    lines.push(message)
    throw new Error('full')
  }
  const layer = wireLog({ ...SILENT, debug })(new HeldConnection({ env }), 'accepted', env)
  layer.write(new Uint8Array(1_000_000))
  t.true((lines[0]?.length ?? 0) < 30_000)
  t.regex(lines[0] ?? '', /… and 995904 B more$/)
})

test('to a file: a handshake, each byte at its place, and the ends, as TCP has them', async (t) => {
  const world = new EndpointWorld()
  const { env } = world
  const setup = { codec: text(), framing: line() }
  const wrap = [wireLog({ file: '/wire.pcapng' })]
  const listener = {
    onMessage: (session: { send(message: string): boolean }, message: string) => void session.send(message),
  }
  await world.listen('tcp://*:7000', { ...setup, listener, wrap })
  const session = await world.dial('tcp://127.0.0.1:7000', setup)
  session.send('hello')
  session.send('x'.repeat(200_000))
  await env.advance(1_000)
  t.is(await session.receive(), 'hello')
  t.is((await session.receive()).length, 200_000)
  await Promise.all([session.close(), env.advance(1_000)])
  const packets = readPcap((await env.files?.read('/wire.pcapng')) ?? new Uint8Array(0))
  t.deepEqual(
    packets.slice(0, 3).map(({ flags }) => flags),
    ['S', 'SA', 'A'],
  )
  const { from } = packets[0] as (typeof packets)[0]
  const carried = { in: '', out: '' }
  const next = { in: 1, out: 1 }
  for (const packet of packets.slice(3)) {
    const way = packet.from === from ? 'in' : 'out'
    t.is(packet.sequence, next[way])
    t.is(packet.acknowledged, next[way === 'in' ? 'out' : 'in'])
    next[way] += packet.payload.length + (packet.flags.includes('F') ? 1 : 0)
    carried[way] += new TextDecoder().decode(packet.payload)
  }
  t.is(carried.in, `hello\n${'x'.repeat(200_000)}\n`)
  t.is(carried.out, carried.in)
  t.is(packets.filter(({ flags }) => flags.includes('F')).length, 2)
  t.true(packets.every(({ at }) => at >= env.now() - 10_000 && at <= env.now()))
})

test('to a file: a fault is a reset; IPv6, ends without an address, and datagrams', async (t) => {
  const env = virtualEnv()
  const wrap = wireLog({ file: '/wire.pcapng' })
  const record = async (remoteAddress: string, localAddress: string, boundary: 'stream' | 'message' = 'stream') => {
    const below = new HeldConnection({ env, remoteAddress, localAddress, boundary })
    const layer = wrap(below, 'dialed', env)
    layer.attach({ onChunk() {}, onActivity() {}, onEnd() {}, onClose() {} })
    layer.write(Uint8Array.of(1, 2, 3))
    await env.settle()
    below.reset()
    await env.settle()
  }
  await record('tcp://[2001:db8::1]:7', 'tcp://[2001:db8::2]:8')
  await record('ipc:///run/place', 'ipc:///run/place')
  await record('udp://192.0.2.1:7', 'udp://192.0.2.2:8', 'message')
  const packets = readPcap((await env.files?.read('/wire.pcapng')) ?? new Uint8Array(0))
  t.deepEqual(
    packets.map(({ from, to, flags }) => `${from} ${to} ${flags}`),
    [
      '2001:db8::2.8 2001:db8::1.7 S',
      '2001:db8::1.7 2001:db8::2.8 SA',
      '2001:db8::2.8 2001:db8::1.7 A',
      '2001:db8::2.8 2001:db8::1.7 PA',
      '2001:db8::1.7 2001:db8::2.8 RA',
      ...['S', 'SA', 'A', 'PA', 'RA'].map((flags) => {
        const far = packets[5]?.to
        const [from, to] = flags.startsWith('S') && flags.length > 1 ? [far, near] : [near, far]
        return `${flags === 'RA' ? far : from} ${flags === 'RA' ? near : to} ${flags}`
      }),
      '192.0.2.2.8 192.0.2.1.7 udp',
    ],
  )
})

const near = '127.0.0.1.65535'

test('files that cannot be written, or do not keep up, are logged once and cost no session', async (t) => {
  const env = virtualEnv()
  let appends = 0
  let release = () => {}
  const failing: Files = {
    ...(env.files as Files),
    append: () => (appends++, Promise.reject(new Error('the disk is full'))),
  }
  const slow: Files = {
    ...(env.files as Files),
    append: () => (appends++ > 0 ? Promise.resolve() : new Promise<void>((resolve) => (release = resolve))),
  }
  const through = (files: Files) => {
    const logs: string[] = []
    const logger = { ...SILENT, error: (message: string) => void logs.push(message) }
    const owner = { now: () => env.now(), files, logger } as unknown as Env // all that a file needs
    const below = new HeldConnection({ env })
    const layer = wireLog({ file: '/wire.pcapng', env: owner })(below, 'accepted', env)
    for (let i = 0; i < 40; i++) layer.write(new Uint8Array(1024 * 1024))
    return { logs, below }
  }
  const failed = through(failing)
  await env.settle()
  t.is(failed.below.writes.length, 40)
  t.deepEqual(failed.logs, ['the wire log /wire.pcapng stops: the disk is full'])
  t.is(appends, 1)

  appends = 0
  const late = through(slow)
  await env.settle()
  release()
  await env.settle()
  t.is(late.below.writes.length, 40)
  t.is(late.logs.length, 1)
  t.regex(late.logs[0] ?? '', /left out \d+ packets/)
})

test('what is no target is refused', (t) => {
  const env = virtualEnv()
  for (const to of [undefined, {}, { file: '' }, { file: 7 }]) {
    t.throws(() => wireLog(to as never), { code: 'ERR_BAD_OPTION' } as never)
  }
  const without = { now: () => env.now(), logger: SILENT } as unknown as Env
  t.throws(() => wireLog({ file: '/x' })(new HeldConnection({ env }), 'accepted', without), {
    code: 'ERR_BAD_OPTION',
  } as never)
})
