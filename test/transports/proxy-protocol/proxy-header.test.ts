import test from 'ava'
import fc from 'fast-check'
import { isHawserError } from '../../../src/core/errors.ts'
import type { ProxyHeader } from '../../../src/transports/proxy-protocol/proxied-peer.ts'
import { readProxyHeader } from '../../../src/transports/proxy-protocol/proxy-header.ts'
import { hex } from '../../../src/testing/hex.ts'
import { ascii, concatenated, version1, type Version2, version2 } from '../../support/proxy-headers.ts'

/** What HAProxy 2.6.12 sent with `send-proxy-v2 proxy-v2-options crc32c,unique-id`. */
const GOLDEN = hex`0d0a0d0a000d0a515549540a 2111 001a 7f000001 7f000001 b46e 4269 030004efd64d14 05000469642d31`

/** TLVs as text, for AVA tells a Buffer from a Uint8Array. */
function tlvsOf(header: ProxyHeader | undefined): Record<number, string> {
  return Object.fromEntries(
    [...(header?.peer?.tlvs ?? [])].map(([type, value]) => [type, String.fromCharCode(...value)]),
  )
}

/** Source and destination as text; undefined where they are not known. */
function ends(header: ProxyHeader | undefined): string | undefined {
  const found = header?.peer?.ends
  if (found === undefined) return undefined
  const { source, destination } = found
  return `${source.host} ${source.port} > ${destination.host} ${destination.port}`
}

/** What reading it throws; a test fails where it throws nothing. */
function complaint(bytes: Uint8Array): string {
  try {
    return `read: ${JSON.stringify(readProxyHeader(bytes))}`
  } catch (error) {
    return isHawserError(error, 'ERR_PROXY') ? error.message : `not a HawserError: ${String(error)}`
  }
}

test('version 1: lines of the specification, section 2.1', (t) => {
  const rows: readonly [line: string, ends: string | undefined][] = [
    ['PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535', '255.255.255.255 65535 > 255.255.255.255 65535'],
    ['PROXY TCP4 192.168.0.1 192.168.0.11 56324 443', '192.168.0.1 56324 > 192.168.0.11 443'],
    ['PROXY TCP4 0.0.0.0 0.0.0.0 0 0', '0.0.0.0 0 > 0.0.0.0 0'],
    ['PROXY TCP6 2001:0DB8::1 ::1 56324 443', '2001:db8::1 56324 > ::1 443'],
    ['PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c000:0202 1 2', '192.0.2.1 1 > 192.0.2.2 2'],
    [
      'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535',
      'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 > ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535',
    ],
    ['PROXY UNKNOWN', undefined],
    ['PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535', undefined],
    [`PROXY UNKNOWN ${'x'.repeat(107 - 16)}`, undefined],
  ]
  for (const [line, expected] of rows) {
    const bytes = version1(line)
    const header = readProxyHeader(concatenated(bytes, ascii('and what the peer says\r\n')))
    t.is(header?.length, bytes.length, line)
    t.is(ends(header), expected, line)
    t.deepEqual(tlvsOf(header), {})
  }
})

