import {
  bidiStream,
  clientStream,
  type Handlers,
  isRpcError,
  method,
  oneWay,
  RpcError,
  type RpcPeer,
  serverStream,
  service,
} from '../../src/rpc/index.ts'

/** What both ends serve, and call. Arguments are objects, so that each wire and body can carry them. */
export const Exercise = service('exercise', {
  add: method<{ a: number; b: number }, { sum: number }>(),
  same: method<{ text: string }, { text: string }>(),
  fail: method<{ status: 'not_found' | 'aborted' }, object>(),
  crash: method<object, object>(),
  /** Ends only by being canceled. */
  hang: method<object, object>(),
  told: oneWay<{ text: string }>(),
  heard: method<object, { texts: string[]; aborted: number }>(),
  /** Calls its caller, who is being called. */
  ping: method<{ turns: number }, { turns: number }>(),
})

/** What wires that have streams can do beside it. */
export const Streams = service('streams', {
  count: serverStream<{ to: number }, { at: number }>(),
  sum: clientStream<{ value: number }, { sum: number }>(),
  double: bidiStream<{ value: number }, { value: number }>(),
  broken: serverStream<object, { at: number }>(),
  endless: serverStream<object, { at: number }>(),
  /** Streams of `endless` that have not ended. */
  running: method<object, { count: number }>(),
})

/** Serves both to a peer. */
export function serveExercise(peer: RpcPeer): void {
  const texts: string[] = []
  let aborted = 0
  let running = 0
  const plain: Handlers<typeof Exercise> = {
    add: ({ a, b }) => ({ sum: a + b }),
    same: async ({ text }) => ({ text: await Promise.resolve(text) }),
    fail: ({ status }) => {
      throw new RpcError(status, 'as it was asked for', { data: { status } })
    },
    crash: () => {
      throw new TypeError('a secret')
    },
    hang: (_input, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted++
          reject(signal.reason as Error)
        })
      }),
    told: ({ text }) => void texts.push(text),
    heard: () => ({ texts, aborted }),
    ping: async ({ turns }, { peer: caller }) =>
      turns === 0 ? { turns } : { turns: 1 + (await caller.client(Exercise).ping({ turns: turns - 1 })).turns },
  }
  const streams: Handlers<typeof Streams> = {
    *count({ to }) {
      for (let at = 0; at < to; at++) yield { at }
    },
    async sum(values) {
      let sum = 0
      for await (const { value } of values) sum += value
      return { sum }
    },
    async *double(values) {
      for await (const { value } of values) yield { value: 2 * value }
    },
    *broken() {
      yield { at: 0 }
      throw new RpcError('data_loss', 'in the middle')
    },
    *endless() {
      running++
      try {
        for (let at = 0; ; at++) yield { at }
      } finally {
        running--
      }
    },
    running: () => ({ count: running }),
  }
  peer.serve(Exercise, plain)
  peer.serve(Streams, streams)
}

/** What the wire between the two can carry. */
export interface ExerciseTerms {
  readonly streams: boolean
  readonly cancels: boolean
}

/**
 * Calls all that the peer serves, and throws where an answer is wrong. It runs where the calls come from: on Node, or in
 * a page.
 * @returns how many things it has looked at
 */
export async function exercise(peer: RpcPeer, terms: ExerciseTerms): Promise<number> {
  let checks = 0
  const equal = (actual: unknown, expected: unknown): void => {
    checks++
    const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
    if (got !== wanted) throw new Error(`got ${got} instead of ${wanted} in check ${checks}`)
  }
  const failing = async (call: Promise<unknown>): Promise<readonly unknown[]> => {
    const error: unknown = await call.then(
      (value) => new Error(`gave ${JSON.stringify(value)}`),
      (reason: unknown) => reason,
    )
    if (!isRpcError(error)) throw error
    return [error.status, error.data, error.sent]
  }
  const calls = peer.client(Exercise)

  equal(await calls.add({ a: 1, b: 2 }), { sum: 3 })
  for (const text of ['', 'grüße 漢字 🚀 "\\\n', 'x'.repeat(200_000)]) equal(await calls.same({ text }), { text })
  const sums = await Promise.all(Array.from({ length: 500 }, (_, a) => calls.add({ a, b: 1 })))
  equal(
    sums.map(({ sum }) => sum),
    sums.map((_, a) => a + 1),
  )
  equal(await failing(calls.fail({ status: 'not_found' })), ['not_found', { status: 'not_found' }, 'yes'])
  equal(await failing(calls.crash({})), ['internal', undefined, 'yes'])
  const Unknown = service('exercise', { constructor: method<object, object>() })
  equal(await failing(peer.client(Unknown).constructor({})), ['unimplemented', undefined, 'no'])
  equal(await calls.ping({ turns: 20 }), { turns: 20 })

  equal(await failing(calls.hang({}, { timeoutMs: 5 })), ['deadline_exceeded', undefined, 'maybe'])
  const stop = new AbortController()
  const canceled = failing(calls.hang({}, { signal: stop.signal }))
  await calls.add({ a: 0, b: 0 })
  stop.abort()
  equal(await canceled, ['canceled', undefined, 'maybe'])
  equal(await failing(calls.add({ a: 0, b: 0 }, { signal: stop.signal })), ['canceled', undefined, 'no'])
  calls.told({ text: 'one' })
  calls.told({ text: 'two' })
  equal(await calls.heard({}), { texts: ['one', 'two'], aborted: terms.cancels ? 2 : 0 })
  if (!terms.streams) return checks

  const streams = peer.client(Streams)
  const read = async (items: AsyncIterable<{ at: number }>): Promise<number> => {
    let at = 0
    for await (const item of items) if (item.at !== at++) throw new Error(`item ${item.at} came as ${at - 1}`)
    return at
  }
  equal(await Promise.all([0, 1, 20_000].map((to) => read(streams.count({ to })))), [0, 1, 20_000])
  const values = Array.from({ length: 5_000 }, (_, value) => ({ value }))
  equal(await streams.sum(values), { sum: (5_000 * 4_999) / 2 })
  let doubled = 0
  for await (const { value } of streams.double(values)) doubled += value
  equal(doubled, 5_000 * 4_999)
  equal(await failing(read(streams.broken({}))), ['data_loss', undefined, 'yes'])
  let seen = 0
  for await (const { at } of streams.endless({})) if ((seen = at) === 1_000) break
  equal(seen, 1_000)
  // One that is not read holds up nobody.
  const unread = streams.endless({})[Symbol.asyncIterator]()
  await unread.next()
  equal(await calls.add({ a: 5, b: 5 }), { sum: 10 })
  equal(await streams.running({}), { count: 1 })
  await unread.return?.()
  equal(await streams.running({}), { count: 0 })
  return checks
}
