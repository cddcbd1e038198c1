import test from 'ava'
import { pageAddresses } from '../../src/browser/page-address.ts'
import { parseAddress } from '../../src/core/address.ts'
import { isHawserError } from '../../src/core/errors.ts'

test('a page reads addresses as core does', (t) => {
  for (const text of [
    'ws://host',
    'wss://host/a/b?c=d',
    'ws://host:8080?c=d',
    'WSS://Example.COM:443/x',
    'ws://[2001:DB8::1]:9/y',
    'ws://127.0.0.1:5/a b#c',
    'ws://host:1/ä',
  ]) {
    const { scheme, host, port, path, href } = parseAddress(text)
    const address = pageAddresses.toDial(text)
    t.like(address, { scheme, host, port, path, href }, text)
    t.is(String(address), href)
    t.is(JSON.stringify({ address }), JSON.stringify({ address: href }))
    t.is(pageAddresses.toDial(address), address)
    t.is(pageAddresses.of(href).href, href)
  }
  t.like(pageAddresses.toDial('Mine://host:5'), { scheme: 'mine', host: 'host', port: 5 })
})

test('a bad address names the part that is wrong', (t) => {
  const wrongPart = (text: unknown): string => {
    try {
      pageAddresses.toDial(text as string)
    } catch (error) {
      if (isHawserError(error, 'ERR_BAD_ADDRESS')) return error.part
      throw error
    }
    return 'nothing'
  }
  for (const text of ['', 'host:1', '://host:1', '1ws://host:1', 'ws:/host:1', undefined])
    t.is(wrongPart(text), 'scheme')
  for (const text of [
    'ws://',
    'ws://a b:1',
    'ws://user@host:1',
    'ws://user:pass@host',
    'ws://::1:80',
    'ws://host:65536',
  ])
    t.is(wrongPart(text), 'host', text)
  for (const text of ['ws://host/a\nb', 'ws://ho\tst']) t.not(wrongPart(text), 'nothing')
})

test('what a connection calls its ends is taken as it is', (t) => {
  t.like(pageAddresses.of('the third drawer'), { scheme: 'stream', path: 'the third drawer' })
  t.like(pageAddresses.of('browser://local:0'), { scheme: 'browser', host: 'local', port: 0 })
})
