import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { text } from '../../codecs/text.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { connect, dial, listen } from '../../src/node.ts'
import { until } from '../../src/testing/conformance/party.ts'

/** A program that talks over its standard streams. */
class Program {
  readonly #child: ChildProcessWithoutNullStreams
  output = ''

  constructor(t: ExecutionContext, command: string, ...args: string[]) {
    this.#child = spawn(command, args)
    this.#child.stdout.on('data', (chunk) => (this.output += String(chunk)))
    this.#child.on('error', (error) => t.fail(`${command} does not run (${error.message}); is its package installed?`))
    t.teardown(() => this.#child.kill('SIGKILL'))
  }

  type(words: string): void {
    this.#child.stdin.write(words)
  }

  prints(words: string): Promise<void> {
    return until(systemEnv, () => this.output.includes(words), `'${words}' in what it prints: '${this.output}'`)
  }
}

/** A port of UDP that was free a moment ago, for a program that cannot tell which one it took. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  const listening = once(socket, 'listening')
  socket.bind(0, '127.0.0.1')
  await listening
  const { port } = socket.address()
  socket.close()
  return port
}

/** Says in capitals what it hears. */
function shouting(address: string) {
  return listen(address, {
    codec: text(),
    listener: { onMessage: (session, message) => void session.send(message.toUpperCase()) },
  })
}

for (const [name, address, host, family] of [
  ['IPv4', 'udp://127.0.0.1:0', '127.0.0.1', '4'],
  ['IPv6', 'udp://[::1]:0', '[::1]', '6'],
  ['IPv4, to a socket for both', 'udp://*:0', '127.0.0.1', '4'],
] as const) {
  test(`nc and socat talk to a server of ours over ${name}`, async (t) => {
    const server = await shouting(address)
    const { port } = server.address
    const nc = new Program(t, 'nc', `-${family}`, '-u', host.replaceAll(/[[\]]/g, ''), String(port))
    nc.type('from nc\n')
    await nc.prints('FROM NC\n')
    const socat = new Program(t, 'socat', '-', `UDP${family}:${host}:${port}`)
    socat.type('from socat\n')
    await socat.prints('FROM SOCAT\n')
    nc.type('again\n')
    await nc.prints('AGAIN\n')
    t.is(server.sessions.size, 2)
    t.is(server.stats.receivedMessages, 3)
    server.destroy()
    await server.closed
  })
}

/** A client that says hello until the program is there, and goes on when it was refused; with what it hears. */
function calling(t: ExecutionContext, port: number): string[] {
  const heard: string[] = []
  const client = connect(`udp://127.0.0.1:${port}`, {
    codec: text(),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    reconnect: { initialMs: 20, maxMs: 50 },
    cronIntervalMs: 50,
    listener: {
      onOpen: (session) => void session.send('hello\n'),
      onCron: (session) => void session.send('hello\n'),
      onMessage: (_session, message) => void heard.push(message),
    },
  })
  t.teardown(() => client.destroy())
  return heard
}

test('a client of ours talks to nc, also where it was there first', async (t) => {
  const port = await freePort()
  const heard = calling(t, port)
  const nc = new Program(t, 'nc', '-u', '-l', '127.0.0.1', String(port))
  await nc.prints('hello\n')
  nc.type('from nc\n')
  await until(systemEnv, () => heard.includes('from nc\n'), 'what nc said')
  t.pass()
})

test('a client of ours is answered by socat', async (t) => {
  const port = await freePort()
  const socat = new Program(t, 'socat', `UDP4-RECVFROM:${port},bind=127.0.0.1,fork`, 'EXEC:cat')
  const heard = calling(t, port)
  await until(systemEnv, () => heard.length >= 2, 'its echo')
  t.is(heard[0], 'hello\n')
  t.is(socat.output, '')
})

test('a group on the loopback interface: ours hears socat, and socat hears ours', async (t) => {
  const heard: string[] = []
  const server = await listen('udp://*:0', {
    codec: text(),
    udp: { multicast: ['239.77.1.2%127.0.0.1'] },
    listener: { onMessage: (_session, message) => void heard.push(message) },
  })
  const { port } = server.address
  const sender = new Program(t, 'socat', '-', `UDP4-DATAGRAM:239.77.1.2:${port},ip-multicast-if=127.0.0.1`)
  sender.type('from socat\n')
  await until(systemEnv, () => heard.includes('from socat\n'), 'what socat sent to the group')

  const elsewhere = await freePort()
  const joined = `UDP4-RECV:${elsewhere},ip-add-membership=239.77.1.2:127.0.0.1,reuseaddr`
  const member = new Program(t, 'socat', '-u', joined, '-')
  const ours = await dial(`udp://239.77.1.2:${elsewhere}`, {
    codec: text(),
    udp: { multicast: ['239.77.1.2%127.0.0.1'] },
    cronIntervalMs: 50,
    listener: { onCron: (session) => void session.send('from us\n') }, // until it has joined
  })
  await member.prints('from us\n')
  ours.destroy()
  server.destroy()
  await server.closed
  t.pass()
})
