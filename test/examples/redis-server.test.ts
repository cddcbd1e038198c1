import test from 'ava'
import fc from 'fast-check'
import { embed, type EmbeddedSession, hex, verifyFraming, virtualEnv } from 'hawser/testing'
import type { Client } from '../../examples/redis-server/client.ts'
import { globMatches } from '../../examples/redis-server/glob.ts'
import { redis } from '../../examples/redis-server/redis.ts'
import type { Reply } from '../../examples/redis-server/reply.ts'
import type { Command } from '../../examples/redis-server/resp-codec.ts'
import { resp } from '../../examples/redis-server/resp-framing.ts'
import { Store } from '../../examples/redis-server/store.ts'
import { ChunkBuffer } from '../../src/core/chunk-buffer.ts'
import { ExampleProcess, PlainClient, runProgram } from '../support/example-process.ts'
import { suite } from '../support/suite.ts'

const encoder = new TextEncoder()
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** One session with a store of its own, on a clock that the test moves. */
async function session(maxBytes?: number): Promise<EmbeddedSession<Command, Reply, Client>> {
  const env = virtualEnv()
  return await embed(redis(new Store({ env, maxBytes })), { env })
}

/** Answers to commands typed inline, each on its line. */
async function answers(redisSession: EmbeddedSession<Command, Reply, Client>, ...lines: string[]): Promise<string> {
  await redisSession.feed(Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1'))
  return latin1(redisSession.takeBytes())
}

/** Counts how often a framing looks at a byte. */
class LookCounter extends ChunkBuffer {
  looks = 0

  constructor() {
    super(Infinity)
  }

  override u8(offset: number): number {
    this.looks++
    return super.u8(offset)
  }
}

function nothing(count: number): string {
  return `*${count}\r\n${'$-1\r\n'.repeat(count)}`
}

function bulkCommand(words: readonly Uint8Array[]): Uint8Array {
  const parts = words.flatMap((word) => [encoder.encode(`$${word.length}\r\n`), word, encoder.encode('\r\n')])
  return Buffer.concat([encoder.encode(`*${words.length}\r\n`), ...parts])
}

const someCommands = [
  bulkCommand([encoder.encode('SET'), encoder.encode('key'), hex`00 0d 0a ff 24`]),
  encoder.encode('PING\r\n'),
  encoder.encode('\n'),
  encoder.encode('*0\r\n'),
  bulkCommand([encoder.encode('ECHO'), new Uint8Array(0)]),
  bulkCommand([encoder.encode('SET'), encoder.encode('long'), new Uint8Array(300).fill(0x2a)]),
]
verifyFraming(suite, 'resp', { framing: resp(), wire: Buffer.concat(someCommands), frames: someCommands })

test('any words, cut anywhere, arrive as they were', async (t) => {
  const words = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(words, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 60 }),
      async (all, slice) => {
        await using given = await session()
        const wire = Buffer.concat(
          all.map((each) => bulkCommand([encoder.encode('mget'), encoder.encode('x'), ...each])),
        )
        const stored = Buffer.concat(all.map((each) => bulkCommand([encoder.encode('echo'), each[0] as Uint8Array])))
        await given.feed(Buffer.concat([wire, stored]), { slice })
        const echoed = all.map(([first]) => `$${first?.length}\r\n${latin1(first as Uint8Array)}\r\n`)
        t.is(latin1(given.takeBytes()), all.map((each) => nothing(1 + each.length)).join('') + echoed.join(''))
      },
    ),
    { numRuns: 60 },
  )
})

