import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import type { Server } from '../../src/core/server.ts'
import { runCluster } from '../../src/env/cluster/run-cluster.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { dial } from '../../src/node.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { Authority } from '../support/certificates.ts'
import { ClusterProcess } from '../support/cluster-process.ts'
import { PlainClient } from '../support/example-process.ts'

/** A cluster of the test, of which nothing is left behind. */
function start(t: ExecutionContext, environment: Readonly<Record<string, string>> = {}): ClusterProcess {
  const cluster = ClusterProcess.start(environment)
  t.teardown(() => cluster.kill())
  return cluster
}

/** Somebody who was greeted by a worker. */
class Client extends PlainClient {
  pid = 0
  id = ''

  static async join(port: number): Promise<Client> {
    const client = new Client({ port })
    await client.reads('\n')
    const [pid = '', id = ''] = (client.text.split('\n')[0] ?? '').split(' ')
    return Object.assign(client, { pid: Number(pid), id })
  }

  static joinAll(port: number, count: number): Promise<Client[]> {
    return Promise.all(Array.from({ length: count }, () => Client.join(port)))
  }

  /** What was read behind the greeting. */
  get lines(): string[] {
    return this.text.split('\n').slice(1, -1)
  }
}

function pidsOf(clients: readonly Client[]): number[] {
  return [...new Set(clients.map(({ pid }) => pid))]
}

/** Everybody has gone: nothing of the cluster is left. */
async function isGone(cluster: ClusterProcess): Promise<void> {
  await until(systemEnv, () => !cluster.isLeft, 'all processes have ended')
}

for (const codec of ['one', 'each'] as const) {
  test.serial(
    `one port, several processes, and a broadcast reaches the sessions of all (codec: ${codec})`,
    async (t) => {
      const cluster = start(t, { WORKERS: '3', CODEC: codec })
      const port = await cluster.port()
      const clients = await Client.joinAll(port, 9)
      t.is(pidsOf(clients).length, 3, 'all workers serve')
      t.false(pidsOf(clients).includes(cluster.pid), 'the primary does not')
      t.is(new Set(clients.map(({ id }) => id)).size, 9, 'J-09: ids are unique among processes')
      t.is(new Set(clients.map(({ id }) => id.split('-')[0])).size, 3)

      const [first] = clients as [Client]
      first.type('all to everybody: ä€😀\n')
      first.type('others to the others\n')
      first.type('filtered to those here\n')
      first.type('all the end\n')
      for (const client of clients) await client.reads('the end\n')
      for (const client of clients) {
        const here = client.pid === first.pid ? ['to those here'] : []
        const lines = client.lines.map((latin1) => Buffer.from(latin1, 'latin1').toString())
        const others = client === first ? [] : ['to the others']
        t.deepEqual(lines, ['to everybody: ä€😀', ...others, ...here, 'the end'])
      }
      cluster.do('close')
      t.is(await cluster.ended, 0)
      t.is(cluster.errors, '')
      await isGone(cluster)
    },
  )
}

for (const scheme of ['tls', 'wss'] as const) {
  test.serial(
    `${scheme}: the workers share the port, each shakes hands by itself, and a broadcast reaches all`,
    async (t) => {
      const authority = new Authority('Hawser test authority')
      const { cert, key } = authority.issue('localhost', 'IP:127.0.0.1')
      const cluster = start(t, { ADDRESS: `${scheme}://127.0.0.1:0`, CERT: cert, KEY: key })
      const [address = ''] = (await cluster.says('up')) as readonly string[]
      t.true(address.startsWith(`${scheme}://127.0.0.1:`))
      const setup = { codec: text(), framing: line(), tls: { ca: authority.cert } }
      const sessions = await Promise.all(Array.from({ length: 4 }, () => dial(address, setup)))
      const greetings = await Promise.all(sessions.map((session) => session.receive()))
      t.is(new Set(greetings.map((greeting) => greeting.split(' ')[0])).size, 2, 'both workers serve')
      sessions[0]?.send('all to everybody')
      for (const session of sessions) t.is(await session.receive(), 'to everybody')
      await t.throwsAsync(dial(address, { codec: text(), framing: line() }), { code: 'ERR_TLS' }) // nobody vouches for it
      cluster.do('close')
      for (const session of sessions) {
        t.regex(await session.receive(), /^goodbye from /)
        await t.throwsAsync(session.receive(), { code: 'ERR_SESSION_CLOSED' })
      }
      t.is(await cluster.ended, 0)
      await isGone(cluster)
    },
  )
}

