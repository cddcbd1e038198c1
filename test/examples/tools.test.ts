import { request } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import { ExampleProcess, PlainClient } from '../support/example-process.ts'

function start(
  t: ExecutionContext,
  name: string,
  environment: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): ExampleProcess {
  const example = ExampleProcess.start(name, environment, args)
  t.teardown(() => example.kill())
  return example
}

/** Its status, where `fetch` would not send such a Host. */
function statusFor(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asking = request({ port, host: '127.0.0.1', path: '/sessions', headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asking.once('error', reject)
    asking.end()
  })
}

test('diagnostics: sessions with their queues, the process, figures and profiles, for this machine only', async (t) => {
  const example = start(t, 'diagnostics')
  const port = await example.port('http')
  const origin = `http://127.0.0.1:${port}`
  const person = new PlainClient({ port: await example.port() })
  person.type('secret\n')
  await person.reads('\n')

  t.regex(await (await fetch(origin)).text(), /^\/sessions /)
  const { stats, sessions } = (await (await fetch(`${origin}/sessions`)).json()) as {
    stats: { openSessions: number }
    sessions: { phase: string; toSendBytes: number; toHandleBytes: number; receivedMessages: number }[]
  }
  t.is(stats.openSessions, 4)
  t.is(sessions.length, 4)
  for (const { phase, toSendBytes } of sessions) t.deepEqual([phase, typeof toSendBytes], ['open', 'number'])
  const state = (await (await fetch(`${origin}/process`)).json()) as {
    pid: number
    memoryBytes: { heapUsed: number }
    eventLoopDelayMs: { p99: number }
    resources: Record<string, number>
  }
  t.true(
    state.memoryBytes.heapUsed > 0 && state.eventLoopDelayMs.p99 > 0 && (state.resources['TCPSocketWrap'] ?? 0) > 4,
  )
  t.regex(await (await fetch(`${origin}/metrics`)).text(), /^hawser_sessions_open\{.*name="keys".*\} 4$/m)

  const both = [fetch(`${origin}/profile/cpu?seconds=1`), fetch(`${origin}/profile/heap?seconds=1`)]
  const statuses = (await Promise.all(both)).map(({ status }) => status)
  t.deepEqual(new Set(statuses), new Set([200, 409]), 'one at a time')
  const cpu = (await (await fetch(`${origin}/profile/cpu?seconds=0.3`)).json()) as {
    nodes: unknown[]
    samples: unknown[]
  }
  t.true(cpu.nodes.length > 1 && cpu.samples.length > 1)
  const heap = await fetch(`${origin}/profile/heap?seconds=0.1`)
  t.is(heap.headers.get('content-disposition'), 'attachment; filename="hawser.heapprofile"')
  t.true('head' in ((await heap.json()) as object))

  t.is((await fetch(`${origin}/profile/cpu?seconds=3600`)).status, 400)
  t.is((await fetch(`${origin}/profile/cpu?seconds=x`)).status, 400)
  t.is((await fetch(`${origin}/nothing`)).status, 404)
  t.is((await fetch(origin, { method: 'POST' })).status, 405)
  t.is(await statusFor(port, 'evil.example'), 403)
  t.is(await statusFor(port, `localhost:${port}`), 200)
  t.is(await example.end(), 0)
})

test('diagnostics: ends while a profile is being taken', async (t) => {
  const example = start(t, 'diagnostics')
  const port = await example.port('http')
  await example.printed(/profile\/cpu/)
  const cut = t.throwsAsync(fetch(`http://127.0.0.1:${port}/profile/cpu?seconds=60`))
  await fetch(`http://127.0.0.1:${port}/`)
  t.is(await example.end(), 0)
  await cut
})

const FIGURES =
  /^messages +(\d+)\nrate +\d+ \/s, [\d.]+ MB\/s there and as much back\nround trip +p50 [\d.]+ ms, p99 [\d.]+ ms, p99\.9 [\d.]+ ms, max [\d.]+ ms$/m
const SMALL = { CONNECTIONS: '3', SIZE: '1000', IN_FLIGHT: '4', SECONDS: '1' }

test('load: both sides by themselves, and nothing is left running', async (t) => {
  const example = start(t, 'load', SMALL)
  const [, messages] = await example.printed(FIGURES)
  t.true(Number(messages) > 12)
  t.is(await example.status, 0)
  const [, echoed] = await example.printed(/^the server echoed (\d+) messages of 3 sessions$/m)
  t.true(Number(echoed) >= Number(messages))
})

test('load: a server and a client apart; a server that goes away is told', async (t) => {
  const server = start(t, 'load', {}, ['server'])
  const ADDRESS = `tcp://127.0.0.1:${await server.port()}`
  const client = start(t, 'load', { ...SMALL, ADDRESS }, ['client'])
  await client.printed(FIGURES)
  t.is(await client.status, 0)
  const cut = start(t, 'load', { ...SMALL, SECONDS: '60', ADDRESS }, ['client'])
  await cut.printed(/^3 connections, 1000 B a message, 4 in flight on each, for 60 s$/m)
  t.is(await server.end(), 0)
  t.not(await cut.status, 0)
})
