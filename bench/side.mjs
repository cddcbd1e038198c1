// One side of a measurement: a process that duo.mjs starts with a description of its part as its only argument, and
// which ends when told, or when duo.mjs is gone. A server answers questions; a client conducts: it asks, and what its
// rounds give are the figures. Where the transport does not leave the process, one process is both.
//
//     to us    { open }  { round }  { question, name }  { answer, value }  { stop }
//     from us  { ready, address }  { question, name }  { answer, value }  { result }  { failure }  { unavailable }
//
// A client is told to open when it is its turn, with the server's address; it then opens its connections, warms up, and
// is ready. All that can be done before, is.

/** @typedef {import('./workloads.mjs').Workload} Workload */
/**
 * @typedef {object} Part
 * @property {'server' | 'client'} side
 * @property {boolean} isAlone whether this process is the server as well
 * @property {Workload} workload
 * @property {string} subject the module that is measured, as a URL
 * @property {string | undefined} build directory of the built package, where it is not the repository's own
 * @property {string | undefined} address where the server listens; for clients
 * @property {string} folder for sockets that are files
 * @property {{ cert: string, key: string } | undefined} tls for 127.0.0.1, where the transport needs it
 * @property {number} warmUpMs
 * @property {number} measureMs
 */

/** @type {Part} */
const part = JSON.parse(process.argv[2])
if (part.build !== undefined) process.env.HAWSER_BUILD = part.build

/** @type {Map<number, (value: unknown) => void>} */
const asked = new Map()
/** @type {Record<string, () => unknown>} */
let answers = {}
let questions = 0
/** @type {{ round(): Promise<Record<string, number>> }} */
let conductor
let open
/** When this client may open its connections: the server's address. @type {Promise<string>} */
const opening = new Promise((resolve) => (open = resolve))

/** What the server's answer `name` gives. @param {string} name */
async function ask(name) {
  if (part.isAlone) return answers[name]()
  const question = ++questions
  process.send({ question, name })
  return new Promise((resolve) => asked.set(question, resolve))
}

function fail(error) {
  process.send({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) })
}

process.on('disconnect', () => process.exit(1))
process.on('uncaughtException', fail)
process.on('message', (message) => {
  onMessage(message).catch(fail)
})

async function onMessage(message) {
  if (message.stop) process.exit(0)
  else if (message.open !== undefined) open(message.open)
  else if (message.round) process.send({ result: finite(await conductor.round()) })
  else if (message.name !== undefined) process.send({ answer: message.question, value: await answers[message.name]() })
  else {
    asked.get(message.answer)?.(message.value)
    asked.delete(message.answer)
  }
}

/** Figures, all of which are numbers. */
function finite(figures) {
  for (const [unit, value] of Object.entries(figures))
    if (!Number.isFinite(value)) throw new Error(`${unit}: ${value} is no figure`)
  return figures
}

async function begin() {
  const { unavailable, [part.workload.kind]: subject } = await import(part.subject)
  const reason = unavailable?.()
  if (reason !== undefined) return void process.send({ unavailable: reason })
  if (subject === undefined) throw new Error(`${part.subject} has no '${part.workload.kind}'`)
  const kind = await import(`./kinds/${part.workload.kind}.mjs`)
  if (kind.needsLiveHeap) await import('./live-heap.mjs')
  await subject.prepare?.(part)
  if (part.isAlone || part.side === 'server') {
    const server = await kind.server(subject, part)
    answers = server.answers
    part.address = server.address
  }
  if (part.side === 'client') {
    const address = await opening
    conductor = await kind.client(subject, { address, ...part }, ask)
  }
  process.send({ ready: true, address: part.address })
}

begin().catch(fail)