test.serial('stats are those of all workers, also of workers and sessions that are gone', async (t) => {
  const cluster = start(t)
  const port = await cluster.port()
  const clients = await Client.joinAll(port, 4)
  for (const client of clients) client.type('hello\n')
  for (const client of clients) await client.reads('echo hello\n')
  const open = await cluster.stats(({ receivedMessages }) => receivedMessages === 4)
  t.like(open, { openSessions: 4, totalSessions: 4, receivedBytes: 4 * 6, sentMessages: 8 })
  const [first, second] = clients as [Client, Client]
  first.type('crash\n')
  await first.ended()
  await cluster.logs(/a worker of the cluster ended: status 9; the next one begins in \d+ ms/)
  const left = await cluster.stats(({ openSessions }) => openSessions < 4)
  t.is(left.totalSessions, 4)
  t.is(left.receivedMessages, 4, 'a crashed worker’s numbers are kept as it told them last')
  second.type('bye\n')
  cluster.do('close')
  const closed = await cluster.says('closed')
  t.like(closed, { openSessions: 0, totalSessions: 4, receivedMessages: 5 })
  t.is(await cluster.ended, 0)
})

test.serial('a worker that crashes is replaced, each time, and the others serve on', async (t) => {
  const cluster = start(t)
  const port = await cluster.port()
  const [survivor] = (await Client.joinAll(port, 2)) as [Client]
  const gone = new Set<number>()
  while (gone.size < 3) {
    // Until the primary has noticed, it deals connections to the one that crashed.
    const next = await Client.join(port).catch(() => undefined)
    if (next === undefined || next.pid === survivor.pid) continue
    t.false(gone.has(next.pid))
    gone.add(next.pid)
    next.type('crash\n')
    await next.ended()
  }
  survivor.type('hello\n')
  await survivor.reads('echo hello\n')
  await cluster.logs(/(a worker of the cluster ended: status 9.*failures: \d[^]*){3}/)
  cluster.do('close')
  t.is(await cluster.ended, 0)
  await isGone(cluster)
})

test.serial('restart: one after the other, drained, with nobody turned away meanwhile', async (t) => {
  const cluster = start(t)
  const port = await cluster.port()
  const before = await Client.joinAll(port, 4)
  const restarted = new AbortController()
  const meanwhile = (async () => {
    let served = 0
    for (; !restarted.signal.aborted; served++) await Client.join(port) // it is greeted, whatever becomes of the worker
    return served
  })()
  cluster.do('restart')
  cluster.do('restart') // joins the first
  t.is(await cluster.says('restarted'), true)
  t.is(await cluster.says('restarted'), true)
  restarted.abort()
  t.true((await meanwhile) > 0)
  for (const client of before) t.true((await client.ended()).endsWith(`goodbye from ${client.pid}\n`))
  const after = await Client.joinAll(port, 4)
  t.is(pidsOf(after).length, 2)
  t.false(pidsOf(after).some((pid) => pidsOf(before).includes(pid)))
  cluster.do('close')
  t.is(await cluster.ended, 0)
  t.is(cluster.errors, '')
  await isGone(cluster)
})

test.serial('restart: where the new worker does not begin, the old ones stay', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-cluster-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const broken = join(folder, 'broken')
  const cluster = start(t, { BROKEN: broken })
  const port = await cluster.port()
  const clients = await Client.joinAll(port, 4)
  writeFileSync(broken, '')
  cluster.do('restart')
  t.regex(String(await cluster.says('restarted')), /main threw: the new program is broken/)
  for (const client of clients) client.type('hello\n')
  for (const client of clients) await client.reads('echo hello\n')
  for (const { pid } of await Client.joinAll(port, 4)) t.true(pidsOf(clients).includes(pid))
  cluster.do('close')
  t.is(await cluster.ended, 0)
})

