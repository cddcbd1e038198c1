import { BlockList, isIP, SocketAddress } from 'node:net'
import test from 'ava'
import fc from 'fast-check'
import { ipText, parseIp } from '../../src/core/ip-address.ts'

/** Address, and how RFC 5952 spells it. */
const SPELLINGS = [
  ['192.0.2.1', '192.0.2.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::', '::'],
  ['::1', '::1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['2001:DB8::', '2001:db8::'],
  ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:0201', '192.0.2.1'],
  ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
] as const

test('each address has one spelling (RFC 5952), and IPv4 that came as IPv6 is IPv4', (t) => {
  for (const [text, spelling] of SPELLINGS) {
    const bytes = parseIp(text)
    t.is(bytes === undefined ? undefined : ipText(bytes), spelling, text)
  }
})

test('what is no address is none', (t) => {
  for (const text of [
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    '1.2.3.-4',
    '1.2.3.4e0',
    '0x7f.0.0.1',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '::12345',
    '::g',
    '::1.2.3',
    '::1.2.3.4:5',
    '1.2.3.4::',
    'fe80::1%eth0',
    '[::1]',
    '1'.repeat(100_000),
    ':'.repeat(100_000),
  ]) {
    t.is(parseIp(text), undefined, text.slice(0, 60))
  }
})

test('what Node calls an address is one, and nothing else, and both mean the same', (t) => {
  const part = fc.constantFrom('0', '1', '00', '9', '255', '256', 'f', 'ffff', 'fffff', ':', '::', '.', '1.2.3.4', '-')
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 18 }).map((parts) => parts.join('')),
      (text) => {
        const bytes = parseIp(text)
        if (bytes === undefined) return isIP(text) === 0
        const family = isIP(text) === 6 ? 'ipv6' : 'ipv4'
        const same = new BlockList()
        same.addAddress(new SocketAddress({ address: text, family }))
        const mine = ipText(bytes)
        return (
          isIP(text) !== 0 &&
          same.check(new SocketAddress({ address: mine, family: bytes.length === 4 ? 'ipv4' : 'ipv6' }))
        )
      },
    ),
    { numRuns: 5_000 },
  )
  t.pass()
})

test('the spelling of any bytes is read back', (t) => {
  const address = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.array(fc.constantFrom(0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
  )
  fc.assert(fc.property(address, (bytes) => ipText(parseIp(ipText(bytes)) ?? new Uint8Array(4)) === ipText(bytes)))
  t.pass()
})
