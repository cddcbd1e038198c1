import test from 'ava'
import fc from 'fast-check'
import { dialable, makeAddress, parseAddress, toAddress } from '../../src/core/address.ts'
import { isHawserError } from '../../src/core/errors.ts'

/** The part that the error names. */
function wrongPart(text: string): string {
  try {
    parseAddress(text)
  } catch (error) {
    if (isHawserError(error, 'ERR_BAD_ADDRESS')) return error.part
    throw error
  }
  return 'nothing'
}

test('an address is its scheme, host, port and path, and prints as its URL', (t) => {
  const rows: [string, string, string, number, string, string][] = [
    ['tcp://127.0.0.1:7000', 'tcp', '127.0.0.1', 7000, '', 'tcp://127.0.0.1:7000'],
    ['TCP://Example.COM:0', 'tcp', 'example.com', 0, '', 'tcp://example.com:0'],
    ['tcp://*:65535', 'tcp', '*', 65_535, '', 'tcp://*:65535'],
    ['tcp://host:1/', 'tcp', 'host', 1, '', 'tcp://host:1'],
    ['tls+tcp://[2001:DB8::1]:443', 'tls', '2001:db8::1', 443, '', 'tls://[2001:db8::1]:443'],
    ['udp://[::ffff:1.2.3.4]:9', 'udp', '::ffff:1.2.3.4', 9, '', 'udp://[::ffff:1.2.3.4]:9'],
    ['tcp://[fe80::1%eth0]:1', 'tcp', 'fe80::1%eth0', 1, '', 'tcp://[fe80::1%eth0]:1'],
    ['ws://host', 'ws', 'host', 80, '/', 'ws://host:80/'],
    ['wss://host/a/b?c=d', 'wss', 'host', 443, '/a/b?c=d', 'wss://host:443/a/b?c=d'],
    ['ws://host:8080?c=d', 'ws', 'host', 8080, '/?c=d', 'ws://host:8080/?c=d'],
    ['ipc:///run/a.sock', 'ipc', '', 0, '/run/a.sock', 'ipc:///run/a.sock'],
    ['unix://relative.sock', 'ipc', '', 0, 'relative.sock', 'ipc://relative.sock'],
    ['inproc://a name', 'inproc', '', 0, 'a name', 'inproc://a name'],
    ['mine://host:5', 'mine', 'host', 5, '', 'mine://host:5'],
  ]
  for (const [text, scheme, host, port, path, href] of rows) {
    const address = parseAddress(text)
    t.deepEqual([address.scheme, address.host, address.port, address.path], [scheme, host, port, path], text)
    t.is(String(address), href)
    t.is(JSON.stringify({ address }), JSON.stringify({ address: href }))
    t.is(parseAddress(href).href, href)
    t.is(toAddress(text).href, href)
    t.is(toAddress(address), address)
  }
})

test('a bad address names the part that is wrong', (t) => {
  const rows: Record<string, string[]> = {
    scheme: ['', 'host:1', '://host:1', '1tcp://host:1', 't cp://host:1', 'tcp:/host:1'],
    host: [
      'tcp://:1',
      'tcp://a b:1',
      'tcp://user@host:1',
      'tcp://user:pass@host:1',
      'tcp://::1:80',
      'tcp://[::1:80',
      'tcp://[]:80',
      'tcp://[1]:80',
      'tcp://[::1]x:80',
      'tcp://ho*st:1',
      'tcp://\u0000:1',
    ],
    port: [
      'tcp://host',
      'tcp://host:',
      'tcp://host:65536',
      'tcp://host:-1',
      'tcp://host:1.5',
      'tcp://host:0x10',
      'tcp://host:http',
      'tcp://[::1]',
      'ws://host:99999',
    ],
    path: ['tcp://host:1/path', 'udp://host:1?q', 'ipc://', 'inproc://', 'ipc://a\0b'],
  }
  for (const [part, texts] of Object.entries(rows)) {
    for (const text of texts) t.is(wrongPart(text), part, text)
  }
})

test('any text is an address or an ERR_BAD_ADDRESS', (t) => {
  const near = fc
    .tuple(fc.constantFrom('tcp', 'ws', 'ipc', 'x'), fc.string(), fc.nat(99_999))
    .map(([a, b, c]) => `${a}://${b}:${c}`)
  fc.assert(fc.property(fc.oneof(fc.string(), near), (text) => t.is(typeof wrongPart(text), 'string')))
})

test("dialed, '*' means this machine's loopback", (t) => {
  t.is(dialable(parseAddress('tcp://*:5')).href, 'tcp://127.0.0.1:5')
  const address = makeAddress('tcp', 'host', 1)
  t.is(dialable(address), address)
})
