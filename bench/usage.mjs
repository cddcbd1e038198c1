/** CPU time of this process so far and the time now, both in nanoseconds, and its resident memory in bytes. */
export function usage() {
  const { user, system } = process.cpuUsage()
  return { cpu: (user + system) * 1000, at: performance.now() * 1e6, resident: process.memoryUsage.rss() }
}

/**
 * What an operation cost. Each side's CPU time counts over its own time, since one is asked later than the other.
 * @param {{ from: object, to: object }} client
 * @param {{ from: object, to: object } | undefined} server left out where both are one process
 * @param {number} perSecond operations
 */
export function costs(client, server, perSecond) {
  const each = ({ from, to }) => ((to.cpu - from.cpu) / (to.at - from.at)) * (1e9 / perSecond)
  const clientCpu = each(client)
  if (server === undefined) return { 'CPU ns/message': clientCpu, 'server MB': client.to.resident / 1e6 }
  const serverCpu = each(server)
  return {
    'CPU ns/message': clientCpu + serverCpu,
    'client CPU ns/message': clientCpu,
    'server CPU ns/message': serverCpu,
    'client MB': client.to.resident / 1e6,
    'server MB': server.to.resident / 1e6,
  }
}

/** The units of `costs`. */
export const COST_UNITS = ['CPU ns/message', 'client CPU ns/message', 'server CPU ns/message', 'client MB', 'server MB']
