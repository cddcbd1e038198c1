import test from 'ava'
import fc from 'fast-check'
import { parseAddress } from '../../src/core/address.ts'
import type { Connection } from '../../src/core/connection.ts'
import type { StreamTarget } from '../../src/core/env.ts'
import type { LinkOptions } from '../../src/core/transport.ts'
import type { Faults } from '../../src/testing/faults.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'
import { Accepted, linkOptions } from '../support/link-options.ts'
import { RecordingSink } from '../support/recording-sink.ts'

const HERE: StreamTarget = { host: '127.0.0.1', port: 7000 }

async function pair(
  env: VirtualEnv,
  more: Partial<LinkOptions> = {},
): Promise<{ dialed: Connection; accepted: Connection }> {
  const sink = new Accepted()
  const acceptor = await env.net.listen(HERE, linkOptions(env, 'accepted', more), sink)
  const dialing = env.net.dial(HERE, linkOptions(env, 'dialed', more))
  await env.advance(1000)
  await acceptor.close()
  return { dialed: await dialing, accepted: sink.last }
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, at) => (at * 7) & 0xff)

test('listeners and dialers find each other by host and port, and by path', async (t) => {
  const env = virtualEnv()
  const { net } = env
  const listen = (target: StreamTarget) => net.listen(target, linkOptions(env, 'accepted'), new Accepted())
  const dial = (target: StreamTarget) => net.dial(target, linkOptions(env, 'dialed'))
  const first = await listen(HERE)
  t.is(first.address, 'tcp://127.0.0.1:7000')
  await t.throwsAsync(listen(HERE), { code: 'ERR_ADDRESS_IN_USE' })
  await t.throwsAsync(listen({ host: '*', port: 7000 }), { code: 'ERR_ADDRESS_IN_USE' })
  const other = await listen({ host: '127.0.0.2', port: 7000 })
  const any = await listen({ host: '*', port: 0 })
  const { port } = parseAddress(any.address)
  t.true(port > 0)
  await t.throwsAsync(listen({ host: '127.0.0.1', port }), { code: 'ERR_ADDRESS_IN_USE' })
  const dialed = await dial({ host: 'localhost', port: 7000 })
  t.is(parseAddress(dialed.localAddress).host, '127.0.0.1')
  await dial({ host: '::1', port })
  await t.throwsAsync(dial({ host: '127.0.0.1', port: 1 }), { code: 'ERR_CONNECTION_REFUSED' })
  await t.throwsAsync(dial({ host: 'no.such.host', port: 7000 }), { code: 'ERR_HOST_NOT_FOUND' })
  await t.throwsAsync(dial({ path: '/run/app.sock' }), { code: 'ERR_CONNECTION_REFUSED' })
  const socket = await listen({ path: '/run/app.sock' })
  t.is(socket.address, 'ipc:///run/app.sock')
  t.is((await dial({ path: '/run/app.sock' })).remoteAddress, 'ipc:///run/app.sock')
  for (const acceptor of [first, other, any, socket]) await acceptor.close()
  await t.throwsAsync(dial(HERE), { code: 'ERR_CONNECTION_REFUSED' })
  t.is(env.timers, 0)
})

test('a dial takes a round trip, bytes take one way, and what follows waits for its turn on the wire', async (t) => {
  const env = virtualEnv({ now: 0 })
  env.network.setFaults({ latencyMs: 50, bytesPerSecond: 10_000 })
  const accepted = new Accepted()
  await env.net.listen(HERE, linkOptions(env, 'accepted'), accepted)
  let dialed: Connection | undefined
  void env.net.dial(HERE, linkOptions(env, 'dialed')).then((connection) => (dialed = connection))
  await env.advance(99)
  t.is(dialed, undefined)
  await env.advance(1)
  const sink = new RecordingSink(accepted.last)
  const arrivals: number[] = []
  sink.onEach = () => arrivals.push(env.now())
  dialed?.write(bytes(1000))
  await env.settle()
  dialed?.write(bytes(500))
  await env.advance(149)
  t.deepEqual(arrivals, [])
  await env.advance(1000)
  t.deepEqual(arrivals, [100 + 100 + 50, 100 + 150 + 50])
})

