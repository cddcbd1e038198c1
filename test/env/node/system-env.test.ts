import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Duplex, PassThrough } from 'node:stream'
import test from 'ava'
import { systemEnv } from '../../../src/env/node/system-env.ts'
import { codeOf, systemError } from '../../../src/env/node/system-error.ts'
import { requiredNet } from '../../../src/transports/required-net.ts'
import { Diary, linkOptions, textBytes } from '../../support/accepting.ts'
import { resources } from '../../support/leaks.ts'
import { until } from '../../../src/testing/conformance/party.ts'

test('now counts on from the time at start and never goes back', (t) => {
  let last = systemEnv.now()
  t.true(Math.abs(last - Date.now()) < 60_000)
  for (let look = 0; look < 10_000; look++) {
    const now = systemEnv.now()
    if (now < last) t.fail(`${now} came after ${last}`)
    last = now
  }
})

test('defer runs after promise jobs that were there first, and before yield', async (t) => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    systemEnv.yield(() => {
      order.push('yield')
      resolve()
    })
    systemEnv.defer(() => order.push('defer'))
    order.push('now')
  })
  t.deepEqual(order, ['now', 'defer', 'yield'])
})

test.serial(
  'timers run once, in order, unless cancelled; none of them keeps the process alive unless asked',
  async (t) => {
    const before = resources()
    const order: string[] = []
    systemEnv.setTimer(300, () => order.push('later')) // far enough apart for a machine that is busy between the two calls
    systemEnv.setTimer(1, () => order.push('sooner'))
    const cancelled = systemEnv.setTimer(1, () => order.push('cancelled'))
    cancelled.cancel()
    cancelled.cancel()
    using disposed = systemEnv.after(1, () => order.push('disposed'))
    disposed[Symbol.dispose]()
    t.deepEqual(resources(), before)
    const kept = systemEnv.setTimer(1_000_000, () => order.push('never'), true)
    t.is(resources().length, before.length + 1)
    kept.cancel()
    await delay(400)
    t.deepEqual(order, ['sooner', 'later'])
  },
)

test('a timer of more than 2^31 ms does not run at once', async (t) => {
  let ran = false
  const timer = systemEnv.setTimer(2 ** 31 + 5, () => (ran = true))
  await delay(10)
  t.false(ran)
  timer.cancel()
})

test.serial('J-01: what every and after throw is logged; the process and the interval go on', async (t) => {
  const logged: unknown[] = []
  const original = console.error
  console.error = (text: unknown): number => logged.push(text)
  try {
    let runs = 0
    using interval = systemEnv.every(1, () => {
      runs++
      throw new Error('boom')
    })
    systemEnv.after(1, () => {
      throw new Error('bang')
    })
    await until(systemEnv, () => runs === 3, 'three runs')
    interval[Symbol.dispose]()
    await delay(5)
    t.is(runs, 3)
    t.is(logged.length, 4)
    t.regex(String(logged), /boom/)
    t.regex(String(logged), /bang/)
  } finally {
    console.error = original
  }
})

test('random is below 1, and randomBytes are as many as asked for', (t) => {
  t.true(systemEnv.random() >= 0 && systemEnv.random() < 1)
  t.is(systemEnv.randomBytes(40).length, 40)
  t.notDeepEqual(systemEnv.randomBytes(16), systemEnv.randomBytes(16))
})

test('files are read, appended to, synced and removed; errors are those of the system', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-files-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { files } = systemEnv
  const path = join(folder, 'log')
  await files?.append(path, textBytes('one '))
  await files?.append(path, textBytes('two'))
  await files?.sync(path)
  t.is(String(await files?.read(path)), 'one two')
  await files?.remove(path)
  t.false(existsSync(path))
  await t.throwsAsync(async () => files?.read(path), { code: 'ENOENT' })
})

const ours = (code: string): string => systemError(Object.assign(new Error(code), { code }), 'x').code

test('errors of the system become ours, with theirs as the cause', (t) => {
  t.is(ours('ECONNREFUSED'), 'ERR_CONNECTION_REFUSED')
  t.is(ours('EAI_AGAIN'), 'ERR_HOST_NOT_FOUND')
  t.is(ours('ENETUNREACH'), 'ERR_UNREACHABLE')
  t.is(ours('EACCES'), 'ERR_PERMISSION')
  t.is(ours('EADDRINUSE'), 'ERR_ADDRESS_IN_USE')
  t.is(ours('EPIPE'), 'ERR_CONNECTION_RESET')
  t.is(ours('ETIMEDOUT'), 'ERR_TIMEOUT')
  t.is(ours('CERT_HAS_EXPIRED'), 'ERR_TLS')
  t.is(ours('ERR_SSL_WRONG_VERSION_NUMBER'), 'ERR_TLS')
  t.is(ours('ESOMETHING'), 'ERR_CONNECTION_RESET')
  const known = systemError(new Error('plain'), 'x')
  t.is(systemError(known, 'y'), known)
  t.is(codeOf('text'), '')
})

test('what is adopted must be streams of bytes', (t) => {
  const net = requiredNet(systemEnv)
  for (const stream of [
    undefined,
    {},
    'text',
    new PassThrough({ objectMode: true }),
    new PassThrough({ encoding: 'utf8' }),
  ])
    t.throws(() => net.adopt(stream, linkOptions('dialed')), { code: 'ERR_BAD_OPTION', message: /stream/ })
})

test('an adopted stream that breaks before attach or after it is one onClose with its error', async (t) => {
  const net = requiredNet(systemEnv)
  for (const early of [true, false]) {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    const connection = net.adopt(stream, linkOptions('dialed'))
    const diary = new Diary()
    if (!early) connection.attach(diary)
    stream.destroy(new Error('the cable was cut'))
    await delay(5)
    if (early) connection.attach(diary)
    await diary.closed()
    t.deepEqual(diary.entries, ['(close)'])
    t.regex(diary.error?.message ?? '', /the cable was cut/)
  }
})

test('a stream that was flowing when it was adopted loses nothing that comes before attach', async (t) => {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  stream.resume()
  const connection = requiredNet(systemEnv).adopt(stream, linkOptions('dialed'))
  stream.push('early')
  await delay(5)
  const diary = new Diary()
  connection.attach(diary)
  await until(systemEnv, () => diary.entries.length > 0, 'what came early')
  t.deepEqual(diary.entries, ['early'])
  connection.destroy()
  await diary.closed()
})
