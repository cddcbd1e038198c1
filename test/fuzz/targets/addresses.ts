import { parseAddress } from '../../../src/core/address.ts'
import { ipText, parseIp } from '../../../src/core/ip-address.ts'
import { NetworkList } from '../../../src/core/network-list.ts'
import { requestPath } from '../../../src/core/web-socket.ts'
import { ascii, codeOf, type FuzzTarget, same } from '../fuzz-target.ts'

const IPS = [
  '192.0.2.1',
  '2001:db8::1',
  '::ffff:10.0.0.1',
  '::',
  '0:0:1:0:0:0:0:1',
  '10.0.0.0/8',
  '2001:db8::/32',
  '::/0',
]
const IP_TOKENS = [':', '::', '.', '0', '255', '256', 'ffff', '/', '/0', '/32', '/128', '%eth0', '00'].map(ascii)

/** What people write into programs and configurations. */
export const addresses: readonly FuzzTarget[] = [
  {
    name: 'address/url',
    corpus: [
      'tcp://127.0.0.1:80',
      'ws://[::1]/a?b=c#d',
      'ipc:///tmp/x y',
      'inproc://name',
      'tls+tcp://*:0',
      'wss://h\u00e9/\u00e9',
    ].map((text) => new TextEncoder().encode(text)),
    tokens: ['://', ':', '/', '@', '[', ']', '[::1]', '%00', '*', '65536', '\\', '?', '#', '\0', ' '].map(ascii),
    check(input) {
      const text = new TextDecoder().decode(input)
      let address
      try {
        address = parseAddress(text)
      } catch (error) {
        return codeOf(error)
      }
      const { scheme, host, port, path, href } = address
      const again = parseAddress(href)
      const shown = (of: typeof address) => JSON.stringify([of.scheme, of.host, of.port, of.path, of.href])
      same(shown(again), shown(address), 'parsed again')
      if (port < 0 || port > 65_535) throw new Error(`the port ${port}`)
      if (scheme.startsWith('ws') && /[^!-~]/.test(path)) throw new Error(`the path ${path}`)
      if (scheme.startsWith('ws')) requestPath(path)
      return `${scheme.length < 8 ? scheme : 'other'} ${host === ''} ${port === 0} ${path === ''}`
    },
  },
  {
    name: 'address/ip',
    corpus: IPS.map(ascii),
    tokens: IP_TOKENS,
    check(input) {
      const bytes = parseIp(new TextDecoder().decode(input))
      if (bytes === undefined) return 'none'
      const text = ipText(bytes)
      same(ipText(parseIp(text) ?? new Uint8Array(4)), text, 'parsed again')
      return `${bytes.length}`
    },
  },
  {
    name: 'address/network',
    corpus: IPS.map(ascii),
    tokens: IP_TOKENS,
    check(input) {
      const text = new TextDecoder().decode(input)
      try {
        const list = new NetworkList('trust', [text])
        const [host = ''] = text.split('/')
        if (!list.has(host)) throw new Error(`${text} does not hold ${host}`)
        return `${text.includes(':')} ${text.includes('/')}`
      } catch (error) {
        return codeOf(error)
      }
    },
  },
]