test('a stream comes whole and in order through slices, jitter and small windows, whatever the seed', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.record({
        latencyMs: fc.nat(30),
        jitterMs: fc.nat(50),
        sliceBytes: fc.integer({ min: 1, max: 400 }),
        windowBytes: fc.integer({ min: 1, max: 2000 }),
      }),
      async (seed, faults) => {
        const env = virtualEnv({ seed })
        const { dialed, accepted } = await pair(env)
        env.network.setFaults(faults)
        const [here, there] = [new RecordingSink(dialed), new RecordingSink(accepted)]
        there.onEach = (chunk) => accepted.write(chunk.slice())
        const sent = bytes(300)
        const order: number[] = []
        for (let at = 0; at < 300; at += 100) dialed.write(sent.subarray(at, at + 100), () => order.push(at))
        dialed.end()
        await env.advance(100_000)
        t.deepEqual(there.bytes, sent)
        t.deepEqual(here.bytes, sent)
        t.deepEqual(order, [0, 100, 200])
        t.true(there.chunks.every((chunk) => chunk.length <= faults.sliceBytes))
        accepted.end()
        await env.advance(1000)
        t.deepEqual(
          [here.lifeCycle, there.lifeCycle],
          [
            ['end', 'close'],
            ['end', 'close'],
          ],
        )
        t.is(env.network.links.length, 0)
      },
    ),
    { numRuns: 15 },
  )
})

test('a small window holds back what was written, until it is read', async (t) => {
  const env = virtualEnv()
  env.network.setFaults({ windowBytes: 100 })
  const { dialed, accepted } = await pair(env)
  dialed.write(bytes(1000))
  await env.advance(1000)
  t.is(dialed.bufferedBytes, 900)
  const sink = new RecordingSink(accepted)
  await env.settle()
  t.is(sink.byteCount, 1000)
})

test('cutAfterBytes resets the link at exactly that byte, at any byte', async (t) => {
  for (let cut = 0; cut <= 12; cut++) {
    const env = virtualEnv({ seed: cut })
    env.network.setFaults({ cutAfterBytes: cut, latencyMs: 5, sliceBytes: 4 })
    const { dialed, accepted } = await pair(env)
    const [here, there] = [new RecordingSink(dialed), new RecordingSink(accepted)]
    dialed.write(bytes(6))
    dialed.write(bytes(6))
    await env.advance(1000)
    t.is(there.byteCount, cut)
    t.deepEqual(there.lifeCycle, ['close ERR_CONNECTION_RESET'])
    t.deepEqual(here.lifeCycle, ['close ERR_CONNECTION_RESET'])
  }
})

test('corruption turns one bit of a chunk, and not in the memory of the writer', async (t) => {
  const env = virtualEnv()
  env.network.setFaults({ corruptRatio: 1 })
  const { dialed, accepted } = await pair(env)
  const sink = new RecordingSink(accepted)
  const sent = bytes(64)
  dialed.write(sent)
  await env.settle()
  t.deepEqual(sent, bytes(64))
  const turned = sink.bytes.map((byte, at) => byte ^ (sent[at] ?? 0)).filter((bits) => bits !== 0)
  t.is(turned.length, 1)
  t.is(Math.log2(turned[0] ?? 0) % 1, 0)
})

test('cut is silence: no end learns anything, until heal brings what waited', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  const [here, there] = [new RecordingSink(dialed), new RecordingSink(accepted)]
  env.network.cut()
  let taken = false
  dialed.write(bytes(10), () => (taken = true))
  await env.settle()
  dialed.destroy()
  await env.advance(3_600_000)
  t.true(taken)
  t.deepEqual(here.events, ['close'])
  t.deepEqual(there.events, [])
  env.network.heal()
  await env.settle()
  t.deepEqual(there.events, ['chunk 10', 'end'])

  const second = await pair(env)
  const sink = new RecordingSink(second.accepted)
  const link = env.network.links.at(-1)
  link?.cut()
  env.network.heal()
  second.dialed.write(bytes(3))
  await env.advance(1000)
  t.deepEqual(sink.events, [])
  link?.heal()
  await env.settle()
  t.deepEqual(sink.events, ['chunk 3'])
  t.deepEqual(link?.sentBytes, { forth: 3, back: 0 })
})

