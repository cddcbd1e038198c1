import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import { wireLog } from '../../src/layers/wire-log.ts'
import { dial, listen } from '../../src/node.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { until } from '../../src/testing/conformance/party.ts'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'hawser-wire-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

/** tshark's word, with every checksum verified. */
async function tshark(file: string, ...args: string[]): Promise<string> {
  const checks = ['tcp', 'udp', 'ip'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`])
  const { stdout } = await run('tshark', ['-r', file, ...checks, ...args], { maxBuffer: 64 * 1024 * 1024 })
  return stdout
}

/** Until the file has stopped growing. */
async function written(file: string): Promise<void> {
  let last = -1
  await until(
    systemEnv,
    () => {
      const size = existsSync(file) ? statSync(file).size : 0
      const isSame = size === last && size > 0
      last = size
      return isSame
    },
    'the file is written',
  )
  await new Promise((resolve) => setTimeout(resolve, 50))
}

for (const [name, address] of [
  ['tcp', 'tcp://127.0.0.1:0'],
  ['tcp over IPv6', 'tcp://[::1]:0'],
  ['a Unix socket', `ipc://${join(folder, 'place.sock')}`],
] as const) {
  test(`tshark follows a session on ${name}, and finds nothing wrong`, async (t) => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.pcapng`)
    const setup = { codec: text(), framing: line() }
    const server = await listen(address, {
      ...setup,
      wrap: [wireLog({ file })],
      listener: { onMessage: (session, message) => void session.send(message.toUpperCase()) },
    })
    const session = await dial(server.address, setup)
    const long = 'long '.repeat(30_000)
    session.send('hello')
    session.send(long)
    t.is(await session.receive(), 'HELLO')
    t.is((await session.receive()).length, long.length)
    await session.close()
    await server.close()
    await written(file)

    t.is(await tshark(file, '-Y', '_ws.malformed || _ws.expert.severity >= "Warning"'), '')
    t.regex(await tshark(file, '-q', '-z', 'conv,tcp'), /<->/)
    const followed = await tshark(file, '-q', '-z', 'follow,tcp,ascii,0')
    t.true(followed.includes('hello'))
    t.true(followed.includes('\tHELLO') || followed.includes('HELLO'))
    const hex = (await tshark(file, '-q', '-z', 'follow,tcp,raw,0')).split('\n').slice(6)
    const sentHex = hex.filter((row) => /^[\da-f]+$/.test(row)).join('')
    const repliedHex = hex
      .filter((row) => /^\t[\da-f]+$/.test(row))
      .map((row) => row.slice(1))
      .join('')
    t.is(Buffer.from(sentHex, 'hex').toString(), `hello\n${long}\n`)
    t.is(Buffer.from(repliedHex, 'hex').toString(), `HELLO\n${long.toUpperCase()}\n`)
    t.is((await tshark(file, '-Y', 'tcp.flags.fin == 1')).trim().split('\n').length, 2)
  })
}

test('two logs in one file are two sections, which tshark reads as one capture', async (t) => {
  const file = join(folder, 'twice.pcapng')
  for (const word of ['first', 'second']) {
    const server = await listen('tcp://127.0.0.1:0', { codec: text(), framing: line(), wrap: [wireLog({ file })] })
    const session = await dial(server.address, { codec: text(), framing: line() })
    session.send(word)
    await until(systemEnv, () => server.stats.receivedBytes > 0, 'it is here')
    await session.close()
    await server.close()
    await written(file)
  }
  t.is(
    (await tshark(file, '-Y', 'tcp.len > 0', '-T', 'fields', '-e', 'tcp.payload')).trim(),
    ['first', 'second'].map((word) => Buffer.from(`${word}\n`).toString('hex')).join('\n'),
  )
})
