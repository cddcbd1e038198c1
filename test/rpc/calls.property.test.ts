import fc from 'fast-check'
import test from 'ava'
import { dial, listen } from '../../src/node.ts'
import { bidiStream, clientStream, method, serverStream, service } from '../../src/rpc/contract.ts'
import type { RpcContext, RpcPeer } from '../../src/rpc/peer.ts'
import { isRpcError, RpcError } from '../../src/rpc/rpc-error.ts'
import { rpc } from '../../src/rpc/rpc.ts'
import { wheelOf } from '../../src/rpc/deadline-wheel.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'

/** What a handler does with a call, by its argument: both sides know, so that each answer can be checked. */
interface Job {
  readonly id: number
  /** Of its work; 0 answers in place. */
  readonly workMs: number
  readonly fails: boolean
  /** Goes on in spite of its signal. */
  readonly deaf: boolean
}

const Work = service('work', {
  run: method<Job, number>(),
  items: serverStream<Job, number>(),
  sum: clientStream<number, number>(),
  echo: bidiStream<number, number>(),
})

/** Handlers that run, and whether their signal has aborted. */
class Workshop {
  readonly #env: VirtualEnv
  readonly #running = new Set<RpcContext>()

  constructor(env: VirtualEnv) {
    this.#env = env
  }

  get running(): number {
    return this.#running.size
  }

  /** Those that were not told that nobody waits for them. */
  get unaware(): number {
    return [...this.#running].filter(({ signal }) => !signal.aborted).length
  }

  readonly serve = (peer: RpcPeer): Disposable =>
    peer.serve(Work, {
      run: (job, context) => this.#run(job, context),
      items: (job, context) => this.#counted(context, () => this.#items(job, context.signal)),
      sum: (numbers, context) => this.#counted(context, () => this.#sum(numbers)),
      echo: (numbers, context) => this.#counted(context, () => this.#echo(numbers)),
    })

  #run(job: Job, context: RpcContext): number | Promise<number> {
    const finish = (): number => {
      if (job.fails) throw new RpcError('aborted', `${job.id}`)
      return job.id
    }
    if (job.workMs === 0) return finish()
    return this.#counted(context, async () => {
      await this.#sleep(job.workMs, job.deaf ? undefined : context.signal)
      return finish()
    })
  }

  async *#items(job: Job, signal: AbortSignal): AsyncGenerator<number> {
    for (let i = 0; i < 5; i++) {
      yield job.id
      await this.#sleep(job.workMs, signal)
    }
  }

  async *#echo(numbers: AsyncIterable<number>): AsyncGenerator<number> {
    yield* numbers
  }

  async #sum(numbers: AsyncIterable<number>): Promise<number> {
    let sum = 0
    for await (const n of numbers) sum += n
    return sum
  }

  /** Until the promise, or the generator, is done. */
  #counted<T extends Promise<number> | AsyncGenerator<number>>(context: RpcContext, work: () => T): T {
    this.#running.add(context)
    const leave = (): void => void this.#running.delete(context)
    const result = work()
    if (result instanceof Promise) {
      result.finally(leave).catch(() => undefined)
      return result
    }
    return this.#untilDone(result, leave) as T
  }

  async *#untilDone(items: AsyncGenerator<number>, leave: () => void): AsyncGenerator<number> {
    try {
      yield* items
    } finally {
      leave()
    }
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#env.setTimer(Math.max(1, ms), () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      const onAbort = (): void => {
        timer.cancel()
        reject(signal?.reason as Error)
      }
      if (signal?.aborted === true) onAbort()
      else signal?.addEventListener('abort', onAbort)
    })
  }
}

type Step =
  | {
      readonly do: 'run'
      readonly side: 0 | 1
      readonly job: Omit<Job, 'id'>
      readonly timeoutMs: number
      readonly cancelAfterMs: number
    }
  | {
      readonly do: 'items' | 'sum' | 'echo'
      readonly side: 0 | 1
      readonly workMs: number
      readonly timeoutMs: number
      readonly breakAfter: number
    }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'lose'; readonly side: 0 | 1; readonly how: 'destroy' | 'close' | 'cut' }

