// One side of one run, started by run.mjs with a description of its part as the only argument. The server tells its
// address and, when asked, the processor time it has used; the client measures, and tells what it found.
import { argument, check } from './payloads.mjs'

const part = JSON.parse(process.argv[2])
const { workload } = part
const subject = await import(`./subjects/${part.subject}.mjs`)
const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

process.on('disconnect', () => process.exit(1))
process.on('message', (message) => {
  if (message === 'cpu') process.send({ cpuMs: cpuMs() })
})

try {
  if (part.side === 'server') process.send({ address: await subject.serve(workload) })
  else process.send({ result: await measure(await subject.connect(part.address, workload)) })
} catch (error) {
  process.send({ failure: error instanceof Error ? error.stack : String(error) })
}

/** Calls without a pause, `inFlight` at once: first for a while that does not count. */
async function measure(client) {
  let calls = 0
  const state = { running: true }
  const loop = async () => {
    while (state.running) {
      const count = calls++
      check(workload.body, count, await client.call(argument(workload.body, count)))
    }
  }
  const stream = async () => {
    for await (const item of client.stream()) {
      check(workload.body, calls++, item)
      if (!state.running) break
    }
  }
  const ended = workload.kind === 'stream' ? stream() : Promise.all(Array.from({ length: workload.inFlight }, loop))
  ended.catch(() => (state.running = false)) // it is awaited below
  await pass(part.warmUpMs)
  const [from, at, serverFrom] = [calls, performance.now(), await serverCpuMs()]
  const cpuFrom = cpuMs()
  await pass(part.measureMs)
  const [count, elapsedMs] = [calls - from, performance.now() - at]
  const usedMs = cpuMs() - cpuFrom + (await serverCpuMs()) - serverFrom
  state.running = false
  await ended
  return { perSecond: (count * 1000) / elapsedMs, cpuMicros: (usedMs * 1000) / count }
}

function pass(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function serverCpuMs() {
  return new Promise((resolve) => {
    process.once('message', (message) => resolve(message.serverCpuMs))
    process.send({ question: 'cpu' })
  })
}
