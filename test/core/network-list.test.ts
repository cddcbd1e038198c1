import { BlockList, isIPv6 } from 'node:net'
import test from 'ava'
import fc from 'fast-check'
import { NetworkList } from '../../src/core/network-list.ts'
import { ipText } from '../../src/core/ip-address.ts'

const has = (networks: readonly string[], host: string): boolean => new NetworkList('from', networks).has(host)

test('a host is in a network by the first bits of its address', (t) => {
  const rows: readonly [network: string, inside: readonly string[], outside: readonly string[]][] = [
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'], ['9.255.255.255', '11.0.0.0', '::a00:1']],
    ['192.168.4.0/22', ['192.168.4.0', '192.168.7.255'], ['192.168.3.255', '192.168.8.0']],
    ['192.0.2.7', ['192.0.2.7'], ['192.0.2.6', '192.0.2.70']],
    ['192.0.2.7/32', ['192.0.2.7'], ['192.0.2.6']],
    ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255', '::ffff:1.2.3.4'], ['::', '2001:db8::1']],
    ['::/0', ['::', '2001:db8::1'], ['1.2.3.4', '::ffff:1.2.3.4']],
    ['2001:db8::/32', ['2001:db8::', '2001:DB8:ffff::1'], ['2001:db7::', '2001:db9::']],
    ['2001:db8::1', ['2001:db8:0:0:0:0:0:1'], ['2001:db8::2']],
    ['fe80::/10', ['fe80::1%eth0', 'febf::1'], ['fec0::1']],
    ['::ffff:10.0.0.0/104', ['10.1.2.3'], ['11.0.0.0']],
    ['::ffff:10.1.2.3', ['10.1.2.3'], ['10.1.2.4']],
  ]
  for (const [network, inside, outside] of rows) {
    for (const host of inside) t.true(has([network], host), `${host} is in ${network}`)
    for (const host of outside) t.false(has([network], host), `${host} is not in ${network}`)
  }
})

test('what is no address is in no network', (t) => {
  for (const host of ['', 'localhost', '*', '10.0.0', '%', '10.0.0.1:80'])
    t.false(has(['0.0.0.0/0', '::/0'], host), host)
  t.false(has([], '10.0.0.1'))
})

test('a network that is none is named', (t) => {
  const bad = [
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10/8',
    '::/129',
    '10.0.0.0/08',
  ]
  for (const network of [...bad, '::ffff:10.0.0.0/8', '10.0.0.0/255.0.0.0']) {
    t.throws(
      () => has([network], ''),
      { code: 'ERR_BAD_OPTION', message: /^option from has .*which is no network/ },
      network,
    )
  }
  t.throws(() => has([7 as unknown as string], ''), { code: 'ERR_BAD_OPTION' })
  t.throws(() => has('10.0.0.0/8' as unknown as string[], ''), { code: 'ERR_BAD_OPTION', message: /must be a list/ })
  t.throws(() => has(['10.1.2.3/8'], ''), { code: 'ERR_BAD_OPTION', message: /did you mean 10\.0\.0\.0\/8\?/ })
})

test('it says what Node’s BlockList says', (t) => {
  const ipv4 = fc.array(fc.constantFrom(0, 1, 10, 128, 255), { minLength: 4, maxLength: 4 })
  const ipv6 = fc.array(fc.constantFrom(0, 1, 128, 255), { minLength: 16, maxLength: 16 })
  const address = fc.oneof(ipv4, ipv6).map((bytes) => Uint8Array.from(bytes))
  const network = fc.tuple(address, fc.nat(128)).map(([bytes, most]) => {
    const bits = Math.min(most, 8 * bytes.length)
    const first = bytes.map((byte, at) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * at))))
    return { host: ipText(first), bits: first.length === 16 && !isIPv6(ipText(first)) ? bits - 96 : bits }
  })
  fc.assert(
    fc.property(fc.array(network, { maxLength: 8 }), address, (networks, host) => {
      const peer = ipText(host)
      const block = new BlockList()
      const family = isIPv6(peer) ? 'ipv6' : 'ipv4'
      const same = networks.filter(({ host: first, bits }) => bits >= 0 && isIPv6(first) === isIPv6(peer))
      for (const { host: first, bits } of same) block.addSubnet(first, bits, family)
      const list = networks.filter(({ bits }) => bits >= 0).map(({ host: first, bits }) => `${first}/${bits}`)
      return has(list, peer) === block.check(peer, family)
    }),
    { numRuns: 2_000 },
  )
  t.pass()
})