test('a dial into a cut times out, is aborted, or goes on when the network is healed', async (t) => {
  const env = virtualEnv()
  const accepted = new Accepted()
  await env.net.listen(HERE, linkOptions(env, 'accepted'), accepted)
  for (const silence of [() => env.network.cut(), () => env.network.setFaults({ dials: 'ignore' })]) {
    silence()
    const late = t.throwsAsync(env.net.dial(HERE, linkOptions(env, 'dialed')), { code: 'ERR_TIMEOUT' })
    const abort = new AbortController()
    const left = t.throwsAsync(env.net.dial(HERE, linkOptions(env, 'dialed', { signal: abort.signal })), {
      message: 'enough',
    })
    await env.advance(4000)
    abort.abort(new Error('enough'))
    await left
    await env.advance(1000)
    await late
    const patient = env.net.dial(HERE, linkOptions(env, 'dialed'))
    await env.advance(100)
    env.network.heal()
    await patient
  }
  await t.throwsAsync(
    env.net.dial(HERE, linkOptions(env, 'dialed', { signal: AbortSignal.abort(new Error('before')) })),
    { message: 'before' },
  )
  env.network.setFaults({ dials: 'refuse' })
  await t.throwsAsync(env.net.dial(HERE, linkOptions(env, 'dialed')), { code: 'ERR_CONNECTION_REFUSED' })
  await env.settle()
  t.is(accepted.connections.length, 2)
  t.is(env.timers, 0)
})

test('reset breaks both ends of every link, and what was unread is lost', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env)
  const here = new RecordingSink(dialed)
  dialed.write(bytes(10))
  await env.settle()
  env.network.reset()
  t.deepEqual(here.events, [])
  await env.settle()
  const there = new RecordingSink(accepted)
  await env.settle()
  t.deepEqual(here.events, ['close ERR_CONNECTION_RESET'])
  t.deepEqual(there.events, ['close ERR_CONNECTION_RESET'])
  t.is(env.network.links.length, 0)
})

test('a borrowed chunk is poisoned when onChunk has returned', async (t) => {
  const env = virtualEnv()
  const { dialed, accepted } = await pair(env, { chunks: 'borrowed' })
  t.is(accepted.chunks, 'borrowed')
  const sink = new RecordingSink(accepted)
  let seen: Uint8Array | undefined
  sink.onEach = (chunk) => (seen = Uint8Array.from(chunk))
  dialed.write(bytes(40))
  await env.settle()
  t.deepEqual(seen, bytes(40))
  t.true(sink.chunks[0]?.every((byte) => byte === 0xdb))
  dialed.write(bytes(20))
  await env.settle()
  t.is(sink.chunks[1]?.buffer, sink.chunks[0]?.buffer)
})

