import { setTimeout as delay } from 'node:timers/promises'
import { contents, messagesOf } from '../contents.mjs'
import { COST_UNITS, costs, usage } from '../usage.mjs'

/** How long the last messages may take to arrive. */
const DRAIN_MS = 5_000

/** Messages are on the way for so long before a round is measured. */
const SETTLE_MS = 20

/** A subject that never lets the event loop go round is stopped all the same: the clock is looked at once in so many messages, a power of two. */
const LOOK_EVERY = 64
const LONGEST_MS = 10_000

/** The client sends as fast as the server takes it; the server counts and checks. */
export const flags = []

/** Its processes hold as much on their heap as a program would. */
export const needsLiveHeap = true

export const units = ['messages/s', 'MB/s', ...COST_UNITS]

export async function server(subject, part) {
  const sink = new Sink(part.workload)
  const address = await subject.serve(part, sink)
  return {
    address,
    answers: { state: () => ({ ...usage(), received: sink.received, failure: sink.failure?.message }) },
  }
}

export async function client(subject, part, ask) {
  const { workload, warmUpMs, measureMs, isAlone } = part
  const source = new Source(workload)
  const pump = await subject.dial(part, source)

  const sendWhile = async (during) => {
    source.start()
    pump.start()
    const result = await during()
    source.stop()
    while (!source.isOver) await delay(2)
    await arrived(source, ask)
    return result
  }
  await sendWhile(() => delay(warmUpMs))

  return {
    // The server's figures are what counts, at the times of its own clock.
    round: () =>
      sendWhile(async () => {
        await delay(SETTLE_MS)
        const before = { ours: usage(), theirs: await ask('state') }
        let after
        do {
          await delay(measureMs)
          after = { ours: usage(), theirs: await ask('state') }
        } while (after.theirs.received === before.theirs.received && after.theirs.failure === undefined)
        const messages = after.theirs.received - before.theirs.received
        const perSecond = (messages / (after.theirs.at - before.theirs.at)) * 1e9
        return {
          'messages/s': perSecond,
          'MB/s': (perSecond * workload.messageBytes) / 1e6,
          ...costs(
            { from: before.ours, to: after.ours },
            isAlone ? undefined : { from: before.theirs, to: after.theirs },
            perSecond,
          ),
        }
      }),
  }
}

/** The messages of a stream, one after the other, until it is stopped. */
class Source {
  #messages
  #isStopped = true
  #until = 0
  sent = 0
  /** The subject has heard that it is stopped. */
  isOver = true

  constructor(workload) {
    this.#messages = messagesOf(workload, 0)
  }

  start() {
    this.#until = performance.now() + LONGEST_MS
    this.#isStopped = this.isOver = false
  }

  stop() {
    this.#isStopped = true
  }

  /** Undefined when it is stopped: the subject then sends no more until it is started anew. */
  next() {
    if (this.#isStopped || ((this.sent & (LOOK_EVERY - 1)) === 0 && performance.now() > this.#until)) {
      this.isOver = true
      return undefined
    }
    return this.#messages[this.sent++ & (this.#messages.length - 1)]
  }
}

/** Counts what arrives, and checks it. */
class Sink {
  #messages
  #same
  received = 0
  failure

  constructor(workload) {
    this.#messages = messagesOf(workload, 0)
    this.#same = contents[workload.codec ?? 'raw'].same
  }

  onMessage(message) {
    if (!this.#same(message, this.#messages[this.received & (this.#messages.length - 1)])) {
      this.failure = new Error(`message ${this.received} arrived wrong, or out of order`)
      throw this.failure
    }
    this.received++
  }
}

/** Every message that was sent must arrive. */
async function arrived(source, ask) {
  const until = performance.now() + DRAIN_MS
  for (;;) {
    const { received, failure } = await ask('state')
    if (failure !== undefined) throw new Error(failure)
    if (received === source.sent) return
    if (performance.now() > until) throw new Error(`${source.sent - received} of ${source.sent} messages were lost`)
    await delay(2)
  }
}
