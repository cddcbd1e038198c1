import { createHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { DatagramLane } from '../datagram-lane.mjs'
import { Lane } from '../lane.mjs'
import { COST_UNITS, costs, usage } from '../usage.mjs'

/** How long the last messages may take to come back. */
const DRAIN_MS = 5_000

/** Messages are on the way for so long before a round is measured. */
const SETTLE_MS = 20

/** The client keeps `inFlight` messages on the way on each connection; the server sends each one back. */
export const flags = []

/** What one round gives, the headline first. */
/** Its processes hold as much on their heap as a program would. */
export const needsLiveHeap = true

export const units = ['messages/s', ...COST_UNITS, 'p50 us', 'p99 us', 'p99.9 us', 'lost/million']

export async function server(subject, part) {
  return { address: await subject.serve(part), answers: { usage } }
}

export async function client(subject, part, ask) {
  const { workload, warmUpMs, measureMs, isAlone } = part
  const latency = workload.latency ? createHistogram() : undefined
  const isLossy = workload.transport === 'udp'
  const lanes = Array.from({ length: workload.connections }, (_, stream) =>
    isLossy ? new DatagramLane(workload, stream) : new Lane(workload, stream, latency),
  )
  for (const lane of lanes) lane.open(await subject.dial(part, lane))

  start(lanes, workload)
  await delay(warmUpMs)
  await drain(lanes)

  return {
    async round() {
      start(lanes, workload)
      await delay(SETTLE_MS)
      latency?.reset()
      const before = { ours: usage(), theirs: await ask('usage'), received: received(lanes), lost: lost(lanes) }
      do await delay(measureMs)
      while (received(lanes) === before.received && lanes.every(({ failure }) => failure === undefined))
      const after = { ours: usage(), theirs: undefined, received: received(lanes), lost: lost(lanes) }
      after.theirs = await ask('usage')
      await drain(lanes)

      const messages = after.received - before.received
      const perSecond = (messages / (after.ours.at - before.ours.at)) * 1e9
      return {
        'messages/s': perSecond,
        ...costs(
          { from: before.ours, to: after.ours },
          isAlone ? undefined : { from: before.theirs, to: after.theirs },
          perSecond,
        ),
        ...(latency && {
          'p50 us': latency.percentile(50) / 1000,
          'p99 us': latency.percentile(99) / 1000,
          'p99.9 us': latency.percentile(99.9) / 1000,
        }),
        ...(isLossy && { 'lost/million': ((after.lost - before.lost) / messages) * 1e6 }),
      }
    },
  }
}

const received = (lanes) => lanes.reduce((sum, lane) => sum + lane.received, 0)
const lost = (lanes) => lanes.reduce((sum, lane) => sum + lane.lost, 0)

function start(lanes, { inFlight }) {
  for (const lane of lanes) lane.start(inFlight)
}

/** Every message that was sent must come back. */
async function drain(lanes) {
  for (const lane of lanes) lane.stop()
  const until = performance.now() + DRAIN_MS
  for (;;) {
    for (const { failure } of lanes) if (failure !== undefined) throw failure
    if (lanes.every((lane) => lane.missing === 0)) return
    if (performance.now() > until) throw new Error('messages were lost')
    await delay(2)
  }
}
