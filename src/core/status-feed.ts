import type { Env } from './env.ts'
import { describe } from './errors.ts'
import type { Logger } from './logger.ts'
import { isThenable } from './thenable.ts'
import { WaitList } from './wait-list.ts'

/** What an iterator that nobody pulls keeps; the oldest are dropped first. */
const MAX_KEPT = 1_000

/** What happens to a Server or Client, told to its `onStatus` and to iterators: in order, each in a later turn. */
export class StatusFeed<Status> {
  readonly #env: Env
  readonly #logger: Logger
  readonly #onStatus: ((status: Status) => unknown) | undefined
  readonly #readers = new Set<StatusReader<Status>>()
  #waiting: Status[] = []
  #scheduled = false
  #ended = false

  constructor(env: Env, logger: Logger, onStatus: ((status: Status) => unknown) | undefined) {
    this.#env = env
    this.#logger = logger
    this.#onStatus = onStatus
  }

  emit(status: Status): void {
    if (this.#ended || (this.#onStatus === undefined && this.#readers.size === 0)) return
    this.#waiting.push(status)
    this.#schedule()
  }

  /** Nothing follows: iterators end once they have given what they keep. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#schedule()
  }

  /** From now on; each iterator has all of them. */
  read(): AsyncIterable<Status> {
    return { [Symbol.asyncIterator]: () => this.#newReader() }
  }

  #newReader(): AsyncIterator<Status> {
    const reader = new StatusReader<Status>(this.#env, () => this.#readers.delete(reader))
    if (this.#ended) reader.end()
    else this.#readers.add(reader)
    return reader
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#env.defer(() => this.#tell())
  }

  #tell(): void {
    this.#scheduled = false
    const statuses = this.#waiting
    this.#waiting = []
    for (const status of statuses) {
      for (const reader of this.#readers) reader.push(status)
      this.#callHook(status)
    }
    if (!this.#ended) return
    for (const reader of this.#readers) reader.end()
    this.#readers.clear()
  }

  #callHook(status: Status): void {
    const log = (error: unknown): void => this.#logger.error(`onStatus threw: ${describe(error)}`, { error })
    try {
      const result = this.#onStatus?.(status)
      if (isThenable(result)) Promise.resolve(result).catch(log)
    } catch (error) {
      log(error)
    }
  }
}

class StatusReader<Status> implements AsyncIterator<Status, undefined> {
  readonly #waits: WaitList<IteratorResult<Status, undefined>>
  readonly #leave: () => void
  readonly #kept: Status[] = []
  #ended = false

  constructor(env: Env, leave: () => void) {
    this.#waits = new WaitList(env)
    this.#leave = leave
  }

  push(value: Status): void {
    if (this.#waits.resolveNext({ done: false, value })) return
    this.#kept.push(value)
    if (this.#kept.length > MAX_KEPT) this.#kept.shift()
  }

  end(): void {
    this.#ended = true
    this.#waits.resolveAll({ done: true, value: undefined })
  }

  next(): Promise<IteratorResult<Status, undefined>> {
    const value = this.#kept.shift()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return this.#waits.add('the next status')
  }

  return(): Promise<IteratorResult<Status, undefined>> {
    this.#leave()
    this.#kept.length = 0
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }
}