test('version 1: whatever else is refused with ERR_PROXY', (t) => {
  const rows: readonly [line: string, complaint: RegExp][] = [
    ['PROXY ', /protocol ""/],
    ['PROXY TCP5 1.2.3.4 1.2.3.4 1 2', /protocol "TCP5"/],
    ['PROXY tcp4 1.2.3.4 1.2.3.4 1 2', /protocol "tcp4"/],
    ['PROXY UDP4 1.2.3.4 1.2.3.4 1 2', /protocol "UDP4"/],
    ['PROXY UNKNOWNX', /protocol "UNKNOWNX"/],
    ['PROXY  TCP4 1.2.3.4 1.2.3.4 1 2', /protocol ""/],
    ['PROXY TCP4', /no address of TCP4: ""/],
    ['PROXY TCP4 1.2.3.4', /no port: ""/],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1', /no port: ""/],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3', /behind its ports/],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1 2 ', /behind its ports/],
    ['PROXY TCP4 1.2.3.4  1.2.3.4 1 2', /no address of TCP4: ""|behind its ports/],
    ['PROXY TCP4 ::1 ::1 1 2', /no address of TCP4: "::1"/],
    ['PROXY TCP6 1.2.3.4 1.2.3.4 1 2', /no address of TCP6/],
    ['PROXY TCP4 1.2.3.256 1.2.3.4 1 2', /no address of TCP4: "1\.2\.3\.256"/],
    ['PROXY TCP4 01.2.3.4 1.2.3.4 1 2', /no address/],
    ['PROXY TCP6 fe80::1%eth0 ::1 1 2', /no address/],
    ['PROXY TCP4 localhost 1.2.3.4 1 2', /no address/],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 65536 2', /no port: "65536"/],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 -1 2', /no port: "-1"/],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 01 2', /no port: "01"/],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1e3 2', /no port: "1e3"/],
    ['PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r', /no port: "2\\r"/],
    ['PROXY TCP4\t1.2.3.4 1.2.3.4 1 2', /protocol "TCP4\\t1\.2\.3\.4"/],
    ['PROXY TCP4 \u0000\u001b[31m 1.2.3.4 1 2', /no address of TCP4: "\\u0000\\u001b\[31m"/],
  ]
  for (const [line, expected] of rows) t.regex(complaint(version1(line)), expected, JSON.stringify(line))
  t.regex(complaint(ascii('PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n')), /LF without CR/)
})

test('version 1: a line without an end is refused at its 107th byte, and not before', (t) => {
  const endless = ascii(`PROXY UNKNOWN ${'x'.repeat(200)}`)
  t.is(readProxyHeader(endless.subarray(0, 106)), undefined)
  t.regex(complaint(endless.subarray(0, 107)), /no end within 107 bytes/)
  t.regex(complaint(concatenated(endless.subarray(0, 106), ascii('\r\n'))), /no end within 107 bytes/)
})

test('version 2: addresses of each family, section 2.2', (t) => {
  const rows: readonly [header: Version2, ends: string | undefined][] = [
    [{}, '192.0.2.1 56324 > 198.51.100.7 443'],
    [{ family: 0x12 }, '192.0.2.1 56324 > 198.51.100.7 443'],
    [{ source: '2001:db8::1', destination: '2001:db8::2' }, '2001:db8::1 56324 > 2001:db8::2 443'],
    [{ source: '2001:db8::1', destination: '::1', family: 0x22 }, '2001:db8::1 56324 > ::1 443'],
    [{ family: 0x21, block: [...mapped(9), ...mapped(10), 0, 1, 0, 2] }, '192.0.2.9 1 > 192.0.2.10 2'],
    [{ family: 0x31, block: Array.from({ length: 216 }, () => 0x2f) }, undefined],
    [{ family: 0x32, block: Array.from({ length: 216 }, () => 0) }, undefined],
    [{ family: 0x00, block: [] }, undefined],
  ]
  for (const [given, expected] of rows) {
    const bytes = version2({ ...given, tlvs: [[0xe0, ascii('own')]] })
    const header = readProxyHeader(concatenated(bytes, ascii('hello')))
    t.is(header?.length, bytes.length)
    t.is(ends(header), expected, JSON.stringify(given))
    t.deepEqual(tlvsOf(header), { 0xe0: 'own' }, JSON.stringify(given))
  }
})

function mapped(last: number): number[] {
  return [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last]
}

test('version 2: LOCAL is the proxy itself, whatever else its header says', (t) => {
  for (const given of [
    { family: 0x00, block: [] },
    {},
    { family: 0xff, block: [1, 2, 3] },
    { checksum: 'wrong' },
  ] as const) {
    const bytes = version2({ command: 0x20, ...given })
    t.deepEqual(readProxyHeader(bytes), { length: bytes.length, peer: undefined })
  }
})

