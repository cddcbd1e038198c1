import test from 'ava'
import { parseAddress } from '../../src/core/address.ts'
import { denyHosts } from '../../src/stages/deny-hosts.ts'
import { connectionRate } from '../../src/stages/node.ts'
import { virtualEnv } from '../../src/testing/virtual-env.ts'

const from = (host: string) => parseAddress(`tcp://${host.includes(':') ? `[${host}]` : host}:1`)

test('denyHosts: networks of both families, IPv4 that came as IPv6, and nobody else', (t) => {
  const admit = denyHosts(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'])
  t.false(admit(from('10.255.0.1')))
  t.false(admit(from('::ffff:10.1.2.3')))
  t.false(admit(from('2001:db8:1::1')))
  t.false(admit(from('192.0.2.7')))
  t.true(admit(from('192.0.2.8')))
  t.true(admit(from('2001:db9::1')))
  t.true(admit(parseAddress('inproc://place')))
  t.throws(() => denyHosts(['10.0.0.0/99']), { code: 'ERR_BAD_OPTION' } as never)
})

test('B-12: connectionRate: a host may come so often at once, then at the rate; others are not touched', async (t) => {
  const env = virtualEnv()
  const admit = connectionRate({ perHost: 3, intervalMs: 1_000, env })
  const times = (host: string, count: number) => Array.from({ length: count }, () => admit(from(host)))
  t.deepEqual(times('192.0.2.1', 4), [true, true, true, false])
  t.deepEqual(times('192.0.2.2', 1), [true])
  await env.advance(334)
  t.deepEqual(times('192.0.2.1', 2), [true, false])
  await env.advance(60_000)
  t.deepEqual(times('192.0.2.1', 4), [true, true, true, false])
})

test('connectionRate: what was refused costs nothing, so that who slows down gets in', async (t) => {
  const env = virtualEnv()
  const admit = connectionRate({ perHost: 1, intervalMs: 1_000, env })
  for (let i = 0; i < 50; i++) admit(from('192.0.2.1'))
  await env.advance(1_000)
  t.true(admit(from('192.0.2.1')))
})

test('connectionRate: an IPv6 host does not become another by changing the half that is its own', (t) => {
  const env = virtualEnv()
  const admit = connectionRate({ perHost: 1, intervalMs: 1_000, env })
  t.true(admit(from('2001:db8:0:1::1')))
  t.false(admit(from('2001:db8:0:1:ffff::2')))
  t.true(admit(from('2001:db8:0:2::1')))
  t.true(admit(from('192.0.2.1')))
  t.false(admit(from('::ffff:192.0.2.1')))
})

test('connectionRate: a million hosts take the place of a bounded number; the one that keeps coming is kept', (t) => {
  const env = virtualEnv()
  const admit = connectionRate({ perHost: 1, intervalMs: 1_000, maxHosts: 100, env })
  const flood = from('192.0.2.1')
  t.true(admit(flood))
  for (let i = 0; i < 10_000; i++) {
    admit({ ...flood, host: `10.0.${i >> 8}.${i & 255}` })
    if (i % 50 === 0) t.false(admit(flood))
  }
  t.true(admit({ ...flood, host: '10.0.0.0' }), 'long forgotten')
})

test('connectionRate: peers without a host are let in; the real clock is the default; bad options are named', (t) => {
  const admit = connectionRate({ perHost: 1, intervalMs: 60_000 })
  const nowhere = parseAddress('ipc:///run/place')
  t.true(admit(nowhere))
  t.true(admit(nowhere))
  t.true(admit(from('192.0.2.1')))
  t.false(admit(from('192.0.2.1')))
  t.throws(() => connectionRate({ perHost: 0, intervalMs: 1 }), { code: 'ERR_BAD_OPTION', message: /perHost/ } as never)
  t.throws(() => connectionRate({ perHost: 1, intervalMs: 0 }), {
    code: 'ERR_BAD_OPTION',
    message: /intervalMs/,
  } as never)
})
