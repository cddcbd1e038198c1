import { setTimeout as delay } from 'node:timers/promises'
import { openAndCloseSocket, untilCount } from '../plain-clients.mjs'
import { usage } from '../usage.mjs'

/** So many connections are being opened or closed at any time. */
const AT_ONCE = 64

/**
 * Connections come and go: each is opened, is open on both sides, is closed by the client, and ends in good order on both.
 * The server must have seen as many as the client.
 */
export const flags = []

/** Its processes hold as much on their heap as a program would. */
export const needsLiveHeap = true

export const units = ['cycles/s', 'CPU us/cycle', 'client CPU us/cycle', 'server CPU us/cycle']

export async function server(subject, part) {
  const { address, count, opened } = await subject.serve(part)
  return { address, answers: { count, opened, usage } }
}

export async function client(subject, part, ask) {
  const { workload, warmUpMs, measureMs } = part
  const openAndClose = workload.isPlainDialer
    ? () => openAndCloseSocket(part.address)
    : () => subject.openAndClose(part)
  let cycles = 0
  const runWhile = async (during) => {
    const run = { isOver: false }
    const worker = async () => {
      while (!run.isOver) {
        await openAndClose()
        cycles++
      }
    }
    const conduct = async () => {
      const result = await during()
      run.isOver = true
      return result
    }
    const [result] = await Promise.all([conduct(), ...Array.from({ length: AT_ONCE }, worker)])
    await untilCount(ask, 0)
    const seen = await ask('opened')
    if (seen !== cycles) throw new Error(`${cycles} connections were opened, the server saw ${seen}`)
    return result
  }
  await runWhile(() => delay(warmUpMs))

  return {
    round: () =>
      runWhile(async () => {
        const before = { ours: usage(), theirs: await ask('usage'), cycles }
        do await delay(measureMs)
        while (cycles === before.cycles)
        const after = { ours: usage(), theirs: undefined, cycles }
        after.theirs = await ask('usage')
        const perSecond = ((after.cycles - before.cycles) / (after.ours.at - before.ours.at)) * 1e9
        const each = (from, to) => ((to.cpu - from.cpu) / (to.at - from.at) / perSecond) * 1e6
        const clientCpu = each(before.ours, after.ours)
        const serverCpu = each(before.theirs, after.theirs)
        return {
          'cycles/s': perSecond,
          'CPU us/cycle': clientCpu + serverCpu,
          'client CPU us/cycle': clientCpu,
          'server CPU us/cycle': serverCpu,
        }
      }),
  }
}