test('strings are set, read, counted and joined as in Redis', async (t) => {
  await using given = await session()
  t.is(
    await answers(given, 'set a 1', 'get a', 'incr a', 'incrby a 40', 'decr a', 'decrby a 2', 'append a 0', 'strlen a'),
    '+OK\r\n$1\r\n1\r\n:2\r\n:42\r\n:41\r\n:39\r\n:3\r\n:3\r\n',
  )
  t.is(
    await answers(given, 'set a x nx', 'set b x xx', 'set a y xx get', 'getset a z', 'setnx a 1'),
    '$-1\r\n$-1\r\n$3\r\n390\r\n$1\r\ny\r\n:0\r\n',
  )
  t.is(
    await answers(given, 'mset c 3 d 4', 'mget c d e', 'getdel c', 'exists c d d'),
    '+OK\r\n*3\r\n$1\r\n3\r\n$1\r\n4\r\n$-1\r\n$1\r\n3\r\n:2\r\n',
  )
  t.is(
    await answers(given, 'dbsize', 'del a d nothing', 'type a', 'flushall', 'dbsize'),
    ':2\r\n:2\r\n+none\r\n+OK\r\n:0\r\n',
  )
})

test('hashes keep fields, and are gone with the last one', async (t) => {
  await using given = await session()
  t.is(
    await answers(given, 'hset h a 1 b 2', 'hset h a 3', 'hget h a', 'hlen h', 'type h'),
    ':2\r\n:0\r\n$1\r\n3\r\n:2\r\n+hash\r\n',
  )
  t.is(
    await answers(given, 'hgetall h', 'hdel h a b c', 'exists h', 'hget h a'),
    '*4\r\n$1\r\na\r\n$1\r\n3\r\n$1\r\nb\r\n$1\r\n2\r\n:2\r\n:0\r\n$-1\r\n',
  )
  const wrongType = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'
  t.is(
    await answers(given, 'set s 1', 'hset h a 1', 'hget s a', 'get h', 'incr h'),
    `+OK\r\n:1\r\n${wrongType.repeat(3)}`,
  )
})

test('a key lives until its time, looked at or not', async (t) => {
  await using given = await session()
  t.is(
    await answers(given, 'set a 1 ex 10', 'set b 2 px 500', 'set c 3', 'ttl a', 'pttl b', 'ttl c', 'ttl d'),
    '+OK\r\n+OK\r\n+OK\r\n:10\r\n:500\r\n:-1\r\n:-2\r\n',
  )
  await given.advance(499)
  t.is(await answers(given, 'get b', 'persist a', 'expire a 2'), '$1\r\n2\r\n:1\r\n:1\r\n')
  await given.advance(1)
  t.is(await answers(given, 'get b', 'set a 9 keepttl', 'ttl a'), '$-1\r\n+OK\r\n:2\r\n')
  await given.advance(2_000)
  t.is(await answers(given, 'exists a', 'keys *', 'expire c -1', 'get c'), ':0\r\n*1\r\n$1\r\nc\r\n:1\r\n$-1\r\n')
})

test('a sweep frees keys that nobody asks for, and their memory', async (t) => {
  const env = virtualEnv()
  const store = new Store({ env })
  for (let i = 0; i < 5_000; i++) store.set(`key ${i}`, new Uint8Array(10), i % 2 === 0 ? env.now() + 50 : Infinity)
  await env.advance(50)
  for (let i = 0; i < 6; i++) store.sweep()
  t.is(store.size, 2_500)
  for (const key of store.keys()) store.delete(key)
  t.is(store.bytes, 0)
})

test('a value is kept apart from the chunk that brought it', (t) => {
  const store = new Store({ env: virtualEnv() })
  const chunk = encoder.encode('value and more')
  store.set('key', chunk.subarray(0, 5))
  store.setField('hash', 'field', chunk.subarray(0, 5))
  chunk.fill(0)
  t.is(latin1(store.get('key') ?? chunk), 'value')
  t.is(latin1(store.fields('hash')?.get('field') ?? chunk), 'value')
})

