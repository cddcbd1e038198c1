import { setTimeout as delay } from 'node:timers/promises'
import { contents, messagesOf } from '../contents.mjs'
import { COST_UNITS, costs, usage } from '../usage.mjs'

/** Calls are on the way for so long before a round is measured. */
const SETTLE_MS = 20

/** Every call has this deadline, where the subject has deadlines. */
export const DEADLINE_MS = 10_000

/** The client keeps `inFlight` calls on the way, and each is answered with its argument; or it reads a stream of the server's. */
export const flags = []

/** A call and its answer count as one message, as an item of a stream does. */
export const units = ['messages/s', ...COST_UNITS]

export async function server(subject, part) {
  return { address: await subject.serve(part, itemsOf(part.workload)), answers: { usage } }
}

export async function client(subject, part, ask) {
  const { warmUpMs, measureMs } = part
  const workload = carried(subject, part.workload)
  const traffic = workload.streamed ? new Items(workload) : new Calls(workload)
  traffic.open(await subject.connect(part))
  await traffic.during(() => delay(warmUpMs))

  return {
    round: () =>
      traffic.during(async () => {
        await delay(SETTLE_MS)
        const before = { ours: usage(), theirs: await ask('usage'), count: traffic.count }
        do await delay(measureMs)
        while (traffic.count === before.count && traffic.failure === undefined)
        const after = { ours: usage(), theirs: undefined, count: traffic.count }
        after.theirs = await ask('usage')
        const perSecond = ((after.count - before.count) / (after.ours.at - before.ours.at)) * 1e9
        return {
          'messages/s': perSecond,
          ...costs({ from: before.ours, to: after.ours }, { from: before.theirs, to: after.theirs }, perSecond),
        }
      }),
  }
}

/** Some carry text where the workload says bytes: as many characters. */
function carried({ carries }, workload) {
  const { codec = 'raw' } = workload
  return { ...workload, codec: codec === 'raw' ? (carries ?? codec) : codec }
}

/** What a server streams: the messages of the workload, one after the other, for ever. */
function* itemsOf(workload) {
  const messages = messagesOf(workload, 0)
  for (;;) yield* messages
}

/** What is going on between the two: to be begun and stopped, and checked. */
class Traffic {
  messages
  mask
  same
  running = false
  count = 0
  /** The reason why no more comes. */
  failure

  constructor(workload) {
    this.messages = messagesOf(workload, 0)
    this.mask = this.messages.length - 1
    this.same = contents[workload.codec ?? 'raw'].same
  }

  /** What `step` gives, with traffic meanwhile; every call is answered before this is over. @throws what was wrong */
  async during(step) {
    this.running = true
    const over = this.run().catch((error) => (this.failure = error))
    const result = await step()
    this.running = false
    await over
    if (this.failure !== undefined) throw this.failure
    return result
  }

  /** @throws where it is not the message that was expected */
  take(message, number) {
    if (!this.same(message, this.messages[number & this.mask])) throw new Error(`message ${number} came back wrong`)
    this.count++
  }
}

class Calls extends Traffic {
  #inFlight
  #peer
  #sent = 0

  constructor(workload) {
    super(workload)
    this.#inFlight = workload.inFlight
  }

  open(peer) {
    this.#peer = peer
  }

  async run() {
    await Promise.all(Array.from({ length: this.#inFlight }, () => this.#callAgainAndAgain()))
  }

  async #callAgainAndAgain() {
    const peer = this.#peer
    while (this.running) {
      const number = this.#sent++
      this.take(await peer.call(this.messages[number & this.mask]), number)
    }
  }
}

/** Nothing is read between the rounds, so that nothing is sent. */
class Items extends Traffic {
  #items

  open(peer) {
    this.#items = peer.stream()[Symbol.asyncIterator]()
  }

  async run() {
    const items = this.#items
    while (this.running) this.take((await items.next()).value, this.count)
  }
}