const side = fc.constantFrom(0 as const, 1 as const)
const ms = fc.oneof(fc.constant(0), fc.nat(60))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('run' as const),
      side,
      job: fc.record({ workMs: ms, fails: fc.boolean(), deaf: fc.boolean() }),
      timeoutMs: ms,
      cancelAfterMs: fc.oneof(fc.constant(-1), ms),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('items' as const, 'sum' as const, 'echo' as const),
      side,
      workMs: ms,
      timeoutMs: ms,
      breakAfter: fc.nat(6),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('lose' as const),
      side,
      how: fc.constantFrom('destroy' as const, 'close' as const, 'cut' as const),
    }),
  },
)

interface World {
  readonly env: VirtualEnv
  readonly workshop: Workshop
  readonly peers: readonly [RpcPeer, RpcPeer]
  /** Loses the session; gives how many handlers ran on and were not told. */
  readonly end: () => Promise<number>
}

async function world(seed: number): Promise<World> {
  const env = virtualEnv({ seed })
  const workshop = new Workshop(env)
  env.network.setFaults({ latencyMs: 3, jitterMs: 10, sliceBytes: 7 })
  const accepted: RpcPeer[] = []
  const server = await listen('tcp://127.0.0.1:7000', {
    env,
    ...rpc({
      maxCalls: 20,
      onPeer: (peer) => {
        accepted.push(peer)
        workshop.serve(peer)
      },
    }),
  })
  const dialing = dial('tcp://127.0.0.1:7000', { env, ...rpc({ maxCalls: 20, onPeer: workshop.serve }) })
  await env.advance(100)
  const session = await dialing
  return {
    env,
    workshop,
    peers: [session.data, accepted[0] as RpcPeer],
    async end() {
      env.network.heal()
      session.destroy()
      server.destroy()
      await env.settle()
      const { unaware } = workshop
      await env.advance(30_000)
      await server.closed
      return unaware
    },
  }
}

/** Counts how a call settles, and checks that its answer is its own. */
class Ledger {
  made = 0
  settled = 0
  readonly faults: string[] = []

  async note(
    call: Promise<unknown>,
    isRight: (answer: unknown) => boolean,
    isRightFailure: (error: RpcError) => boolean,
  ) {
    this.made++
    try {
      const answer = await call
      if (!isRight(answer)) this.faults.push(`the answer ${JSON.stringify(answer)} is another call's`)
    } catch (error) {
      if (!isRpcError(error)) this.faults.push(`failed with ${String(error)}`)
      else if (!isRightFailure(error)) this.faults.push(`failed with ${error.status} ${error.message}`)
    }
    this.settled++
  }
}

async function take(items: AsyncIterable<number>, most: number): Promise<number[]> {
  const taken: number[] = []
  if (most === 0) return taken
  for await (const item of items) {
    taken.push(item)
    if (taken.length === most) break
  }
  return taken
}

let lastJob = 0

