import test from 'ava'
import { WebSocketConnection } from '../../src/browser/web-socket-connection.ts'
import { HawserError, refused } from '../../src/core/errors.ts'
import type { CloseReason, ConnectionSink } from '../../src/core/connection.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'
import { textBytes } from '../support/accepting.ts'
import { ScriptedWebSocket } from '../support/scripted-web-socket.ts'

/** What a connection told, in order: texts in quotes. */
class Told implements ConnectionSink {
  readonly entries: string[] = []
  error: Error | undefined
  whenChunk: (() => void) | undefined

  onChunk(chunk: Uint8Array, text?: boolean): void {
    const said = new TextDecoder().decode(chunk)
    this.entries.push(text === true ? `'${said}'` : said)
    this.whenChunk?.()
  }

  onActivity(): void {
    this.entries.push('(activity)')
  }

  onEnd({ code, text }: CloseReason = {}): void {
    this.entries.push(`(end ${code} ${text})`)
  }

  onClose(error?: Error): void {
    this.error = error
    this.entries.push('(close)')
  }
}

interface World {
  readonly env: VirtualEnv
  readonly socket: ScriptedWebSocket
  readonly connection: WebSocketConnection
  readonly told: Told
}

/** An open connection whose sink is attached. */
async function open(options: { readonly text?: boolean; readonly maxHeldBytes?: number } = {}): Promise<World> {
  const env = virtualEnv()
  const socket = new ScriptedWebSocket()
  const { text = false, maxHeldBytes = 1_000_000 } = options
  const connection = new WebSocketConnection(socket, { env, text, maxHeldBytes, remoteAddress: 'ws://there:80/' })
  const told = new Told()
  connection.attach(told)
  await env.settle()
  return { env, socket, connection, told }
}

test('messages are chunks, and texts are their UTF-8', async (t) => {
  const { socket, told } = await open()
  socket.receives('häwser')
  socket.receives(textBytes('bytes'))
  socket.receives('')
  t.deepEqual(told.entries, ["'häwser'", 'bytes', "''"])
})

test('what is written is binary or text, as the codec says or the write itself', async (t) => {
  const { socket, connection } = await open()
  connection.write(Uint8Array.of(0xff, 1))
  connection.write(textBytes('téxt'), undefined, true)
  const other = await open({ text: true })
  other.connection.write(textBytes('text'))
  other.connection.write(Uint8Array.of(2), undefined, false)
  t.deepEqual(socket.sent, ['ff01', 'téxt'])
  t.deepEqual(other.socket.sent, ['text', '02'])
})

test('nothing is told before attach, and what arrived waits, the end too', async (t) => {
  const env = virtualEnv()
  const socket = new ScriptedWebSocket()
  const connection = new WebSocketConnection(socket, {
    env,
    text: false,
    maxHeldBytes: 1000,
    remoteAddress: 'ws://x:1/',
  })
  const told = new Told()
  socket.receives('early')
  socket.closed(1000, 'bye')
  await env.settle()
  connection.attach(told)
  t.deepEqual(told.entries, [])
  await env.settle()
  t.deepEqual(told.entries, ["'early'", '(end 1000 bye)', '(close)'])
  t.is(told.error, undefined)
})

test('while paused messages are kept, in order, and the end behind them', async (t) => {
  const { env, socket, connection, told } = await open()
  told.whenChunk = () => connection.pause()
  for (const text of ['1', '2', '3']) socket.receives(text)
  socket.closed(1005)
  await env.settle()
  t.deepEqual(told.entries, ["'1'"])
  connection.resume()
  t.deepEqual(told.entries, ["'1'"], 'no method calls its sink before it has returned')
  await env.settle()
  t.deepEqual(told.entries, ["'1'", "'2'"])
  told.whenChunk = undefined
  connection.resume()
  await env.settle()
  t.deepEqual(told.entries, ["'1'", "'2'", "'3'", '(end undefined undefined)', '(close)'])
})

test('more than maxHeldBytes while paused is ERR_OVERFLOW, empty messages count, too', async (t) => {
  for (const message of [textBytes('x'.repeat(100)), textBytes('')]) {
    const { env, socket, connection, told } = await open({ maxHeldBytes: 1000 })
    connection.pause()
    let received = 0
    while (socket.closes.length === 0 && received++ < 1000) socket.receives(message)
    t.is(received, Math.floor(1000 / (message.length + 64)) + 1)
    t.deepEqual(socket.closes, ['4008'])
    await env.settle()
    t.deepEqual(told.entries, ['(close)'])
    t.like(told.error, { code: 'ERR_OVERFLOW' })
    socket.receives(message)
    socket.closed(4008)
    await env.settle()
    t.deepEqual(told.entries, ['(close)'])
  }
})

test('a message of any size is kept alone: the browser has it already', async (t) => {
  const { env, socket, connection, told } = await open({ maxHeldBytes: 10 })
  connection.pause()
  socket.receives('more than ten bytes')
  connection.resume()
  await env.settle()
  t.deepEqual(told.entries, ["'more than ten bytes'"])
})