test('version 2: TLVs are kept as they came, of several of one type the first; padding is not', (t) => {
  const tlvs = [
    [0x01, ascii('h2')],
    [0x04, ascii('padding')],
    [0x05, ascii('first')],
    [0x05, ascii('second')],
    [0xea, new Uint8Array(0)],
  ] as const
  const bytes = version2({ tlvs })
  const header = readProxyHeader(bytes)
  const expected = { 0x01: 'h2', 0x05: 'first', 0xea: '' }
  t.deepEqual(tlvsOf(header), expected)
  bytes.fill(0)
  t.deepEqual(tlvsOf(header), expected, 'they neither pin nor share the chunk')
})

test('version 2: a checksum is verified where there is one', (t) => {
  const tlvs = [[0xe1, ascii('more')]] as const
  const good = version2({ checksum: 'right', tlvs })
  t.is(ends(readProxyHeader(concatenated(good, ascii('not counted')))), '192.0.2.1 56324 > 198.51.100.7 443')
  t.regex(complaint(version2({ checksum: 'wrong', tlvs })), /wrong checksum/)
  for (let bit = 16 * 8; bit < good.length * 8; bit++) {
    const flipped = good.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
    const said = complaint(flipped)
    // A flip may also hide the checksum's own type, or break a length.
    if (said.startsWith('read:')) t.true(bit >> 3 === 28, `bit ${bit}: ${said}`)
  }
  t.regex(complaint(version2({ tlvs: [[0x03, new Uint8Array(3)]] })), /checksum of 3 bytes/)
  t.regex(complaint(version2({ checksum: 'right', tlvs: [[0x03, new Uint8Array(4)]] })), /two checksums|wrong checksum/)
})

test('version 2: golden bytes of HAProxy 2.6, with a checksum and a unique id', (t) => {
  const header = readProxyHeader(GOLDEN)
  t.is(header?.length, GOLDEN.length)
  t.is(ends(header), '127.0.0.1 46190 > 127.0.0.1 17001')
  t.deepEqual(tlvsOf(header), { 0x03: '\xef\xd6\x4d\x14', 0x05: 'id-1' })
})

test('version 2: whatever else is refused with ERR_PROXY', (t) => {
  const rows: readonly [header: Version2, complaint: RegExp][] = [
    [{ command: 0x11 }, /version 1 behind the signature of 2/],
    [{ command: 0x31 }, /version 3/],
    [{ command: 0x01 }, /version 0/],
    [{ command: 0x22 }, /unknown command 2/],
    [{ command: 0x2f }, /unknown command 15/],
    [{ family: 0x10 }, /unknown family 0x10/],
    [{ family: 0x01 }, /unknown family 0x01/],
    [{ family: 0x13 }, /unknown family 0x13/],
    [{ family: 0x41 }, /unknown family 0x41/],
    [{ family: 0xff }, /unknown family 0xff/],
    [{ block: ones(11) }, /too short for its addresses/],
    [{ family: 0x21, block: ones(35) }, /too short for its addresses/],
    [{ family: 0x31, block: ones(215) }, /too short for its addresses/],
    [{ block: [] }, /too short for its addresses/],
    [{ length: 65_535 }, /announces 65551 bytes, more than 4096/],
    [{ length: 4_081 }, /announces 4097 bytes/],
    [{ command: 0x20, length: 4_081 }, /announces 4097 bytes/],
    [{ block: [...ones(12), 0xe0] }, /ends within a TLV/],
    [{ block: [...ones(12), 0xe0, 0] }, /ends within a TLV/],
    [{ block: [...ones(12), 0xe0, 0, 1] }, /ends within a TLV/],
    [{ block: [...ones(12), 0xe0, 0xff, 0xff, 1, 2, 3] }, /ends within a TLV/],
    [{ family: 0x00, block: [1, 2] }, /ends within a TLV/],
  ]
  for (const [given, expected] of rows) t.regex(complaint(version2(given)), expected, JSON.stringify(given))
})

