import { copy } from '../../core/bytes.ts'
import type { Connection, ConnectionSink } from '../../core/connection.ts'
import type { Env } from '../../core/env.ts'
import { equalBytes, ok } from './check.ts'

/** How long a party waits for what must come. */
const PATIENCE_MS = 20_000
const POLL_MS = 1

/** Waits until `condition` holds. */
export async function until(env: Env, condition: () => boolean, what: string): Promise<void> {
  const deadline = env.now() + PATIENCE_MS
  while (!condition()) {
    ok(env.now() < deadline, `never came true: ${what}`)
    await pause(env, POLL_MS)
  }
}

/** Time in which something that must not happen could have happened. */
export function pause(env: Env, delayMs: number): Promise<void> {
  return new Promise((resolve) => void env.setTimer(delayMs, resolve, true))
}

/**
 * One end of a connection under test. Whatever a test does with it, it watches the rules that hold at all times: no
 * method calls the sink before it has returned; `taken` at most once, in the order of the writes; nothing after the end
 * but the close, and nothing after the close. `verify` tells of the first breach.
 */
export class Party {
  readonly connection: Connection
  readonly env: Env
  readonly chunks: Uint8Array[] = []
  receivedBytes = 0
  endCount = 0
  closeCount = 0
  /** Numbers of the writes that were taken, from 0. */
  readonly taken: number[] = []
  /** What a test does in the middle of onChunk. */
  whenChunk: ((chunk: Uint8Array) => void) | undefined
  #writes = 0
  #calling = 0
  #sink: PartySink | undefined
  #breach: string | undefined

  constructor(env: Env, connection: Connection) {
    this.env = env
    this.connection = connection
  }

  /** Everything that came, in one piece. */
  get received(): Uint8Array {
    const whole = new Uint8Array(this.receivedBytes)
    let at = 0
    for (const chunk of this.chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  }

  get closed(): boolean {
    return this.closeCount > 0
  }

  get ended(): boolean {
    return this.endCount > 0
  }

  /** Attaches a new sink; an earlier one must hear nothing more. */
  attach(unread?: Uint8Array): void {
    this.#sink = new PartySink(this)
    const sink = this.#sink
    this.call(() => this.connection.attach(sink, unread))
  }

  /** Its sink must hear nothing more. */
  detach(unread: Uint8Array): void {
    this.#sink = undefined
    this.call(() => this.connection.detach?.(unread))
  }

  write(chunk: Uint8Array): void {
    const number = this.#writes++
    const taken = (): void => {
      this.heard('taken', this.#sink)
      this.#must(this.taken.length === 0 || number > (this.taken.at(-1) ?? 0), `taken of write ${number} out of order`)
      this.taken.push(number)
    }
    this.call(() => this.connection.write(chunk, taken))
  }

  /** Runs methods of the connection, none of which may call the sink meanwhile. */
  call(run: () => void): void {
    this.#calling++
    try {
      run()
    } finally {
      this.#calling--
    }
  }

  heard(event: string, sink: PartySink | undefined): void {
    this.#must(this.#calling === 0, `${event} came from inside a call of a method`)
    this.#must(this.closeCount === 0, `${event} came after onClose`)
    this.#must(sink === this.#sink, `${event} came to a sink that was replaced`)
    if (event === 'onChunk') this.#must(this.endCount === 0, 'onChunk came after onEnd')
    if (event === 'onEnd') this.#must(this.endCount === 0, 'onEnd came twice')
  }

  verify(): void {
    ok(this.#breach === undefined, this.#breach ?? '')
  }

  async receives(expected: Uint8Array, what: string): Promise<void> {
    await until(this.env, () => this.receivedBytes >= expected.length, `${what} (${expected.length} bytes)`)
    equalBytes(this.received, expected, what)
  }

  hasEnded(): Promise<void> {
    return until(this.env, () => this.ended, 'onEnd')
  }

  hasClosed(): Promise<void> {
    return until(this.env, () => this.closed, 'onClose')
  }

  #must(condition: boolean, breach: string): void {
    if (!condition) this.#breach ??= breach
  }
}

class PartySink implements ConnectionSink {
  readonly #party: Party

  constructor(party: Party) {
    this.#party = party
  }

  onChunk(chunk: Uint8Array): void {
    const party = this.#party
    party.heard('onChunk', this)
    party.chunks.push(party.connection.chunks === 'kept' ? chunk : copy(chunk))
    party.receivedBytes += chunk.length
    party.whenChunk?.(chunk)
  }

  onActivity(): void {
    this.#party.heard('onActivity', this)
  }

  onEnd(): void {
    this.#party.heard('onEnd', this)
    this.#party.endCount++
  }

  onClose(): void {
    this.#party.heard('onClose', this)
    this.#party.closeCount++
  }
}
