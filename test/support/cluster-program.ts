// A program with a cluster, for test/env/cluster.test.ts: its server answers lines, its primary does what stdin says.
//
//   WORKERS  how many
//   ADDRESS  where they listen
//   MAIN     'throws', 'exits', 'gives nothing': how `main` fails; 'late': only where the file LATE is there
//   CERT, KEY  of a server with TLS
//   CODEC    'each': a codec for each peer, so that broadcasts travel as messages
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { text } from '../../codecs/text.ts'
import { line } from '../../codecs/framing/line.ts'
import type { Server } from '../../src/core/server.ts'
import { closeOnSignals, listen, runCluster } from '../../src/index.ts'

const environment = process.env
const workers = Number(environment['WORKERS'] ?? 2)
const say = (what: object): void => console.log(JSON.stringify(what))

async function main(): Promise<Server> {
  if (environment['MAIN'] === 'throws') throw new Error('no luck')
  if (environment['MAIN'] === 'exits') process.exit(7)
  if (environment['MAIN'] === 'gives nothing') return {} as Server
  if (existsSync(environment['BROKEN'] ?? '')) throw new Error('the new program is broken')
  const server: Server<string, string> = await listen(environment['ADDRESS'] ?? 'tcp://127.0.0.1:0', {
    codec: environment['CODEC'] === 'each' ? () => text() : text(),
    framing: line(),
    tls: { cert: environment['CERT'], key: environment['KEY'] },
    closeTimeoutMs: 500,
    listener: {
      onOpen: (session) => session.send(`${process.pid} ${session.id}`),
      onMessage(session, message) {
        const [command, ...words] = message.split(' ')
        const rest = words.join(' ')
        if (command === 'all') server.broadcast(rest)
        else if (command === 'others') server.broadcast(rest, { except: session })
        else if (command === 'filtered') server.broadcast(rest, { filter: () => true })
        else if (command === 'crash') process.exit(9)
        else session.send(`echo ${message}`)
      },
      onShutdown: (session) => session.send(`goodbye from ${process.pid}`),
    },
  })
  return server
}

try {
  const cluster = await runCluster(workers, main)
  say({ up: cluster.addresses, workers })
  const input = createInterface({ input: process.stdin })
  input.on('line', (command) => {
    if (command === 'stats') say({ stats: cluster.stats })
    if (command === 'again') runCluster(1, main).catch((error: unknown) => say({ refused: String(error) }))
    if (command === 'restart') {
      cluster.restart({ timeoutMs: 2_000 }).then(
        () => say({ restarted: true }),
        (error: unknown) => say({ restarted: String(error) }),
      )
    }
    if (command === 'close') void cluster.close({ timeoutMs: 3_000 })
    if (command === 'destroy') cluster.destroy()
  })
  await closeOnSignals([cluster])
  say({ closed: cluster.stats })
  input.close()
} catch (error) {
  const { code = '', message } = error as Error & { readonly code?: string }
  say({ failed: `${code} ${message}` })
}