test.serial('J-07: SIGTERM, or Ctrl-C to all processes: goodbyes, status 0, and no process is left', async (t) => {
  for (const end of ['SIGTERM', 'Ctrl-C'] as const) {
    const cluster = start(t)
    const clients = await Client.joinAll(await cluster.port(), 3)
    if (end === 'SIGTERM') cluster.signal('SIGTERM')
    else cluster.interrupt()
    for (const client of clients) t.true((await client.ended()).endsWith(`goodbye from ${client.pid}\n`), end)
    t.is(await cluster.ended, 0)
    t.is(cluster.errors, '')
    await isGone(cluster)
  }
})

test.serial('a primary that is killed takes its workers along, which say goodbye', async (t) => {
  const cluster = start(t)
  const clients = await Client.joinAll(await cluster.port(), 3)
  cluster.signal('SIGKILL')
  for (const client of clients) t.true((await client.ended()).endsWith(`goodbye from ${client.pid}\n`))
  await isGone(cluster)
  t.is(await cluster.ended, 'SIGKILL')
})

test.serial('SIGTERM to one worker closes that one, and it is replaced', async (t) => {
  const cluster = start(t)
  const port = await cluster.port()
  const clients = await Client.joinAll(port, 4)
  const [one] = clients as [Client]
  process.kill(one.pid, 'SIGTERM')
  t.true((await one.ended()).endsWith(`goodbye from ${one.pid}\n`))
  const other = clients.find(({ pid }) => pid !== one.pid)
  let next = await Client.join(port)
  while (next.pid === other?.pid) next = await Client.join(port)
  t.not(next.pid, one.pid)
  other?.type('hello\n')
  await other?.reads('echo hello\n')
  cluster.do('close')
  t.is(await cluster.ended, 0)
})

test.serial('destroy ends all of it at once', async (t) => {
  const cluster = start(t)
  const clients = await Client.joinAll(await cluster.port(), 2)
  cluster.do('destroy')
  for (const client of clients) t.notRegex(await client.ended(), /goodbye/)
  t.is(await cluster.ended, 0)
  await isGone(cluster)
})

test.serial('where main fails, runCluster rejects with its error, and no process is left', async (t) => {
  const rows: readonly [environment: Record<string, string>, failure: RegExp][] = [
    [{ MAIN: 'throws' }, /^ERR_LISTENER main threw: no luck$/],
    [{ MAIN: 'exits' }, /^ERR_LISTENER a worker ended \(status 7\) before main gave a server$/],
    [{ MAIN: 'gives nothing' }, /^ERR_BAD_OPTION .*main must give a Server/],
    [
      { ADDRESS: `ipc://${join(tmpdir(), `hawser-${process.pid}.sock`)}` },
      /^ERR_BAD_OPTION .*main must not listen on ipc:/,
    ],
    [{ ADDRESS: 'udp://127.0.0.1:0' }, /^ERR_BAD_OPTION .*main must not listen on udp:.* cannot be shared/],
    [{ ADDRESS: 'tcp://192.0.2.1:7' }, /^ERR_BAD_ADDRESS .*192\.0\.2\.1/],
  ]
  for (const [environment, failure] of rows) {
    const cluster = start(t, environment)
    t.regex(String(await cluster.says('failed')), failure)
    t.is(await cluster.ended, 0)
    await isGone(cluster)
  }
})

test.serial('a process has one cluster at a time', async (t) => {
  const cluster = start(t, { WORKERS: '1' })
  await cluster.port()
  cluster.do('again')
  t.regex(String(await cluster.says('refused')), /a process runs one cluster/)
  cluster.do('close')
  t.is(await cluster.ended, 0)
})

test('a wrong argument is named before anything is forked', async (t) => {
  const main = (): Promise<Server> => Promise.reject(new Error('never called'))
  for (const workers of [0, -1, 1.5, '2', undefined]) {
    await t.throwsAsync(runCluster(workers as number, main), { code: 'ERR_BAD_OPTION', message: /option workers/ })
  }
  await t.throwsAsync(runCluster(2, undefined as never), { code: 'ERR_BAD_OPTION', message: /option main/ })
})
