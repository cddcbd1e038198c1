import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { Codec } from '../../src/core/codec.ts'
import type { CloseCause } from '../../src/core/session.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { dial, listen } from '../../src/node.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { Authority } from '../support/certificates.ts'
import { type CertificateFiles, type Terms, theirs } from './peers.ts'

const MIB = 1024 * 1024
const files = certificateFiles()

type Message = string | Uint8Array

/** Text as strings, everything else as bytes. */
const mixed: Codec<Message> = {
  decode: (frame, text) => (text ? Buffer.from(frame).toString() : frame),
  encode(message, out) {
    out.text = typeof message === 'string'
    if (typeof message === 'string') out.utf8(message)
    else out.bytes(message)
  },
}

interface Setting extends Terms {
  readonly name: string
  readonly engine: 'own' | 'ws'
  readonly secure?: boolean
}

const settings: readonly Setting[] = [
  { name: 'the own engine', engine: 'own' },
  { name: 'the own engine, TLS and a subprotocol', engine: 'own', secure: true, subprotocol: 'chat.v2' },
  { name: 'the ws engine', engine: 'ws', subprotocol: 'chat.v2' },
  { name: 'the ws engine, TLS', engine: 'ws', secure: true },
  { name: 'compression', engine: 'ws', compress: true },
  { name: 'compression, TLS and a subprotocol', engine: 'ws', secure: true, compress: true, subprotocol: 'chat.v2' },
]

const groupOf = ({ engine, compress = false, subprotocol }: Setting) => ({
  engine,
  ...(compress ? { compression: { thresholdBytes: 0 } } : {}),
  ...(subprotocol === undefined ? {} : { subprotocols: [subprotocol] }),
})

for (const their of theirs) {
  for (const setting of settings) {
    test.serial(`${their.name} as a client of ours: ${setting.name}`, async (t) => {
      const causes: CloseCause[] = []
      const server = await listen(`${setting.secure ? 'wss' : 'ws'}://127.0.0.1:0/chat`, {
        codec: mixed,
        ws: groupOf(setting),
        ...(setting.secure ? { tls: { cert: files.cert, key: files.key } } : {}),
        listener: {
          onMessage(session, message) {
            if (typeof message !== 'string' || !message.startsWith('close: ')) return void session.send(message)
            const [, code, ...reason] = message.split(' ')
            void session.close({ code: Number(code), reason: reason.join(' ') })
          },
          onClose: (_session, cause) => void causes.push(cause),
        },
      })
      await their.check(server.address.href, setting, setting.secure ? files : undefined)
      await until(systemEnv, () => causes.length === 2, 'both sessions are closed')
      t.deepEqual(causes, [
        { by: 'remote', code: 4001, reason: 'their reason' },
        { by: 'local', code: 4002, reason: 'our reason' },
      ])
      await server.close()
    })

    test.serial(`${their.name} as a server for ours: ${setting.name}`, async (t) => {
      const server = await their.serve(setting, setting.secure ? files : undefined)
      const options = {
        codec: mixed,
        ws: groupOf(setting),
        maxFrameBytes: 2 * MIB,
        cronIntervalMs: 20,
        ...(setting.secure ? { tls: { ca: files.ca } } : {}),
      }
      try {
        const session = await dial(server.url, options)
        t.is(session.peer.protocol, setting.subprotocol)
        const messages = ['', 'text µ€😀', new Uint8Array(0), Uint8Array.of(0, 255, 128)]
        for (const message of [...messages, 'x'.repeat(MIB), new Uint8Array(MIB)]) {
          session.send(message)
          const echo = await session.receive()
          t.true(typeof echo === typeof message && Buffer.from(echo).equals(Buffer.from(message)), 'an echo')
        }
        for (const [asked, answer] of [
          ['fragments:', 'one two three'],
          ['ping:', 'pong:'],
          [
            'agreed:',
            [setting.subprotocol, setting.compress ? 'permessage-deflate' : undefined].filter(Boolean).join(' '),
          ],
        ] as const) {
          session.send(asked)
          const said = String(await session.receive())
          t.is(asked === 'agreed:' ? said.replace(/^None ?/, '') : said, answer)
        }
        for (let i = 0; i < 200; i++) session.send(`burst ${i}`)
        for (let i = 0; i < 200; i++) t.is(await session.receive(), `burst ${i}`)
        const { activeAt } = session
        await until(systemEnv, () => session.activeAt > activeAt, 'a pong for the ping of a cron period')
        session.send('close: 4002 their reason')
        t.deepEqual(await session.closed, { by: 'remote', code: 4002, reason: 'their reason' })
        const other = await dial(server.url, options)
        await other.close({ code: 4001, reason: 'our reason' })
        await until(systemEnv, () => server.said.length === 2, 'they have heard both ends')
        t.is(server.said[1], 'closed 4001 our reason')
      } finally {
        server.stop()
      }
    })
  }
}

function certificateFiles(): CertificateFiles {
  const authority = new Authority('Hawser interop authority')
  const { cert, key } = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1')
  const folder = mkdtempSync(join(tmpdir(), 'hawser-interop-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  return {
    cert,
    key,
    ca: authority.cert,
    certFile: file('leaf.crt', cert),
    keyFile: file('leaf.key', key),
    caFile: file('ca.crt', authority.cert),
  }
}
