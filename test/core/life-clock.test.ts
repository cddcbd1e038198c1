import test from 'ava'
import { text } from '../../codecs/text.ts'
import { pageParts } from '../../src/browser/page-parts.ts'
import { WebSocketConnection } from '../../src/browser/web-socket-connection.ts'
import { ADDRESSES } from '../../src/core/address.ts'
import { LiveSession } from '../../src/core/live-session.ts'
import { resolveSetup } from '../../src/core/session-config.ts'
import type { SessionSetup } from '../../src/core/session-options.ts'
import { writtenMessages } from '../../src/core/written-messages.ts'
import { type VirtualEnv, virtualEnv } from '../../src/testing/virtual-env.ts'
import { ScriptedWebSocket } from '../support/scripted-web-socket.ts'
import { RecordingHost } from '../support/session-pair.ts'

interface Page {
  readonly env: VirtualEnv
  readonly socket: ScriptedWebSocket
  readonly session: LiveSession<string, string, undefined>
  readonly host: RecordingHost<unknown>
}

/** A session as a page has it, with a clock of its own. */
async function page(options: Partial<SessionSetup<string, string, undefined>>): Promise<Page> {
  const env = virtualEnv()
  const socket = new ScriptedWebSocket()
  const connection = new WebSocketConnection(socket, { env, text: true, maxHeldBytes: 1000, remoteAddress: socket.url })
  const setup = { codec: text(), listener: {}, ...options }
  const parts = { ...pageParts(setup), encoder: writtenMessages }
  const checks = { setup() {}, client() {} }
  const config = resolveSetup(setup, { env, transports: [], addresses: ADDRESSES, checks, parts: () => parts })
  const host = new RecordingHost<unknown>()
  const session = new LiveSession(connection, config, host, 'dialed')
  env.defer(() => session.start())
  await env.settle()
  return { env, socket, session, host }
}

test('what takes longer to open than openTimeoutMs never opens', async (t) => {
  const { env, session, host } = await page({
    openTimeoutMs: 100,
    closeTimeoutMs: 50,
    listener: { onOpen: () => new Promise(() => {}) },
  })
  await env.advance(99)
  t.is(session.phase, 'opening')
  await env.advance(100)
  t.is(host.refusedWith?.code, 'ERR_TIMEOUT')
  await env.advance(100)
  t.is(session.phase, 'closed')
  t.is(env.timers, 0)
})

test('onCron each cronIntervalMs, until it closes', async (t) => {
  let crons = 0
  const { env, session, socket } = await page({ cronIntervalMs: 100, listener: { onCron: () => void crons++ } })
  await env.advance(350)
  t.is(crons, 3)
  void session.close()
  socket.closed(1000)
  await env.advance(500)
  t.is(crons, 3)
  t.is(env.timers, 0)
})

test('whoever says nothing for idleTimeoutMs is let go; the time may be set anew', async (t) => {
  const { env, session, socket } = await page({ idleTimeoutMs: 100 })
  await env.advance(60)
  socket.receives('still here')
  await env.advance(60)
  t.is(session.phase, 'open')
  session.idleTimeoutMs = 1_000
  await env.advance(900)
  t.is(session.phase, 'open')
  await env.advance(100)
  socket.closed(4008)
  await env.settle()
  const cause = await session.closed
  t.is(cause.by === 'error' && cause.error.code, 'ERR_IDLE_TIMEOUT')
  await env.settle()
  t.is(env.timers, 0)
})

test('silence says nothing while we do not read', async (t) => {
  const { env, session } = await page({ idleTimeoutMs: 100 })
  session.pause()
  await env.advance(1_000)
  t.is(session.phase, 'open')
  session.destroy()
  await env.settle()
})

test('a server that does not close with us is left after closeTimeoutMs', async (t) => {
  const { env, session, socket } = await page({ closeTimeoutMs: 200 })
  const closing = session.close({ code: 4000 })
  await env.advance(199)
  t.is(session.phase, 'closing')
  await env.advance(1)
  t.is((await closing).by, 'local')
  t.deepEqual(socket.closes, ['4000'])
  t.is(env.timers, 0)
})
