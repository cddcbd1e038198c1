// For test/transports/ipc.test.ts: a worker of node:cluster listens on the path in PLACE, says the mode of its file, and ends.
import cluster from 'node:cluster'
import { statSync } from 'node:fs'
import { raw } from '../../codecs/raw.ts'
import { listen } from '../../src/node.ts'

const path = process.env['PLACE'] ?? ''

if (cluster.isPrimary) {
  cluster.fork()
} else {
  const server = await listen(`ipc://${path}`, { codec: raw(), ipc: { mode: 0o640 } })
  console.log((statSync(path).mode & 0o777).toString(8))
  await server.close()
  cluster.worker?.disconnect()
}