test('TLS is imitated: a round trip, protocol and certificates, and its failures', async (t) => {
  const env = virtualEnv()
  const secured = async (client: object, server: object) => {
    const { dialed, accepted } = await pair(env)
    env.network.setFaults({ latencyMs: 10 })
    const both = Promise.all([
      env.net.secure(dialed, client, linkOptions(env, 'dialed')),
      env.net.secure(accepted, server, linkOptions(env, 'accepted')),
    ])
    const outcome = both.then(
      () => 'secure',
      () => 'failed',
    )
    await env.advance(19)
    await env.advance(1)
    await outcome
    env.network.setFaults({})
    return both
  }
  const [client, server] = await secured(
    { alpn: ['b', 'a'], cert: 'client' },
    { alpn: ['a', 'b'], cert: 'server', clientCertificate: 'optional' },
  )
  t.is(client.peer.protocol, 'a')
  t.is(server.peer.protocol, 'a')
  t.like(client.peer.certificate, { subject: { CN: 'server' } })
  t.like(server.peer.certificate, { subject: { CN: 'client' } })
  t.true(client.remoteAddress.startsWith('tls://'))
  client.write(bytes(5))
  await env.settle()
  const sink = new RecordingSink(server)
  await env.settle()
  t.deepEqual(sink.events, ['chunk 5'])

  await t.throwsAsync(secured({ alpn: ['x'] }, { alpn: ['y'] }), { code: 'ERR_TLS' })
  await t.throwsAsync(secured({}, { clientCertificate: 'required' }), { code: 'ERR_TLS' })

  const plain = await pair(env)
  const handshake = env.net.secure(plain.accepted, {}, linkOptions(env, 'accepted'))
  plain.dialed.write(new TextEncoder().encode('GET / HTTP/1.1'))
  await t.throwsAsync(handshake, { code: 'ERR_TLS', message: /GET/ })
  const silent = await pair(env)
  const waiting = t.throwsAsync(env.net.secure(silent.accepted, {}, linkOptions(env, 'accepted')), {
    code: 'ERR_TIMEOUT',
  })
  await env.advance(5000)
  await waiting
  const leaving = await pair(env)
  const left = env.net.secure(leaving.accepted, {}, linkOptions(env, 'accepted'))
  leaving.dialed.destroy()
  await t.throwsAsync(left, { code: 'ERR_CONNECTION_RESET' })
  t.is(env.timers, 0)
})

test('the two ends of a pair can be adopted, and nothing else', async (t) => {
  const env = virtualEnv()
  const { near, far } = env.network.pair()
  const adopted = env.net.adopt(near, linkOptions(env, 'attached'))
  const sink = new RecordingSink(adopted)
  far.write(bytes(2))
  await env.settle()
  t.deepEqual(sink.events, ['chunk 2'])
  t.throws(() => env.net.adopt({}, linkOptions(env, 'attached')), { code: 'ERR_BAD_OPTION' })
})

test('the same seed gives the same trace of events, another one another', async (t) => {
  const faults: Faults = {
    latencyMs: 20,
    jitterMs: 15,
    sliceBytes: 700,
    bytesPerSecond: 100_000,
    windowBytes: 4096,
    corruptRatio: 0.1,
  }
  const trace = async (seed: number): Promise<string[]> => {
    const env = virtualEnv({ seed })
    const lines: string[] = []
    const note = (line: string) => lines.push(`${env.now()} ${line}`)
    env.network.setFaults(faults)
    const accepted = new Accepted()
    await env.net.listen(HERE, linkOptions(env, 'accepted'), accepted)
    const talk = async (name: string) => {
      const connection = await env.net.dial(HERE, linkOptions(env, 'dialed'))
      const sink = new RecordingSink(connection)
      sink.onEach = (chunk) => note(`${name} got ${[...chunk.subarray(0, 4)].join()} of ${chunk.length}`)
      for (let i = 0; i < 5; i++) {
        connection.write(env.randomBytes(env.random() * 3000), () => note(`${name} ${i} taken`))
        await new Promise<void>((resolve) => void env.after(env.random() * 30, resolve))
      }
      connection.end()
    }
    const talks = [talk('one'), talk('two'), talk('three')]
    await env.advance(100)
    for (const connection of accepted.connections) {
      const sink = new RecordingSink(connection)
      sink.onEach = (chunk) => connection.write(chunk)
    }
    env.setTimer(150, () => env.network.cut())
    env.setTimer(400, () => env.network.heal())
    await env.advance(60_000)
    await Promise.all(talks)
    return lines
  }
  const first = await trace(3)
  t.true(first.length > 50)
  t.deepEqual(await trace(3), first)
  t.notDeepEqual(await trace(4), first)
})

test('wrong faults are refused by their name', (t) => {
  const { network } = virtualEnv()
  for (const faults of [
    { latencyMs: -1 },
    { sliceBytes: 0 },
    { windowBytes: 1.5 },
    { corruptRatio: 2 },
    { corruptRatio: Number.NaN },
  ]) {
    t.throws(() => network.setFaults(faults), {
      code: 'ERR_BAD_OPTION',
      message: new RegExp(Object.keys(faults).join()),
    })
  }
  t.throws(() => network.setFaults({ dials: 'x' as 'refuse' }), { code: 'ERR_BAD_OPTION' })
})