function perform({ env, peers }: World, ledger: Ledger, todo: Exclude<Step, { do: 'wait' }>): void {
  const peer = peers[todo.side]
  const work = peer.client(Work)
  const id = ++lastJob
  const lostOrLate = ({ status }: RpcError): boolean =>
    ['deadline_exceeded', 'canceled', 'unavailable', 'resource_exhausted'].includes(status)
  switch (todo.do) {
    case 'run': {
      const stop = new AbortController()
      const { job, timeoutMs, cancelAfterMs } = todo
      if (cancelAfterMs === 0) stop.abort()
      else if (cancelAfterMs > 0) env.after(cancelAfterMs, () => stop.abort())
      void ledger.note(
        work.run({ ...job, id }, { timeoutMs, signal: stop.signal }),
        (answer) => answer === id && !job.fails,
        (error) => lostOrLate(error) || (error.status === 'aborted' && job.fails && error.message === `${id}`),
      )
      return
    }
    case 'items': {
      const { timeoutMs, workMs, breakAfter } = todo
      const items = work.items({ id, workMs, fails: false, deaf: false }, { timeoutMs })
      void ledger.note(
        take(items, breakAfter),
        (got) => (got as number[]).every((n) => n === id) && (got as number[]).length === Math.min(5, breakAfter),
        lostOrLate,
      )
      return
    }
    case 'sum': {
      const numbers = [id, todo.workMs, 1]
      void ledger.note(
        work.sum(numbers, { timeoutMs: todo.timeoutMs }),
        (sum) => sum === id + todo.workMs + 1,
        lostOrLate,
      )
      return
    }
    case 'echo': {
      const numbers = [id, id + 1, id + 2]
      const items = work.echo(numbers, { timeoutMs: todo.timeoutMs })
      const expected = JSON.stringify(numbers.slice(0, todo.breakAfter))
      void ledger.note(take(items, todo.breakAfter), (got) => JSON.stringify(got) === expected, lostOrLate)
      return
    }
    case 'lose':
      if (todo.how === 'destroy') peer.session.destroy()
      else if (todo.how === 'close') void peer.session.close()
      else env.network.cut()
  }
}

test('F-01, F-03, F-04: however calls, cancels, deadlines, answers and losses fall: each call settles once, with its own answer, and nothing is left', async (t) => {
  let calls = 0
  let losses = 0
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(step, { minLength: 5, maxLength: 120, size: 'max' }), async (seed, steps) => {
      const here = await world(seed)
      const { env, workshop, peers } = here
      const ledger = new Ledger()
      for (const todo of steps) {
        if (todo.do === 'wait') await env.advance(todo.ms)
        else perform(here, ledger, todo)
        if (todo.do === 'lose') losses++
      }
      t.is(await here.end(), 0, 'handlers whose signal has not aborted')
      calls += ledger.made
      t.deepEqual(ledger.faults, [])
      t.is(ledger.settled, ledger.made, 'calls that never settled')
      t.is(workshop.running, 0, 'handlers that were never stopped')
      for (const { stats } of peers) t.is(stats.outgoing + stats.incoming, 0)
      t.is(wheelOf(env).size, 0)
      t.is(env.timers, 0)
    }),
    { numRuns: 150 },
  )
  t.log(`${calls} calls, ${losses} losses`)
})

test('after 100,000 calls and 1,000 lost sessions nothing is left', async (t) => {
  const env = virtualEnv()
  const workshop = new Workshop(env)
  const server = await listen('tcp://127.0.0.1:7000', { env, ...rpc({ onPeer: workshop.serve }) })
  const ledger = new Ledger()
  for (let round = 0; round < 1000; round++) {
    const session = await dial('tcp://127.0.0.1:7000', { env, ...rpc() })
    const work = session.data.client(Work)
    for (let i = 0; i < 100; i++) {
      const job = { id: i, workMs: i % 4, fails: i % 5 === 0, deaf: i % 7 === 0 }
      const stop = i % 10 === 0 ? new AbortController() : undefined
      void ledger.note(
        work.run(job, { timeoutMs: 1 + (i % 3), signal: stop?.signal }),
        (answer) => answer === i,
        () => true,
      )
      stop?.abort()
    }
    await env.advance(round % 3)
    session.destroy()
    await session.closed
    t.is(session.data.stats.outgoing, 0)
  }
  await env.advance(10_000)
  t.is(ledger.made, 100_000)
  t.is(ledger.settled, 100_000)
  t.deepEqual(ledger.faults, [])
  t.is(workshop.running, 0)
  t.is(wheelOf(env).size, 0)
  await server.close()
  t.is(env.timers, 0)
})
