import type { Env } from './env.ts'
import { sessionClosed } from './errors.ts'
import { requireNumber, withDefaults } from './session-options.ts'
import { isThenable } from './thenable.ts'
import { type Wait, wrongWait } from './wait.ts'
import { WaitList, waitFor } from './wait-list.ts'

/** How much a TaskPool does at once, and holds. */
export interface TaskPoolOptions {
  /** Tasks that run at once. @defaultValue 16 */
  readonly concurrency?: number | undefined
  /** Tasks that wait for their turn; from there on `ready()` waits. @defaultValue 1 024 */
  readonly maxQueued?: number | undefined
  /** Whose time and turns count. @defaultValue the real one */
  readonly env?: Env | undefined
}

const TASK_POOL_DEFAULTS = { concurrency: 16, maxQueued: 1_024 }

interface Task {
  readonly key: unknown
  readonly run: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** The next one of the same key. */
  next: Task | undefined
}

/**
 * Runs tasks side by side, those of one key in order: for listeners whose work must not block other messages.
 *
 *     onMessage: async (session, message) => {
 *       await pool.ready()                                  // a full pool slows this session down, and thereby its peer
 *       pool.run(session, () => work(message)).then((answer) => session.send(answer), report)
 *     }
 *
 * A task must not wait for another one of its own key: that one waits for it.
 */
export class TaskPool {
  readonly #env: Env
  readonly #concurrency: number
  readonly #maxQueued: number
  /** The last task of each key that has one running or queued. */
  readonly #last = new Map<unknown, Task>()
  /** Queued, and first of their key. */
  readonly #runnable = new Set<Task>()
  readonly #room: WaitList<undefined>
  readonly #idle: WaitList<undefined>
  #running = 0
  #queued = 0
  #starting = false
  #closed = false

  /** @throws ERR_BAD_OPTION */
  constructor(options: TaskPoolOptions & { readonly env: Env }) {
    const { concurrency, maxQueued } = withDefaults(TASK_POOL_DEFAULTS, options)
    requireNumber('concurrency', concurrency, 1)
    requireNumber('maxQueued', maxQueued, 0)
    this.#env = options.env
    this.#concurrency = concurrency
    this.#maxQueued = maxQueued
    this.#room = new WaitList(this.#env)
    this.#idle = new WaitList(this.#env)
  }

  /** Tasks that wait for their turn. */
  get queued(): number {
    return this.#queued
  }

  get running(): number {
    return this.#running
  }

  /** Resolves when there is room in the queue; rejects once the pool is closed. First come, first served. */
  ready(options?: Wait): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    if (this.#closed) return Promise.reject(poolClosed())
    if (this.#hasRoom()) return Promise.resolve()
    return this.#room.add('room in the task pool', options)
  }

  /**
   * The task's own result or failure, which no other task notices. It may begin before `run` returns. Whoever does not
   * wait for it asks `ready()` first: tasks of a full pool queue up all the same.
   * @throws ERR_SESSION_CLOSED (as a rejection) once the pool is closed
   */
  run<T>(key: unknown, task: () => T | Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(poolClosed())
    return new Promise<T>((resolve, reject) => {
      this.#add({ key, run: task, resolve: resolve as (value: unknown) => void, reject, next: undefined })
      this.#start()
    })
  }

  /** No more tasks; resolves when those that were given are done. Over time they go on. */
  close(options?: Wait): Promise<void> {
    const wrong = wrongWait(options)
    if (wrong !== undefined) return Promise.reject(wrong)
    this.#closed = true
    this.#room.rejectAll(poolClosed())
    if (this.#isIdle()) return Promise.resolve()
    return waitFor(this.#env, 'closing the task pool', this.#idle.add('the last task'), options)
  }

  #hasRoom(): boolean {
    return this.#running < this.#concurrency || this.#queued < this.#maxQueued
  }

  #isIdle(): boolean {
    return this.#running === 0 && this.#queued === 0
  }

  #add(task: Task): void {
    const before = this.#last.get(task.key)
    this.#last.set(task.key, task)
    this.#queued++
    if (before === undefined) this.#runnable.add(task)
    else before.next = task
  }

  /** A loop, and not called from inside itself: a thousand synchronous tasks must not be a thousand frames deep. */
  #start(): void {
    if (this.#starting) return
    this.#starting = true
    for (const task of this.#runnable) {
      if (this.#running >= this.#concurrency) break
      this.#runnable.delete(task)
      this.#queued--
      this.#running++
      this.#run(task)
    }
    this.#starting = false
  }

  #run(task: Task): void {
    try {
      const result = task.run()
      if (isThenable(result)) {
        Promise.resolve(result).then(
          (value) => this.#settled(task, () => task.resolve(value)),
          (error: unknown) => this.#settled(task, () => task.reject(error)),
        )
        return
      }
      this.#settled(task, () => task.resolve(result))
    } catch (error) {
      this.#settled(task, () => task.reject(error))
    }
  }

  #settled(task: Task, settle: () => void): void {
    this.#running--
    if (task.next !== undefined) this.#runnable.add(task.next)
    else this.#last.delete(task.key)
    settle()
    this.#start()
    if (this.#isIdle()) this.#onIdle()
    else if (this.#hasRoom()) this.#room.resolveNext(undefined) // one place became free
  }

  /** Whoever was let in may have brought no task after all, so that the count of places starts anew. */
  #onIdle(): void {
    for (let places = this.#concurrency + this.#maxQueued; places > 0; places--) {
      if (!this.#room.resolveNext(undefined)) break
    }
    this.#idle.resolveAll(undefined)
  }
}

function poolClosed(): Error {
  return sessionClosed('the task pool is closed')
}