test('version 2: a header of 4 096 bytes is the largest; one byte more is refused as soon as it is announced', (t) => {
  const largest = version2({ tlvs: [[0xe0, new Uint8Array(4_096 - 16 - 12 - 3)]] })
  t.is(largest.length, 4_096)
  t.is(readProxyHeader(largest)?.length, 4_096)
  t.regex(complaint(version2({ length: 4_081 }).subarray(0, 16)), /announces 4097 bytes/)
})

test('what is no header is refused at its first wrong byte', (t) => {
  for (const [text, at] of [
    ['GET / HTTP/1.1', 1],
    ['\x16\x03\x01', 1],
    ['PROXX', 5],
    ['PROXY\t', 6],
    ['\r\n\r\n\0\r\nQUIX', 11],
    ['\r\n\r\n\0\r\nQUIT\n\x30', 13],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x77', 14],
  ] as const) {
    const bytes = ascii(text)
    t.is(readProxyHeader(bytes.subarray(0, at - 1)), undefined, text)
    t.regex(complaint(bytes.subarray(0, at)), /PROXY header/, text)
  }
})

function ones(count: number): number[] {
  return Array.from({ length: count }, () => 1)
}

const octet = fc.nat(255)
const endpoint = fc.tuple(
  fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.')),
  fc.nat(65_535),
)
const tlv = fc.tuple(fc.integer({ min: 0x05, max: 0xff }), fc.uint8Array({ maxLength: 40 }))
const anyHeader = fc.oneof(
  fc.tuple(endpoint, endpoint).map(([[source, sourcePort], [destination, destinationPort]]) => ({
    bytes: version1(`PROXY TCP4 ${source} ${destination} ${sourcePort} ${destinationPort}`),
    ends: `${source} ${sourcePort} > ${destination} ${destinationPort}`,
  })),
  fc
    .tuple(endpoint, endpoint, fc.array(tlv, { maxLength: 4 }), fc.constantFrom(undefined, 'right' as const))
    .map(([[source, sourcePort], [destination, destinationPort], tlvs, checksum]) => ({
      bytes: version2({ source, sourcePort, destination, destinationPort, tlvs, ...(checksum && { checksum }) }),
      ends: `${source} ${sourcePort} > ${destination} ${destinationPort}`,
    })),
)

test('a header cut short anywhere is not complete; whole, it is what was written, whatever follows', (t) => {
  fc.assert(
    fc.property(anyHeader, fc.uint8Array({ maxLength: 30 }), ({ bytes, ends: written }, rest) => {
      for (let length = 0; length < bytes.length; length++) {
        if (readProxyHeader(bytes.subarray(0, length)) !== undefined) return false
      }
      const header = readProxyHeader(concatenated(bytes, rest))
      return header?.length === bytes.length && ends(header) === written
    }),
  )
  t.pass()
})

test('random bytes, random changes: a header, ERR_PROXY or more to come, and the same for every prefix from then on', (t) => {
  const changed = fc
    .tuple(anyHeader, fc.array(fc.tuple(fc.nat(120), octet), { maxLength: 4 }))
    .map(([{ bytes }, changes]) => {
      const copy = Uint8Array.from(bytes)
      for (const [at, value] of changes) copy[at % copy.length] = value
      return copy
    })
  const random = fc
    .tuple(
      fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', '\r\n\r\n\0\r\nQUIT\n', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0'),
      fc.uint8Array({ maxLength: 200 }),
    )
    .map(([head, tail]) => concatenated(ascii(head), tail))
  fc.assert(
    fc.property(fc.oneof(changed, random), (bytes) => {
      let settled: string | undefined
      for (let length = 0; length <= bytes.length; length++) {
        const said = complaint(bytes.subarray(0, length))
        if (said.startsWith('not a HawserError')) return false
        if (said === 'read: undefined') {
          if (settled !== undefined) return false
        } else {
          settled ??= said
          // The text may show more of the bytes; what it is does not change.
          if (settled.startsWith('read:') ? said !== settled : said.startsWith('read:')) return false
        }
      }
      return true
    }),
    { numRuns: 2_000 },
  )
  t.pass()
})