test('a second sink gets the unread bytes first, then what was held', async (t) => {
  const { env, socket, connection, told } = await open()
  const second = new Told()
  told.whenChunk = () => connection.attach(second, textBytes('unread'))
  socket.receives('1')
  socket.receives('2')
  t.deepEqual(second.entries, [])
  await env.settle()
  t.deepEqual(told.entries, ["'1'"])
  t.deepEqual(second.entries, ['unread', "'2'"])
})

test('taken follows bufferedAmount, in order; nobody looks at it when nobody waits', async (t) => {
  const { env, socket, connection } = await open()
  const taken: number[] = []
  const timers = env.timers
  connection.write(new Uint8Array(50))
  t.is(env.timers, timers, 'no timer for a write that nobody asks about')
  for (const number of [1, 2, 3]) connection.write(new Uint8Array(100), () => taken.push(number))
  t.is(connection.bufferedBytes, 350)
  await env.advance(1000)
  t.deepEqual(taken, [])
  socket.bufferedAmount = 150
  await env.advance(64)
  t.deepEqual(taken, [1])
  socket.bufferedAmount = 0
  await env.advance(64)
  t.deepEqual(taken, [1, 2, 3])
  t.is(env.timers, timers, 'no timer is left')
})

test('while nothing moves bufferedAmount is looked at ever less often', async (t) => {
  const { env, socket, connection } = await open()
  let looks = 0
  connection.write(new Uint8Array(100), () => {})
  Object.defineProperty(socket, 'bufferedAmount', { get: () => (looks++, 100) })
  await env.advance(10_000)
  t.true(looks > 100 && looks < 200, `${looks} looks`)
  connection.destroy()
  t.is(env.timers, 0)
})

test('nobody looks at bufferedAmount once the peer has ended', async (t) => {
  const { env, socket, connection, told } = await open()
  connection.write(new Uint8Array(100), () => told.entries.push('(taken)'))
  connection.pause()
  socket.receives('last')
  socket.closed(1000)
  t.is(env.timers, 0)
  t.is(connection.bufferedBytes, 0)
  connection.write(new Uint8Array(1), () => told.entries.push('(taken)'))
  connection.resume()
  await env.advance(1000)
  t.deepEqual(told.entries, ["'last'", '(end 1000 undefined)', '(close)'])
  t.is(socket.sent.length, 1)
})

test('what was not taken when the connection is destroyed is never said to be', async (t) => {
  const { env, socket, connection, told } = await open()
  const taken: number[] = []
  for (const number of [1, 2]) {
    connection.write(new Uint8Array(100), () => {
      taken.push(number)
      connection.destroy()
    })
  }
  socket.bufferedAmount = 0
  await env.advance(100)
  t.deepEqual(taken, [1])
  t.deepEqual(told.entries, ['(close)'])
  t.is(connection.bufferedBytes, 0)
  t.is(env.timers, 0)
})

test('end says its code once, and nothing is written or read after it', async (t) => {
  const { env, socket, connection, told } = await open()
  connection.write(Uint8Array.of(1))
  connection.end({ code: 1001, text: 'the page is left' })
  connection.end({ code: 1000 })
  connection.write(Uint8Array.of(2))
  socket.receives('too late')
  socket.closed(4001, 'the page is left')
  await env.settle()
  t.deepEqual(socket.sent, ['01'])
  t.deepEqual(socket.closes, ['4001 the page is left'])
  t.deepEqual(told.entries, ['(end 4001 the page is left)', '(close)'])
})

test('a link that breaks off is ERR_CONNECTION_RESET at once, also while paused', async (t) => {
  for (const paused of [false, true]) {
    const { env, socket, connection, told } = await open()
    if (paused) connection.pause()
    socket.fails()
    await env.settle()
    t.deepEqual(told.entries, ['(close)'])
    t.like(told.error, { code: 'ERR_CONNECTION_RESET', retryable: true })
  }
})

test('destroy chooses the code by its error, tells onClose once, and hears nothing more', async (t) => {
  const codes: [Error | undefined, string][] = [
    [undefined, '1000'],
    [new Error('any'), '1000'],
    [refused('go away', { status: 4321 }), '4321'],
    [refused('go away', { status: 403 }), '4008'],
    [new HawserError('ERR_BAD_MESSAGE', 'x'), '4007'],
  ]
  for (const [error, said] of codes) {
    const { env, socket, connection, told } = await open()
    connection.destroy(error)
    connection.destroy(new Error('again'))
    t.deepEqual(told.entries, [])
    socket.receives('late')
    await env.settle()
    socket.closed(1006)
    await env.settle()
    t.deepEqual(socket.closes, [said])
    t.deepEqual(told.entries, ['(close)'])
    t.is(told.error, error)
  }
})

test('destroyed before attach, it still says onClose', async (t) => {
  const env = virtualEnv()
  const connection = new WebSocketConnection(new ScriptedWebSocket(), {
    env,
    text: false,
    maxHeldBytes: 1000,
    remoteAddress: 'ws://x:1/',
  })
  connection.destroy()
  await env.settle()
  const told = new Told()
  connection.attach(told)
  await env.settle()
  t.deepEqual(told.entries, ['(close)'])
})
