// RPC beside the best that can be written by hand, and beside its peers, in the same run:
//
//     npm run build && npm ci --prefix bench/rpc && node bench/rpc/run.mjs [--only NAME] [--subjects a,b] [--rounds 5] [--json]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { SUBJECTS, WORKLOADS } from './workloads.mjs'

const SIDE = new URL('side.mjs', import.meta.url).pathname
const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    subjects: { type: 'string', default: Object.keys(SUBJECTS).join() },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
})

/** A process on a core of its own, where there are two. */
function start(part, core) {
  const pinned = availableParallelism() > 1 && process.platform === 'linux'
  const child = fork(SIDE, [JSON.stringify(part)], {
    execArgv: [],
    ...(pinned ? { execPath: 'taskset', execArgv: ['-c', String(core), process.execPath] } : {}),
  })
  return child
}

/** What one side says that has `key`. @throws what failed on it, and where it ended without a word */
async function said(child, key) {
  const over = new AbortController()
  const ended = once(child, 'exit', over).then(([code]) => {
    throw new Error(`a side ended with ${code}`)
  })
  ended.catch(() => {}) // or it has said what it was to say
  try {
    for (;;) {
      const [message] = await Promise.race([once(child, 'message', over), ended])
      if (message.failure !== undefined) throw new Error(message.failure)
      if (message[key] !== undefined) return message[key]
    }
  } finally {
    over.abort()
  }
}

async function round(subject, workload) {
  const part = { subject, workload, warmUpMs: 1000, measureMs: Number(options.seconds) * 1000 }
  const server = start({ ...part, side: 'server' }, 0)
  let client
  try {
    const address = await said(server, 'address')
    client = start({ ...part, side: 'client', address }, 1)
    const answer = async (question) => {
      server.send(question)
      client.send({ serverCpuMs: await said(server, 'cpuMs') })
    }
    client.on('message', ({ question }) => question !== undefined && void answer(question))
    return await said(client, 'result')
  } finally {
    client?.kill('SIGKILL')
    server.kill('SIGKILL')
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
const wanted = options.subjects.split(',')

for (const workload of WORKLOADS.filter(({ name }) => name.includes(options.only))) {
  const ability = workload.kind === 'stream' ? 'stream' : workload.body
  const subjects = wanted.filter((subject) => SUBJECTS[subject].includes(ability))
  const results = new Map(subjects.map((subject) => [subject, []]))
  for (let at = 0; at < Number(options.rounds); at++) {
    for (const subject of subjects) {
      try {
        results.get(subject).push(await round(subject, workload)) // in turns: a slow moment hits all of them
      } catch (error) {
        console.error(`${workload.name} ${subject}: ${error.message}`)
        process.exitCode = 1
      }
    }
  }
  const figures = (subject, key) => (results.get(subject) ?? []).map((result) => result[key])
  const best = median(figures('by-hand', 'perSecond'))
  for (const subject of subjects) {
    const rates = figures(subject, 'perSecond')
    const row = {
      workload: workload.name,
      subject,
      perSecond: Math.round(median(rates)),
      min: Math.round(Math.min(...rates)),
      max: Math.round(Math.max(...rates)),
      cpuMicros: Number(median(figures(subject, 'cpuMicros')).toFixed(2)),
      ratioToByHand: Number((median(rates) / best).toFixed(3)),
    }
    if (options.json) console.log(JSON.stringify(row))
    else {
      const range = `${row.min} … ${row.max}`
      console.log(
        `${row.workload.padEnd(24)}${subject.padEnd(18)}${String(row.perSecond).padStart(10)}/s  (${range})`.padEnd(
          82,
        ) + `${row.cpuMicros} µs CPU, ${row.ratioToByHand} of by hand`,
      )
    }
  }
}
