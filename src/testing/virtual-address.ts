/** This machine. */
export const LOOPBACK = '127.0.0.1'

/** IPv4 and IPv6 addresses and `localhost` are all this machine, but listeners on different ones are different. */
export function machineHost(host: string): string {
  return host === 'localhost' ? LOOPBACK : host
}

/** Whether it needs no lookup: the virtual network knows no other names. */
export function isAddress(host: string): boolean {
  return host === 'localhost' || host.includes(':') || /^[\d.]+$/.test(host)
}
