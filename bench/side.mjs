// One side of one run: a process that run.mjs starts with a description of its part as its only argument, and which
// ends when told, or when run.mjs is gone. A server answers questions; a client conducts: it asks, and its result
// is the run's.
//
//     to us    { question, name }  { answer, value }  { stop }
//     from us  { ready, address }  { question, name }  { answer, value }  { result }  { failure }

/** @typedef {import('./workloads.mjs').Workload} Workload */
/**
 * @typedef {object} Part
 * @property {'server' | 'client'} side
 * @property {Workload} workload
 * @property {string} subject name of a file in subjects/
 * @property {string | undefined} build directory of the built package, where it is not the repository's own
 * @property {string | undefined} address where the server listens; for clients
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

/** What the other side's answer `name` gives. @param {string} name */
function ask(name) {
  const question = ++questions
  process.send({ question, name })
  return new Promise((resolve) => asked.set(question, resolve))
}

async function fail(error) {
  process.send({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) })
}

process.on('disconnect', () => process.exit(1))
process.on('uncaughtException', fail)
process.on('message', async (message) => {
  try {
    if (message.stop) process.exit(0)
    else if (message.name !== undefined)
      process.send({ answer: message.question, value: await answers[message.name]() })
    else {
      asked.get(message.answer)?.(message.value)
      asked.delete(message.answer)
    }
  } catch (error) {
    await fail(error)
  }
})

try {
  const kind = await import(`./kinds/${part.workload.kind}.mjs`)
  const subject = (await import(`./subjects/${part.subject}.mjs`))[part.workload.kind]
  if (part.side === 'server') {
    const server = await kind.server(subject, part)
    answers = server.answers
    process.send({ ready: true, address: server.address })
  } else {
    process.send({ result: await kind.client(subject, part, ask) })
  }
} catch (error) {
  await fail(error)
}
