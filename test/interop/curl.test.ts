import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import test from 'ava'
import { text } from '../../codecs/text.ts'
import type { Peer } from '../../src/core/peer.ts'
import { refused } from '../../src/core/errors.ts'
import type { Session } from '../../src/core/session.ts'
import { listen } from '../../src/node.ts'

/** The headers of an upgrade; each can be left out or changed. */
const UPGRADE: Readonly<Record<string, string>> = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

interface Answer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What curl shows of the answer. One that was upgraded is closed by the server, and curl has the 101. */
async function curl(url: string, headers: Readonly<Record<string, string>>, ...more: string[]): Promise<Answer> {
  const named = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const options = ['--silent', '--include', '--no-buffer', '--http1.1', '--max-time', '20']
  const output = await promisify(execFile)('curl', [...options, ...named, ...more, url]).then(
    ({ stdout }) => stdout,
    (error: { readonly stdout: string }) => error.stdout,
  )
  const [head = '', body = ''] = output.split(/\r\n\r\n(.*)/s)
  const [first = '', ...lines] = head.split('\r\n')
  const fields = lines.map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string])
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value])),
    body,
  }
}

function without(name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(UPGRADE).filter(([key]) => key !== name))
}

const setup = (engine: 'own' | 'ws') => ({
  codec: text(),
  ws: { engine, subprotocols: ['chat.v2'] },
  data(peer: Peer) {
    const token = peer.request?.headers['authorization']
    if (token === undefined) throw refused('who are you?', { status: 401 })
    if (token !== 'Bearer right') throw refused('not you')
  },
  closeTimeoutMs: 100, // curl does not answer a close frame
  listener: { onOpen: (session: Session) => void session.close() },
})

const right = { ...UPGRADE, Authorization: 'Bearer right', 'Sec-WebSocket-Protocol': 'chat.v2' }

for (const engine of ['own', 'ws'] as const) {
  test(`curl is upgraded, and refused for each reason with its status: the ${engine} engine`, async (t) => {
    const server = await listen('ws://127.0.0.1:0/chat', setup(engine))
    const url = server.address.href.replace('ws:', 'http:')
    const accepted = await curl(url, right)
    t.is(accepted.status, 101)
    t.is(accepted.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    t.is(accepted.headers['sec-websocket-protocol'], 'chat.v2')
    t.is((await curl(url.replace('/chat', '/else'), right)).status, 404)
    t.is((await curl(url, { ...right, 'Sec-WebSocket-Protocol': 'chat.v9' })).status, 400)
    const unknown = await curl(url, UPGRADE)
    t.is(unknown.status, 401)
    t.is(unknown.body.trim(), 'who are you?')
    t.is((await curl(url, { ...right, Authorization: 'Bearer wrong' })).status, 403)
    t.is((await curl(url, without('Sec-WebSocket-Key'))).status, 400)
    const version = await curl(url, { ...UPGRADE, 'Sec-WebSocket-Version': '12' })
    t.is(version.status, 426)
    t.is(version.headers['sec-websocket-version'], '13')
    t.true([400, 426].includes((await curl(url, {})).status), 'a plain GET')
    t.true([400, 405].includes((await curl(url, UPGRADE, '--request', 'POST')).status), 'a POST')
    t.is(server.sessions.size, 0)
    await server.close()
  })

  test(`curl on an HTTP server that is there already: the ${engine} engine`, async (t) => {
    const http = createServer((request, response) => response.end(`page ${request.url}`))
    const server = await listen({ http, path: '/chat' }, setup(engine))
    await once(http.listen(0, '127.0.0.1'), 'listening')
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    t.like(await curl(`${url}/page`, {}), { status: 200, body: 'page /page' })
    t.is((await curl(`${url}/chat`, right)).status, 101)
    t.is((await curl(`${url}/else`, right)).status, 404)
    t.is((await curl(`${url}/chat`, UPGRADE)).status, 401)
    t.is((await curl(`${url}/chat`, { ...right, Authorization: 'Bearer wrong' })).status, 403)
    t.is((await curl(`${url}/chat`, { ...right, 'Sec-WebSocket-Protocol': 'chat.v9' })).status, 400)
    t.is((await curl(`${url}/chat`, without('Sec-WebSocket-Key'))).status, 400)
    await server.close()
    t.like(await curl(`${url}/page`, {}), { status: 200 }, 'its owner goes on')
    http.close()
    http.closeAllConnections()
  })
}
