import { parseIp, ipText } from '../../../src/core/ip-address.ts'
import { hex } from '../../../src/testing/hex.ts'
import type { Endpoint } from '../../../src/transports/proxy-protocol/proxied-peer.ts'
import { readProxyHeader } from '../../../src/transports/proxy-protocol/proxy-header.ts'
import { proxyHeader } from '../references/proxy-header.ts'
import { ascii, codeOf, type FuzzTarget, hexOf, same } from '../fuzz-target.ts'

/** Of version 2, whose length is 16 bits wide. */
const LARGEST_HEADER = 16 + 65_535
const MORE = 'more'

function outcome(bytes: Uint8Array): string {
  try {
    const header = readProxyHeader(bytes)
    if (header === undefined) return MORE
    const { length, peer } = header
    if (length > bytes.length || length > LARGEST_HEADER) throw new Error(`a header of ${length} bytes`)
    if (peer === undefined) return `${length} local`
    const { ends, tlvs } = peer
    if (ends !== undefined) for (const end of [ends.source, ends.destination]) checkEnd(end)
    const shown = [...tlvs].map(([type, value]) => `${type}=${hexOf(value)}`)
    return `${length} ${JSON.stringify(ends)} ${shown.join()}`
  } catch (error) {
    return codeOf(error)
  }
}

function checkEnd({ host, port }: Endpoint): void {
  const ip = parseIp(host)
  if (ip === undefined || ipText(ip) !== host) throw new Error(`the host ${host} is not spelt as RFC 5952 has it`)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`the port ${port}`)
}

/** @throws where the specification says something else */
function compare(found: string, input: Uint8Array): void {
  const expected = proxyHeader(Buffer.from(input).toString('latin1'))
  if (expected === 'bad') return same(found, 'ERR_PROXY', 'by the specification')
  if (expected === 'either') return
  const [bytes = '', ends = ''] = found.split(' ')
  same(bytes, String(expected.bytes), 'by the specification')
  const ports = [...ends.matchAll(/"port":(\d+)/g)].map(([, port]) => port)
  same(ports.join(), (expected.ports ?? []).join(), 'by the specification')
}

/** Where it is known what the bytes are: all longer inputs must come to the same. */
function checkPrefixes(input: Uint8Array): string {
  const whole = outcome(input)
  compare(whole, input)
  const step = Math.ceil(input.length / 600)
  for (let length = 0; length < input.length; length += step) {
    const early = outcome(input.subarray(0, length))
    if (early === MORE) continue
    same(early, whole, `the first ${length} bytes`)
    break
  }
  return whole.replaceAll(/\d/g, '').slice(0, 60)
}

function target(version: string, corpus: readonly Uint8Array[], tokens: readonly Uint8Array[]): FuzzTarget {
  return { name: `proxy-protocol/${version}`, corpus, tokens, check: checkPrefixes }
}

const SIGNATURE = hex`0d0a0d0a000d0a515549540a`
const TCP4 = hex`${hexOf(SIGNATURE)} 21 11 000c c0000201 c0000202 1f90 01bb`

/** Headers of both versions. */
export const proxyProtocol: readonly FuzzTarget[] = [
  target(
    'version-1',
    [
      'PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nrest',
      'PROXY TCP6 2001:db8::1 ::1 1 65535\r\n',
      'PROXY UNKNOWN ffff:f...f:ffff 65535\r\n',
    ].map(ascii),
    ['\r\n', '\r', ' ', '::ffff:1.2.3.4', '::', '0', '65536', '00', 'TCP6', 'UNKNOWN', '1.2.3.04'].map(ascii),
  ),
  target(
    'version-2',
    [
      TCP4,
      hex`${hexOf(SIGNATURE)} 20 00 0000`,
      hex`${hexOf(SIGNATURE)} 21 21 0029 20010db8000000000000000000000001 00000000000000000000000000000001 0001 0002 ea0002 0102`,
      hex`${hexOf(SIGNATURE)} 21 31 00d8`,
      hex`${hexOf(SIGNATURE)} 21 11 0013 c0000201 c0000202 1f90 01bb 030004 00000000`,
    ],
    [SIGNATURE, hex`20`, hex`21`, hex`11`, hex`12`, hex`22`, hex`030004`, hex`200005 01 00000000`, hex`01ffff`],
  ),
]
