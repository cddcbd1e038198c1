/** `ws://` over TCP, `wss://` over TLS; other links keep their name. */
export function webSocketAddress(address: string): string {
  if (address.startsWith('tcp:')) return `ws:${address.slice(4)}`
  return address.startsWith('tls:') ? `wss:${address.slice(4)}` : address
}
