import test from 'ava'
import { raw } from '../../codecs/raw.ts'
import { text } from '../../codecs/text.ts'
import type { CloseCause, Session } from '../../src/core/session.ts'
import { connectionPair, own } from '../support/session-pair.ts'

const settled = <T>(promise: Promise<T>) =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )

test('messages go both ways, in order, to listener and receive()', async (t) => {
  const { env, near, far } = await connectionPair()
  const heard: string[] = []
  const server = own(env, near, 'accepted', {
    codec: text(),
    listener: {
      onOpen: (session: Session<string, string>) => session.send('hello'),
      onMessage(session: Session<string, string>, message: string) {
        heard.push(message)
        session.send(message.toUpperCase())
      },
    },
  })
  const client = own(env, far, 'dialed', { codec: text() })
  for (const word of ['a', 'b', 'c']) t.true(client.session.send(word))
  t.is(await client.session.receive(), 'hello')
  t.is(await client.session.receive(), 'A')
  t.is(await client.session.receive(), 'B')
  t.is(await client.session.receive(), 'C')
  t.deepEqual(heard, ['a', 'b', 'c'])
  const cause: Promise<CloseCause> = client.session.close({ reason: 'done' })
  t.deepEqual(await cause, { by: 'local', code: undefined, reason: 'done' })
  t.is((await server.session.closed).by, 'remote')
  t.deepEqual(server.host.told, ['opened', 'gone'])
  t.is(env.timers, 0)
})

test('1,000 messages in one chunk to an async listener leave with at most 3 writes', async (t) => {
  const { env, near, far } = await connectionPair()
  let writes = 0
  const write = near.write.bind(near)
  near.write = (...args) => {
    writes++
    write(...args)
  }
  own(env, near, 'accepted', {
    codec: raw(),
    listener: {
      async onMessage(session: Session<Uint8Array, Uint8Array>, message: Uint8Array) {
        await Promise.resolve()
        session.send(message)
      },
    },
  })
  const client = own(env, far, 'dialed', { codec: raw() })
  for (let i = 0; i < 1000; i++) client.session.send(new Uint8Array(40).fill(i & 0xff))
  for (let i = 0; i < 1000; i++) t.is((await client.session.receive())[0], i & 0xff)
  t.true(writes <= 3, `${writes} writes`)
})

test('an error of a hook reaches onError, then the session closes with it, or is kept', async (t) => {
  const { env, near, far } = await connectionPair()
  const log: string[] = []
  const server = own(env, near, 'accepted', {
    codec: text(),
    listener: {
      onMessage(session: Session<string, string>, message: string) {
        log.push(message)
        if (message !== 'fine') throw new Error(message)
        session.send(message)
      },
      onError(_session: Session<string, string>, error) {
        log.push(`${error.code} ${(error.cause as Error).message}`)
        return (error.cause as Error).message === 'keep' ? 'keep' : undefined
      },
      onClose(session: Session<string, string>, cause: CloseCause) {
        log.push(`closed by ${cause.by}, ${session.phase}, aborted ${session.signal.aborted}`)
      },
    },
  })
  const client = own(env, far, 'dialed', { codec: text() })
  for (const word of ['keep', 'fine', 'bad', 'late']) client.session.send(word)
  t.is(await client.session.receive(), 'fine')
  t.like(await settled(client.session.receive()), { error: { code: 'ERR_SESSION_CLOSED' } })
  await server.session.closed
  t.deepEqual(log, [
    'keep',
    'ERR_LISTENER keep',
    'fine',
    'bad',
    'ERR_LISTENER bad',
    'closed by error, closed, aborted true',
  ])
  await env.settle()
  t.is(env.timers, 0)
})
