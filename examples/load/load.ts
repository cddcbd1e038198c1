import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CloseCause, connect, type EventListener, type Session } from 'hawser'
import { raw } from 'hawser/codecs'

/** What is asked of a server. */
export interface Load {
  readonly address: string
  readonly connections: number
  readonly messageBytes: number
  /** Messages of each connection that are on their way at once. */
  readonly inFlight: number
  readonly warmUpMs: number
  readonly durationMs: number
}

/** What came of it. Times in milliseconds. */
export interface LoadResult {
  readonly messages: number
  readonly messagesPerSecond: number
  /** One way, of messages alone. */
  readonly bytesPerSecond: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

const NS_PER_MS = 1e6

/**
 * Sends to a server that echoes, for as long as it is told, and takes the time of each message.
 * @throws where a session is lost meanwhile: what is left would tell of another load
 */
export async function run(load: Load): Promise<LoadResult> {
  const { address, connections, messageBytes, inFlight, warmUpMs, durationMs } = load
  const meter = new Meter()
  const loss = new AbortController()
  const onLoss = (cause: CloseCause): void =>
    loss.abort(cause.by === 'error' ? cause.error : new Error('the server ended a session'))
  await using client = connect(address, {
    codec: raw(),
    connections,
    maxFrameBytes: Math.max(1, messageBytes),
    reconnect: false,
    listener: () => new Sender(meter, new Uint8Array(messageBytes), inFlight, onLoss),
  })
  await client.ready()
  await during(warmUpMs, loss.signal)
  meter.begin()
  await during(durationMs, loss.signal)
  return meter.end(messageBytes)
}

async function during(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted())
}

/** Counts and times, between `begin` and `end`, of all connections together. */
class Meter {
  #times: RecordableHistogram | undefined
  #beganAt = 0

  begin(): void {
    this.#times = createHistogram()
    this.#beganAt = performance.now()
  }

  add(ms: number): void {
    this.#times?.record(Math.max(1, Math.round(ms * NS_PER_MS)))
  }

  end(messageBytes: number): LoadResult {
    const times = this.#times ?? createHistogram()
    const seconds = (performance.now() - this.#beganAt) / 1_000
    this.#times = undefined
    const { count, max } = times
    const percentile = (share: number): number => times.percentile(share) / NS_PER_MS
    return {
      messages: count,
      messagesPerSecond: count / seconds,
      bytesPerSecond: (count * messageBytes) / seconds,
      p50: percentile(50),
      p99: percentile(99),
      p999: percentile(99.9),
      max: count === 0 ? 0 : max / NS_PER_MS,
    }
  }
}

type LoadSession = Session<Uint8Array, Uint8Array>

/** One connection: a message for each that comes back. */
class Sender implements EventListener<Uint8Array> {
  readonly #meter: Meter
  readonly #message: Uint8Array
  /** When each of those on their way was sent; the oldest at `#next`, as they come back in order. */
  readonly #sentAt: Float64Array
  readonly #onLoss: (cause: CloseCause) => void
  #next = 0

  constructor(meter: Meter, message: Uint8Array, inFlight: number, onLoss: (cause: CloseCause) => void) {
    this.#onLoss = onLoss
    this.#meter = meter
    this.#message = message
    this.#sentAt = new Float64Array(inFlight)
  }

  onOpen(session: LoadSession): void {
    this.#sentAt.fill(performance.now())
    for (let i = 0; i < this.#sentAt.length; i++) session.send(this.#message)
  }

  onMessage(session: LoadSession): void {
    const at = this.#next
    const now = performance.now()
    this.#meter.add(now - (this.#sentAt[at] ?? now))
    this.#sentAt[at] = now
    this.#next = (at + 1) % this.#sentAt.length
    session.send(this.#message)
  }
  onClose(_session: LoadSession, cause: CloseCause): void {
    if (cause.by !== 'local') this.#onLoss(cause)
  }
}