test('errors are worded as Redis words them', async (t) => {
  await using given = await session()
  const cases: [string, string][] = [
    ['NoSuch a b', "ERR unknown command 'NoSuch', with args beginning with: 'a' 'b' "],
    ['get', "ERR wrong number of arguments for 'get' command"],
    ['set a b c', 'ERR syntax error'],
    ['set a b ex 0', "ERR invalid expire time in 'set' command"],
    ['set a b ex ten', 'ERR value is not an integer or out of range'],
    ['incrby a 1.5', 'ERR value is not an integer or out of range'],
    ['select 1', 'ERR DB index is out of range'],
    ['hello 3', 'NOPROTO unsupported protocol version'],
    ['config rewrite', "ERR unknown subcommand 'rewrite'. Try CONFIG HELP."],
  ]
  for (const [line, error] of cases) t.is(await answers(given, line), `-${error}\r\n`, line)
  t.is(await answers(given, 'set a word', 'incr a'), '+OK\r\n-ERR value is not an integer or out of range\r\n')
  t.is(await answers(given, '"bad\\r\\nname"'), "-ERR unknown command 'bad  name', with args beginning with: \r\n")
  t.is(given.session.phase, 'open')
})

test('who does not speak the protocol is told so and turned away', async (t) => {
  const cases: [string, string][] = [
    ['*1\r\n$x\r\n', 'invalid bulk length'],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$99999999999\r\n', 'invalid bulk length'],
    ['*1\r\n$999999999\r\n', 'invalid bulk length'],
    ['*20000\r\n', 'invalid multibulk length'],
    ['*99999999999\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*1\n', 'invalid multibulk length'],
    ['*1\r\n:1\r\n', "expected '$', got ':'"],
    ['get "a\r\n', 'unbalanced quotes in request'],
    ['get "a"b\r\n', 'unbalanced quotes in request'],
    ['x'.repeat(70_000), 'too big inline request'],
  ]
  for (const [wire, complaint] of cases) {
    await using given = await session()
    t.is(await answers(given, 'ping'), '+PONG\r\n')
    await given.feed(encoder.encode(wire))
    t.is(latin1(given.takeBytes()), `-ERR Protocol error: ${complaint}\r\n`, wire.slice(0, 20))
    t.not(given.session.phase, 'open')
  }
})

test('a command that comes in many pieces is walked once', (t) => {
  const words = Array.from({ length: 1_000 }, (_, i) => encoder.encode(`argument ${i}`))
  const wire = bulkCommand(words)
  for (const pieceBytes of [1, 7, 1_000]) {
    const buffer = new LookCounter()
    const framing = resp()()
    let frame: Uint8Array | undefined
    for (let at = 0; at < wire.length; at += pieceBytes) {
      buffer.append(wire.slice(at, at + pieceBytes))
      if (buffer.ready) frame = framing.next(buffer)
    }
    t.deepEqual(frame, Buffer.from(wire))
    t.true(buffer.looks < 5 * wire.length, `${buffer.looks} looks at ${wire.length} bytes in pieces of ${pieceBytes}`)
  }
})

test('a length that is announced costs nothing until its bytes come', async (t) => {
  await using given = await session()
  await given.feed(encoder.encode('*16384\r\n$16000000\r\nabc'))
  t.is(given.session.stats.undecodedBytes, '*16384\r\n$16000000\r\nabc'.length)
  t.is(given.session.phase, 'open')
})

test('a person at a keyboard may use quotes and escapes', async (t) => {
  await using given = await session()
  t.is(
    await answers(given, 'echo "a b\\n\\x41\\"c"', "echo 'it\\'s \\n'", '', '   ', 'echo a\tb'),
    `$7\r\na b\nA"c\r\n$7\r\nit's \\n\r\n-ERR wrong number of arguments for 'echo' command\r\n`,
  )
})

test('writes beyond the memory that was allowed are refused, and room that is freed can be used', async (t) => {
  await using given = await session(1_000)
  t.is(await answers(given, `set a ${'x'.repeat(600)}`), '+OK\r\n')
  t.is(await answers(given, `set b ${'x'.repeat(600)}`), "-OOM command not allowed when used memory > 'maxmemory'.\r\n")
  t.is(await answers(given, `set a ${'y'.repeat(600)}`, 'del a', `set b ${'x'.repeat(600)}`), '+OK\r\n:1\r\n+OK\r\n')
})

