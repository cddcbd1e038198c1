import test from 'ava'
import { text } from '../../codecs/text.ts'
import { embed } from '../../src/testing/embed.ts'

test('sendAll waits for room, and leaves its source when it cannot go on', async (t) => {
  const events: string[] = []
  function* source() {
    try {
      for (let i = 0; ; i++) {
        events.push(`give ${i}`)
        yield 'x'.repeat(100)
      }
    } finally {
      events.push('left')
    }
  }
  const embedded = await embed({ codec: text(), highWaterMarkBytes: 250 })
  embedded.stall()
  const all = embedded.session.sendAll(source())
  await embedded.env.settle()
  t.deepEqual(events, ['give 0', 'give 1', 'give 2'])
  const over = t.throwsAsync(all, { code: 'ERR_SESSION_CLOSED' })
  embedded.session.destroy()
  await over
  t.is(events.at(-1), 'left')
  await t.throwsAsync(embedded.session.sendAll(['a']), { code: 'ERR_SESSION_CLOSED' })
  t.is(embedded.env.timers, 0)
})

test('a source that gives nothing holds neither a closed session, nor time, nor a signal', async (t) => {
  const left: string[] = []
  const silent = (name: string): AsyncIterable<string> => ({
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        left.push(name)
        return { done: true, value: undefined }
      },
    }),
  })
  const embedded = await embed({ codec: text(), cronIntervalMs: 0 })
  const abort = new AbortController()
  const { session } = embedded
  const results = [
    t.throwsAsync(session.sendAll(silent('time'), { timeoutMs: 100 }), { code: 'ERR_TIMEOUT' }),
    t.throwsAsync(session.sendAll(silent('signal'), { signal: abort.signal }), { instanceOf: RangeError }),
    t.throwsAsync(session.sendAll(silent('close')), { code: 'ERR_SESSION_CLOSED' }),
  ]
  await embedded.advance(100)
  abort.abort(new RangeError('enough'))
  session.destroy()
  await Promise.all(results)
  t.deepEqual(left.toSorted(), ['close', 'signal', 'time'])
  t.is(embedded.env.timers, 0)
})

async function* failing() {
  yield 'a'
  throw new RangeError('source')
}

test('a fault of the source, or of a message, is what sendAll rejects with', async (t) => {
  const embedded = await embed({ codec: text(), maxFrameBytes: 5 })
  await t.throwsAsync(embedded.session.sendAll(failing()), { instanceOf: RangeError, message: 'source' })
  await t.throwsAsync(embedded.session.sendAll(['fine', 'too large']), { code: 'ERR_MESSAGE_TOO_LARGE' })
  t.is(embedded.session.stats.sentMessages, 2)
})
