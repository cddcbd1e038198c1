import { execFile, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { ipc } from '../../src/transports/ipc.ts'
import { dialing, listening } from '../support/accepting.ts'
import { borrowing } from '../support/borrowing.ts'
import { suite } from '../support/suite.ts'

const folder = mkdtempSync(join(tmpdir(), 'hawser-ipc-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const address = (): string => `ipc://${folder}/${++files}.sock`

verifyTransport(suite, 'ipc', { transport: ipc, address })
verifyTransport(suite, 'ipc inside a pass-through layer', { transport: ipc, address, wrap: passThrough })
verifyTransport(suite, 'ipc that lends its chunks', { transport: borrowing(ipc), address })

test('B-09: a path of more than 107 bytes is ERR_BAD_ADDRESS, to listen on and to dial', async (t) => {
  const longest = `ipc://${folder}/`.padEnd(6 + 107, 'x')
  const { acceptor } = await listening(ipc, longest)
  t.is(acceptor.address, longest)
  await acceptor.close()
  const error = { code: 'ERR_BAD_ADDRESS', part: 'path' }
  t.like(await t.throwsAsync(listening(ipc, `${longest}x`)), error)
  t.like(await t.throwsAsync(dialing(ipc, `${longest}x`)), error)
  t.like(await t.throwsAsync(listening(ipc, `ipc://${folder}/${'ü'.repeat(40)}`.padEnd(6 + 100, 'x'))), error)
})

test('B-09: a socket file that a dead process left behind is taken over; a live one is in use', async (t) => {
  const path = join(folder, 'stale.sock')
  leaveStale(path)
  t.true(statSync(path).isSocket())
  await t.throwsAsync(dialing(ipc, `ipc://${path}`), { code: 'ERR_CONNECTION_REFUSED' })
  const { acceptor, sink } = await listening(ipc, `ipc://${path}`)
  await t.throwsAsync(listening(ipc, `ipc://${path}`), { code: 'ERR_ADDRESS_IN_USE' })
  const connection = await dialing(ipc, `ipc://${path}`)
  t.is((await sink.first()).remoteAddress, `ipc://${path}`)
  for (const one of [connection, ...sink.connections]) one.destroy()
  await acceptor.close()
})

/** Leaves a socket's file at `path` that nobody listens on. */
function leaveStale(path: string): void {
  const dying = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', dying])
}

test('B-09: of several that find a stale socket file at once, one listens, and can be reached', async (t) => {
  const path = join(folder, 'race.sock')
  leaveStale(path)
  const lock = `${path}.lock`
  writeFileSync(lock, '99999999 0\n') // of a process that died in the middle of it
  const attempts = await Promise.allSettled(Array.from({ length: 5 }, () => listening(ipc, `ipc://${path}`)))
  const bound = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []))
  t.is(bound.length, 1)
  for (const attempt of attempts) {
    if (attempt.status === 'rejected') t.is((attempt.reason as { readonly code?: unknown }).code, 'ERR_ADDRESS_IN_USE')
  }
  const connection = await dialing(ipc, `ipc://${path}`)
  await bound[0]?.sink.first()
  connection.destroy()
  await bound[0]?.acceptor.close()
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('race.sock')),
    [],
  )
})

test('B-09: close removes its own file, and not the one that took its name', async (t) => {
  const path = join(folder, 'replaced.sock')
  const first = await listening(ipc, `ipc://${path}`)
  unlinkSync(path)
  const second = await listening(ipc, `ipc://${path}`)
  await first.acceptor.close()
  const connection = await dialing(ipc, `ipc://${path}`)
  await second.sink.first()
  connection.destroy()
  await second.acceptor.close()
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('replaced.sock')),
    [],
  )
})

test('B-09: a file that is no socket is never removed', async (t) => {
  const path = join(folder, 'letter.txt')
  writeFileSync(path, 'dear diary')
  await t.throwsAsync(listening(ipc, `ipc://${path}`), { code: 'ERR_ADDRESS_IN_USE', message: /no socket/ })
  t.is(readFileSync(path, 'utf8'), 'dear diary')
  await t.throwsAsync(dialing(ipc, `ipc://${path}`), { code: 'ERR_CONNECTION_REFUSED' })
})

test('B-09: the file is for its owner alone unless the option says otherwise, and is gone after close', async (t) => {
  for (const [groups, mode] of [
    [{}, 0o600],
    [{ ipc: { mode: 0o660 } }, 0o660],
  ] as const) {
    const where = address()
    const { acceptor } = await listening(ipc, where, groups)
    t.is(statSync(where.slice(6)).mode & 0o777, mode)
    await acceptor.close()
    t.false(existsSync(where.slice(6)))
  }
  await t.throwsAsync(listening(ipc, address(), { ipc: { mode: 0o1777 } }), {
    code: 'ERR_BAD_OPTION',
    message: /ipc\.mode/,
  })
  await t.throwsAsync(listening(ipc, address(), { ipc: { owner: 1 } }), {
    code: 'ERR_BAD_OPTION',
    message: /ipc\.owner/,
  })
})

test('B-09: a folder that is not there is ERR_BAD_ADDRESS to listen in, and refuses to be dialed', async (t) => {
  await t.throwsAsync(listening(ipc, `ipc://${folder}/nowhere/x.sock`), { code: 'ERR_BAD_ADDRESS' })
  await t.throwsAsync(dialing(ipc, `ipc://${folder}/nowhere/x.sock`), { code: 'ERR_CONNECTION_REFUSED' })
})

test("in a worker of node:cluster the file, which the primary has bound, gets the option's mode, too", async (t) => {
  const program = fileURLToPath(new URL('../support/ipc-worker.js', import.meta.url))
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, [program], { env: { ...process.env, PLACE: address().slice(6) } })
  t.is(stdout, '640\n')
})
