import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { text as textOf } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { WebSocket, WebSocketServer } from 'ws'
import type { Certificate } from '../support/certificates.ts'

const PATIENCE_MS = 20_000
const MIB = 1024 * 1024

/** What is agreed with a peer. */
export interface Terms {
  readonly subprotocol?: string
  readonly compress?: boolean
}

export interface TheirServer {
  readonly url: string
  /** `closed CODE REASON` for each of its connections. */
  readonly said: string[]
  stop(): void
}

/** A WebSocket implementation that is not ours. */
export interface TheirWebSocket {
  readonly name: string
  /** Echoes, and does what it is told: see the scripts. */
  serve(terms: Terms, files?: CertificateFiles): Promise<TheirServer>
  /** Checks a server that echoes and closes when told. Rejects with what is wrong. */
  check(url: string, terms: Terms, ca?: CertificateFiles): Promise<void>
}

/** A certificate, and the files that it is in. */
export interface CertificateFiles extends Certificate {
  readonly ca: string
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
}

/** Debian's own Python, which has the packages. */
const PYTHON = '/usr/bin/python3'

function argumentsOf({ subprotocol, compress }: Terms): string[] {
  return [...(subprotocol === undefined ? [] : ['--subprotocol', subprotocol]), ...(compress ? ['--compress'] : [])]
}

/** The peer that a script of this folder makes. */
function python(name: string, script: string): TheirWebSocket {
  const file = new URL(`../../../test/interop/${script}`, import.meta.url).pathname
  return {
    name,
    async serve(terms, files) {
      const secure = files === undefined ? [] : ['--cert', files.certFile, '--key', files.keyFile]
      const child = spawn(PYTHON, [file, 'server', ...argumentsOf(terms), ...secure], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const said: string[] = []
      const port = await firstLine(child, said)
      return { url: `${files === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}`, said, stop: () => child.kill() }
    },
    async check(url, terms, files) {
      const secure = files === undefined ? [] : ['--ca', files.caFile]
      const all = [file, 'client', '--url', url, ...argumentsOf(terms), ...secure]
      await promisify(execFile)(PYTHON, all, { timeout: PATIENCE_MS })
    },
  }
}

/** The first line it prints; what follows goes to `said`. */
async function firstLine(child: ChildProcess, said: string[]): Promise<string> {
  if (child.stdout === null || child.stderr === null) throw new Error('no pipes')
  const complaint = textOf(child.stderr)
  const lines = createInterface(child.stdout)
  const gone = once(child, 'exit').then(async () => {
    throw new Error(`the peer ended: ${await complaint}`)
  })
  gone.catch(() => undefined) // later it ends because it is told to
  const [line] = (await Promise.race([once(lines, 'line'), gone])) as [string]
  lines.on('line', (next: string) => said.push(next))
  return line
}

/** The package `ws` as its users have it. */
const wsPackage: TheirWebSocket = {
  name: 'ws',
  async serve({ subprotocol, compress = false }, files) {
    const http = files === undefined ? createHttpServer() : createHttpsServer({ cert: files.cert, key: files.key })
    const server = new WebSocketServer({
      server: http,
      perMessageDeflate: compress ? { threshold: 0 } : false,
      handleProtocols: (offered) => (subprotocol !== undefined && offered.has(subprotocol) ? subprotocol : false),
    })
    const said: string[] = []
    server.on('connection', (socket) => {
      socket.on('message', (data: Buffer, isBinary) => answer(socket, isBinary ? data : data.toString()))
      socket.on('close', (code, reason) => said.push(`closed ${code} ${reason.toString()}`))
    })
    await once(http.listen(0, '127.0.0.1'), 'listening')
    const { port } = http.address() as AddressInfo
    const stop = (): void => {
      for (const socket of server.clients) socket.terminate()
      http.close()
    }
    return { url: `${files === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}`, said, stop }
  },
  async check(url, { subprotocol, compress = false }, files) {
    const open = async (): Promise<WebSocket> => {
      const made = new WebSocket(url, subprotocol === undefined ? [] : [subprotocol], {
        perMessageDeflate: compress ? { threshold: 0 } : false,
        ...(files === undefined ? {} : { ca: files.ca }),
      })
      await once(made, 'open')
      return made
    }
    const socket = await open()
    for (const message of [
      '',
      'text µ€😀',
      Buffer.alloc(0),
      Buffer.from([0, 255, 128]),
      'x'.repeat(MIB),
      Buffer.alloc(MIB),
    ]) {
      socket.send(message)
      const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean]
      if (isBinary !== Buffer.isBuffer(message) || !data.equals(Buffer.from(message))) throw new Error('another echo')
    }
    socket.send('frag', { fin: false })
    socket.send('mented', { fin: true })
    if (String((await once(socket, 'message'))[0]) !== 'fragmented') throw new Error('another fragmented text')
    socket.ping('there?')
    if (String((await once(socket, 'pong'))[0]) !== 'there?') throw new Error('another pong')
    if (socket.protocol !== (subprotocol ?? '')) throw new Error(`subprotocol ${socket.protocol}`)
    if ((socket.extensions !== '') !== compress) throw new Error(`extensions ${socket.extensions}`)
    socket.close(4001, 'their reason')
    expectClose(await once(socket, 'close'), 4001, 'their reason')
    const other = await open()
    other.send('close: 4002 our reason')
    expectClose(await once(other, 'close'), 4002, 'our reason')
  },
}

function expectClose([code, reason]: unknown[], expected: number, text: string): void {
  if (code !== expected || String(reason) !== text) throw new Error(`closed with ${code as number} ${String(reason)}`)
}

function answer(socket: WebSocket, message: string | Buffer): void {
  if (message === 'ping:') {
    socket.once('pong', () => socket.send('pong:'))
    socket.ping('are you there')
  } else if (message === 'fragments:') {
    socket.send('one ', { fin: false })
    socket.send('two ', { fin: false })
    socket.send('three', { fin: true })
  } else if (message === 'agreed:') {
    socket.send(`${socket.protocol} ${socket.extensions}`.trim())
  } else if (typeof message === 'string' && message.startsWith('close: ')) {
    const [, code, ...reason] = message.split(' ')
    socket.close(Number(code), reason.join(' '))
  } else socket.send(message)
}

export const theirs: readonly TheirWebSocket[] = [
  python('python3-websockets', 'websockets_peer.py'),
  python('python3-autobahn', 'autobahn_peer.py'),
  wsPackage,
]
