/*
 * RFC 6455, section 5, once more: frames as a peer may send them, read from the whole input.
 */

/** What comes of it, in order, and whether it breaks a rule; 'either': what is wrong need not be known yet. */
export interface ExpectedFrames {
  readonly told: readonly string[]
  readonly end: 'bad' | 'fine' | 'either'
}

const MAX_FRAGMENTS = 1024

/** @param masked whether the peer is the client */
export function webSocketFrames(input: Uint8Array, masked: boolean, limitBytes: number): ExpectedFrames {
  const told: string[] = []
  const end = (how: ExpectedFrames['end']): ExpectedFrames => ({ told, end: how })
  let kind: 'text' | 'binary' | undefined
  let message = Buffer.alloc(0)
  let fragments = 0
  for (let at = 0; ; ) {
    if (at === input.length) return end('fine')
    if (input.length - at < 2) return end('either')
    const [first, second] = input.subarray(at) as unknown as [number, number]
    const fin = first >= 128
    const opcode = first % 16
    const short = second % 128
    // 5.2: no extension, so no reserved bits; 5.1: clients mask, servers do not
    if (Math.floor(first / 16) % 8 !== 0 || second >= 128 !== masked) return end('bad')
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) return end('bad')
    if (opcode >= 8 && (!fin || short > 125)) return end('bad') // 5.5
    if (opcode < 8 && (opcode === 0) === (kind === undefined)) return end('bad') // 5.4
    if (opcode === 0 && ++fragments > MAX_FRAGMENTS) return end('bad')
    const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0
    const from = at + 2 + lengthBytes + (masked ? 4 : 0)
    if (input.length < from) return end('either')
    const extended = BigInt(`0x0${Buffer.from(input.subarray(at + 2, at + 2 + lengthBytes)).toString('hex')}`)
    const length = lengthBytes === 0 ? short : Number(extended)
    if (extended >= 1n << 63n || (lengthBytes === 8 && length < 65_536) || (lengthBytes === 2 && length < 126))
      return end('bad')
    if (opcode < 8 && message.length + length > limitBytes) return end('bad')
    const mask = masked ? input.subarray(from - 4, from) : new Uint8Array(4)
    const payload = Buffer.from(input.subarray(from, from + length)).map((byte, i) => byte ^ (mask[i % 4] as number))
    const isWhole = payload.length === length
    at = from + length
    if (opcode >= 8) {
      if (!isWhole) return end('fine')
      told.push(`c${opcode}:${Buffer.from(payload).toString('hex')}`)
      if (opcode === 8 && !mayClose(Buffer.from(payload))) return end('bad')
      continue
    }
    if (opcode !== 0) {
      kind = opcode === 1 ? 'text' : 'binary'
      fragments = 1
    }
    message = Buffer.concat([message, payload])
    const isOver = fin && isWhole
    if (kind === 'text' && !isUtf8(message, isOver)) return end('bad') // 8.1
    if (!isWhole) return end('fine')
    if (!isOver) continue
    told.push(`${kind === 'text' ? 't' : 'b'}${message.toString('hex')}`)
    kind = undefined
    message = Buffer.alloc(0)
  }
}

/** 5.5.1 and 7.4: nothing, or a code that may be on the wire, and a text. */
function mayClose(payload: Buffer): boolean {
  if (payload.length === 0) return true
  if (payload.length === 1) return false
  const code = payload.readUInt16BE(0)
  const isKnown = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)
  return (isKnown || (code >= 3000 && code <= 4999)) && isUtf8(payload.subarray(2), true)
}

/** @param isWhole nothing follows; else it may end within a character */
function isUtf8(bytes: Buffer, isWhole: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !isWhole })
    return true
  } catch {
    return false
  }
}
