import { execFile } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { parseAddress } from '../../src/core/address.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { systemError } from '../../src/env/node/system-error.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { tls } from '../../src/transports/tls.ts'
import { Diary, dialing, linkOptions, listening, textBytes } from '../support/accepting.ts'
import { borrowing } from '../support/borrowing.ts'
import { noLeaks, resources } from '../support/leaks.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { tcp } from '../../src/transports/tcp.ts'
import { suite } from '../support/suite.ts'

verifyTransport(suite, 'tcp', { transport: tcp, address: 'tcp://127.0.0.1:0' })
verifyTransport(suite, 'tcp over IPv6', { transport: tcp, address: 'tcp://[::1]:0' })
verifyTransport(suite, 'tcp inside a pass-through layer', {
  transport: tcp,
  address: 'tcp://127.0.0.1:0',
  wrap: passThrough,
})
verifyTransport(suite, 'tcp that lends its chunks', { transport: borrowing(tcp), address: 'tcp://127.0.0.1:0' })

test('B-03: a reset is one onClose with ERR_CONNECTION_RESET: idle, paused, in the middle of a write, after our end', async (t) => {
  for (const state of ['idle', 'paused', 'writing', 'ended'] as const) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      if (state === 'writing') socket.pause()
      else socket.once('data', () => socket.resetAndDestroy())
      if (state === 'writing') setTimeout(() => socket.resetAndDestroy(), 20)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const connection = await dialing(tcp, `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const diary = new Diary()
    connection.attach(diary)
    connection.write(state === 'writing' ? new Uint8Array(8 * 1024 * 1024) : textBytes('?'))
    if (state === 'ended') connection.end()
    if (state === 'paused') {
      connection.pause()
      await delay(30)
      connection.resume() // a reset is seen by who reads or writes
    }
    await diary.closed()
    t.like(diary.error, { code: 'ERR_CONNECTION_RESET', retryable: true }, state)
    connection.write(textBytes('late'))
    connection.destroy(new Error('late'))
    await delay(5)
    t.deepEqual(diary.entries, ['(close)'], state)
    server.close()
  }
})

test('B-03: a reset before attach is told after it', async (t) => {
  const { acceptor, sink } = await listening(tcp, 'tcp://127.0.0.1:0')
  const { port } = parseAddress(acceptor.address)
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const connection = await sink.first()
  socket.resetAndDestroy()
  await delay(10)
  const diary = new Diary()
  connection.attach(diary)
  await diary.closed()
  t.like(diary.error, { code: 'ERR_CONNECTION_RESET' })
  t.deepEqual(diary.entries, ['(close)'])
  await acceptor.close()
})

test('B-08: a server that runs out of descriptors lives on, and serves again when there are some', async (t) => {
  // libuv gives the connections it cannot keep a close, so that they are not accepted for ever.
  const script = fileURLToPath(new URL('../support/few-descriptors.js', import.meta.url))
  const { stdout } = await promisify(execFile)('sh', ['-c', 'ulimit -n 48; exec "$0" "$1"', process.execPath, script])
  const [accepted, echo] = stdout.trim().split(' ')
  t.true(Number(accepted) > 0 && Number(accepted) < 48, `${accepted} were accepted`)
  t.is(echo, 'recovered')
})

test('B-11: where every address of a host refuses, the cause holds the error of each', async (t) => {
  const { acceptor } = await listening(tcp, 'tcp://*:0')
  await acceptor.close()
  const address = acceptor.address.replace('*', 'localhost')
  const error = await t.throwsAsync(dialing(tcp, address))
  t.like(error, { code: 'ERR_CONNECTION_REFUSED', retryable: true })
  const cause = error?.cause
  if (cause instanceof AggregateError) t.true(cause.errors.length > 1)
  else t.like(cause, { code: 'ECONNREFUSED' })
})

test('B-11: a name that nobody has is ERR_HOST_NOT_FOUND', async (t) => {
  await t.throwsAsync(dialing(tcp, 'tcp://no-such-host.invalid:1'), { code: 'ERR_HOST_NOT_FOUND' })
})

const failure = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code })

test('B-11: the errors of several addresses are one AggregateError, whose first names the code', (t) => {
  const both = new AggregateError([failure('ENETUNREACH'), failure('ECONNREFUSED')])
  const error = systemError(both, 'cannot dial tcp://somewhere:1')
  t.is(error.code, 'ERR_UNREACHABLE')
  t.is(error.cause, both)
})

test('* listens on every interface, and the peers of IPv4 are shown as such', async (t) => {
  const { acceptor, sink } = await listening(tcp, 'tcp://*:0')
  t.regex(acceptor.address, /^tcp:\/\/\*:[1-9]\d+$/)
  const connection = await dialing(tcp, acceptor.address)
  t.is((await sink.first()).remoteAddress, connection.localAddress)
  t.regex(connection.localAddress, /^tcp:\/\/127\.0\.0\.1:\d+$/)
  for (const one of [connection, ...sink.connections]) one.destroy()
  await acceptor.close()
})

test('an address of somebody else cannot be listened on', async (t) => {
  await t.throwsAsync(listening(tcp, 'tcp://192.0.2.1:0'), {
    code: 'ERR_BAD_ADDRESS',
    message: /192\.0\.2\.1.* no address of this machine/,
  })
})

test('while paused, no more wait than the backlog says', async (t) => {
  const { acceptor, sink } = await listening(tcp, 'tcp://127.0.0.1:0', { listen: { backlog: 2 } })
  acceptor.pause()
  const dialed = await Promise.all([1, 2, 3, 4].map(() => dialing(tcp, acceptor.address)))
  const diaries = dialed.map((connection) => {
    const diary = new Diary()
    connection.attach(diary)
    return diary
  })
  await until(systemEnv, () => diaries.filter((diary) => diary.entries.length > 0).length === 2, 'two are closed')
  acceptor.resume()
  t.is(sink.connections.length, 2)
  for (const connection of [...dialed, ...sink.connections]) connection.destroy()
  await acceptor.close()
})

const wrong = (groups: object): Promise<unknown> => dialing(tcp, 'tcp://127.0.0.1:1', groups)

test('a wrong option of the group tcp or listen is named', async (t) => {
  const code = 'ERR_BAD_OPTION'
  await t.throwsAsync(wrong({ tcp: { keepAliveMs: -1 } }), { code, message: /tcp\.keepAliveMs/ })
  await t.throwsAsync(wrong({ tcp: { noDelay: 'yes' } }), { code, message: /tcp\.noDelay/ })
  await t.throwsAsync(wrong({ tcp: { nodelay: true } }), { code, message: /tcp\.nodelay is unknown/ })
  await t.throwsAsync(wrong({ listen: { backlog: 0 } }), { code, message: /backlog/ })
  await t.throwsAsync(wrong({ tcp: 5 }), { code, message: /tcp/ })
})

test.serial('J-05: dials that were aborted, timed out, refused or closed leave nothing behind', async (t) => {
  await delay(50)
  const before = resources()
  const { acceptor, sink } = await listening(tcp, 'tcp://127.0.0.1:0')
  const controller = new AbortController()
  const aborted = dialing(tcp, acceptor.address, {}, { signal: controller.signal })
  controller.abort(new Error('enough'))
  await t.throwsAsync(aborted, { message: 'enough' })
  t.is(getEventListeners(controller.signal, 'abort').length, 0)
  const kept = new AbortController()
  const connection = await dialing(tcp, acceptor.address, {}, { signal: kept.signal })
  t.is(getEventListeners(kept.signal, 'abort').length, 0)
  connection.destroy()
  await t.throwsAsync(
    tls.dial(parseAddress(acceptor.address.replace('tcp', 'tls')), linkOptions('dialed', {}, { timeoutMs: 20 })),
    { code: 'ERR_TIMEOUT' },
  )
  for (const accepted of sink.connections) accepted.destroy()
  await acceptor.close()
  await t.throwsAsync(dialing(tcp, acceptor.address), { code: 'ERR_CONNECTION_REFUSED' })
  await noLeaks(t, before)
})
