/** How many different messages there are; more than are ever on the way, so that a message out of order is noticed. */
export const PAYLOAD_COUNT = 4096

/**
 * Messages number 0, 1, 2 … of a stream: `payloads[number % PAYLOAD_COUNT]`. No two of a stream are alike, nor are
 * those of two streams.
 *
 * @param {number} stream
 * @param {number} bytes at least 8
 * @returns {readonly Uint8Array[]}
 */
export function payloads(stream, bytes, count = PAYLOAD_COUNT) {
  return Array.from({ length: count }, (_, number) => {
    const payload = new Uint8Array(bytes)
    for (let at = 8; at < bytes; at++) payload[at] = (number * 31 + stream * 17 + at * 7 + (number >> 5)) & 0xff
    const head = new DataView(payload.buffer)
    head.setUint32(0, number)
    head.setUint32(4, stream)
    return payload
  })
}

/** Whether every byte is as it was sent. */
export function same(message, expected) {
  return Buffer.compare(message, expected) === 0
}
