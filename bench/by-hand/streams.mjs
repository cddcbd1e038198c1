// Listening and connecting by hand: TCP, Unix sockets and TLS.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'

const BACKLOG = 4096

/** @param {import('../side.mjs').Part} part @returns {Promise<string>} a port, or a path */
export async function listen({ workload, folder, tls }, onSocket) {
  const server = workload.transport === 'tls' ? createTlsServer(tls, onSocket) : createServer(onSocket)
  if (workload.transport === 'ipc') {
    const path = join(folder, `${process.pid}.sock`)
    await once(server.listen({ path, backlog: BACKLOG }), 'listening')
    return path
  }
  await once(server.listen(0, '127.0.0.1', BACKLOG), 'listening')
  return String(server.address().port)
}

/** @param {import('../side.mjs').Part} part @param {object} [options] of the socket */
export async function dial({ workload, address, tls }, options) {
  if (workload.transport === 'tls') {
    const socket = connectTls({ host: '127.0.0.1', port: Number(address), ca: tls.cert, ...options })
    await once(socket, 'secureConnect')
    return socket
  }
  const where = workload.transport === 'ipc' ? { path: address } : { host: '127.0.0.1', port: Number(address) }
  const socket = connect({ ...where, ...options })
  await once(socket, 'connect')
  return socket
}