test('a client that does not read its answers is not read on', async (t) => {
  await using given = await session()
  await answers(given, `set a ${'x'.repeat(60_000)}`)
  given.stall()
  await given.feed(encoder.encode('get a\r\n'.repeat(1_000)))
  t.true(given.session.stats.bufferedBytes < 2 * 1024 * 1024)
  t.is(given.session.phase, 'open')
  await given.drain()
  t.is(given.takeBytes().length, 1_000 * (60_000 + '$60000\r\n\r\n'.length))
})

test('QUIT is answered, and nothing after it', async (t) => {
  await using given = await session()
  t.is(await answers(given, 'quit', 'ping'), '+OK\r\n')
  t.not(given.session.phase, 'open')
})

test('glob patterns match as in Redis, and cannot be made slow', (t) => {
  for (const [pattern, text] of [
    ['*', ''],
    ['h?llo', 'hello'],
    ['h*llo', 'heeello'],
    ['h[ae]llo', 'hallo'],
    ['h[^e]llo', 'hallo'],
    ['h[a-b]llo', 'hbllo'],
    ['a\\*b', 'a*b'],
    ['*a*b', 'xaxxb'],
    ['[z-a]', 'k'],
    ['[\\]]', ']'],
  ] as const)
    t.true(globMatches(pattern, text), `${pattern} ${text}`)
  for (const [pattern, text] of [
    ['', 'a'],
    ['h[^e]llo', 'hello'],
    ['a\\*b', 'axb'],
    ['h?llo', 'hllo'],
    ['a*', 'ba'],
    ['[a', 'b'],
  ] as const)
    t.false(globMatches(pattern, text), `${pattern} ${text}`)
  t.false(globMatches('a*'.repeat(30) + 'b', 'a'.repeat(5_000)))
})

test('redis-cli and redis-benchmark talk to it, and SIGTERM ends it', async (t) => {
  const example = ExampleProcess.start('redis-server')
  t.teardown(() => example.kill())
  const port = String(await example.port())
  const cli = (...args: string[]): Promise<string> => runProgram('redis-cli', ['-p', port, ...args])
  t.is(await cli('ping'), 'PONG\n')
  t.is(await cli('set', 'greeting', 'hello', 'ex', '60'), 'OK\n')
  t.is(await cli('get', 'greeting'), 'hello\n')
  t.regex(await cli('ttl', 'greeting'), /^(60|59)\n$/)
  t.is(await runProgram('redis-cli', ['-p', port, '-x', 'set', 'binary'], 'a\r\n\0b'), 'OK\n')
  t.is(await cli('--no-raw', 'get', 'binary'), '"a\\r\\n\\x00b"\n')
  t.regex(await cli('nonsense'), /^ERR unknown command 'nonsense'/)
  t.regex(await cli('info'), /connected_clients:1/)
  t.true(Number(await cli('command', 'count')) > 30)

  const piped = Array.from({ length: 1_000 }, (_, i) => `SET key:${i} ${i}\r\n`).join('')
  t.regex(await runProgram('redis-cli', ['-p', port, '--pipe'], piped), /errors: 0, replies: 1000/)
  t.is(await cli('dbsize'), '1002\n')

  const person = new PlainClient({ port: Number(port) })
  person.type('PING\r\nget key:7\nQUIT\r\n')
  t.is(await person.ended(), '+PONG\r\n$1\r\n7\r\n+OK\r\n')

  const figures = await runProgram('redis-benchmark', [
    '-p',
    port,
    '-t',
    'ping,set,get,incr,mset,hset',
    '-n',
    '20000',
    '-P',
    '16',
    '-q',
  ])
  t.is(figures.match(/requests per second/g)?.length, 7, figures)
  t.notRegex(figures, /error/i)
  t.is(await example.end(), 0)
})
