import { ChunkBuffer } from '../../../src/core/chunk-buffer.ts'
import { FrameWriter } from '../../../src/core/frame-writer.ts'
import { isHawserError } from '../../../src/core/errors.ts'
import { PLAIN } from '../../../src/core/plain-framing.ts'
import { binary } from '../../../src/rpc/binary.ts'
import { bidiStream, clientStream, method, oneWay, serverStream, service } from '../../../src/rpc/contract.ts'
import { wheelOf } from '../../../src/rpc/deadline-wheel.ts'
import { type ErrorBody, type Frame, FrameType } from '../../../src/rpc/frame.ts'
import { jsonRpc } from '../../../src/rpc/json-rpc.ts'
import type { RpcPeer } from '../../../src/rpc/peer.ts'
import { rawBody } from '../../../src/rpc/raw-body.ts'
import { RPC_STATUSES } from '../../../src/rpc/rpc-status.ts'
import { livePeerOf, rpc } from '../../../src/rpc/rpc.ts'
import { type RpcWire, wireOf } from '../../../src/rpc/wire.ts'
import { embed } from '../../../src/testing/embed.ts'
import { hex } from '../../../src/testing/hex.ts'
import type { Random } from '../../../src/testing/random.ts'
import { rpcFrame } from '../references/rpc-frame.ts'
import { ascii, codeOf, type FuzzTarget, hexOf, same } from '../fuzz-target.ts'

const BINARY = wireOf(binary({ body: rawBody }))
const JSON_RPC = wireOf(jsonRpc({ cancelMethod: '$/cancelRequest' }))

function encode(codec: typeof BINARY.codec, frame: Frame): Uint8Array {
  const out = new FrameWriter()
  out.begin(Infinity, false)
  codec.encode(frame, out)
  return Uint8Array.from(Buffer.concat([...(out.parts ?? []), out.slab.subarray(out.from, out.to)]))
}

function bodyHex(body: unknown): string {
  return hexOf(body as Uint8Array)
}

/** As references/rpc-frame.ts has it. */
function shown({ type, id, number, name, amount, metadata, body }: Frame): string {
  if (type === FrameType.REGISTER || type === FrameType.UNREGISTER) return `${type} ${name}`
  const words: unknown[] = type < FrameType.REGISTER ? [type, id] : [type]
  if (type < FrameType.RESULT) words.push(number, name, amount)
  words.push(metadata === undefined ? '-' : JSON.stringify([...metadata]))
  if (type === FrameType.ERROR) {
    const { status, message, notRun, data } = body as ErrorBody
    words.push(RPC_STATUSES.indexOf(status) + 1, message, notRun)
    if (data !== undefined) words.push(JSON.stringify(data))
  } else if (type === FrameType.INPUT_CREDIT || type === FrameType.OUTPUT_CREDIT) words.push(amount)
  else if (body !== undefined) words.push(bodyHex(body))
  return words.join(' ')
}

const binaryFrames: FuzzTarget = {
  name: 'rpc/binary-frames',
  corpus: [
    hex`60 01 01 03 732e61 b0ea01 5b312c325d`,
    hex`40 02 01 b0ea01 5b5d`,
    hex`a1 00 00 01 61 02 01 61 01 62 00 00`,
    hex`05 01 37`,
    hex`85 01 01 01 61 01 62`,
    hex`46 09 05 02 6e6f 7b22 61 223a317d`,
    hex`26 09 ff 00`,
    hex`07 05`,
    hex`0a 05 808008`,
    hex`0c 05`,
    hex`0e 6162`,
    hex`10`,
  ],
  tokens: [
    hex`ff ff ff ff ff ff ff 0f`,
    hex`80 00`,
    hex`81 20`,
    hex`41`,
    hex`c3a9`,
    hex`eda080`,
    ascii('{"__proto__":1}'),
  ],
  check(input: Uint8Array): string {
    const expected = rpcFrame(input)
    let frame: Frame
    try {
      frame = BINARY.codec.decode(input, false)
    } catch (error) {
      const code = codeOf(error)
      // Data may be JSON, and still name a prototype, or be too deep.
      const hasData = (input[0] ?? 0) % 32 === FrameType.ERROR && ((input[0] as number) & 0x40) !== 0
      if (!hasData) same(code, expected === 'bad' ? 'ERR_BAD_MESSAGE' : expected, 'by docs/rpc-wire.md')
      return code
    }
    same(shown(frame), expected, 'by docs/rpc-wire.md')
    if (frame.type < FrameType.RESULT && frame.number < 0 && frame.name === '') return 'a call for nothing' // its peer refuses it
    frame.encoded = true // its body is bytes
    frame.named = frame.name !== ''
    const again = encode(BINARY.codec, frame)
    same(shown(BINARY.codec.decode(again, false)), expected, 'encoded and decoded again')
    return `${frame.type} ${frame.metadata?.size} ${Math.min(input.length, 32)}`
  },
}

const REQUEST = '{"jsonrpc":"2.0","id":1,"method":"s.add","params":[1,2]}'

const jsonRpcMessages: FuzzTarget = {
  name: 'rpc/json-rpc-messages',
  corpus: [
    REQUEST,
    '{"jsonrpc":"2.0","method":"s.note","params":["x"]}',
    '{"jsonrpc":"2.0","id":"a","result":{"x":[1]}}',
    '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no","data":1}}',
    '{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}',
    `[${REQUEST},{"jsonrpc":"2.0","method":"m"},1]`,
    '[]',
  ].map(ascii),
  tokens: [
    '"2.0"',
    'null',
    '"id":',
    '1e400',
    '9007199254740993',
    '"__proto__":',
    '[',
    '{',
    '"\\ud800"',
    '""',
    '-0',
  ].map(ascii),
  check(input: Uint8Array): string {
    const frame = JSON_RPC.codec.decode(input, true) // nothing that comes makes it throw
    let value: unknown
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(input))
    } catch {
      same(String(frame.type), String(FrameType.MALFORMED), 'what is no JSON')
    }
    if (frame.type === FrameType.BATCH) {
      const members = frame.body as readonly Frame[]
      if (!Array.isArray(value) || value.length !== members.length) throw new Error('a batch of other members')
      members.forEach((member, at) => checkMember(member, (value as readonly unknown[])[at]))
      return `batch ${members.map(({ type }) => type).join()}`.slice(0, 40)
    }
    checkMember(frame, value)
    return `${frame.type} ${typeof frame.id} ${Math.min(input.length, 32)}`
  },
}

/** What a message must be to be taken for this, by the specification. */
function checkMember(frame: Frame, value: unknown): void {
  const { jsonrpc, id, method: name, params } = Object(value) as Record<string, unknown>
  const isAnswer = frame.type === FrameType.RESULT || frame.type === FrameType.ERROR
  if (frame.type === FrameType.MALFORMED) {
    if (frame.body === undefined) return
    const answer = JSON.parse(Buffer.from(encode(JSON_RPC.codec, frame.body as Frame)).toString()) as {
      readonly error?: { readonly code?: unknown; readonly message?: unknown }
    }
    if (!Number.isInteger(answer.error?.code) || typeof answer.error?.message !== 'string')
      throw new Error('the answer to what is malformed is no error')
    return
  }
  // An answer that is not of version 2.0 still ends the call that it is for, as an error.
  if (jsonrpc !== '2.0' && frame.type !== FrameType.ERROR) throw new Error(`a frame of version ${String(jsonrpc)}`)
  if (!isAnswer && typeof name !== 'string') throw new Error('a call without a method')
  if (!isAnswer && params !== undefined && typeof params !== 'object') throw new Error('a call with a plain value')
  if (frame.type === FrameType.ONE_WAY && id !== undefined) throw new Error('a notification with an id')
  if (frame.type === FrameType.UNARY || isAnswer) same(JSON.stringify(frame.id), JSON.stringify(id), 'the id')
  if (frame.type === FrameType.UNARY) same(frame.name, name as string, 'the method')
}

const S = service('s', {
  add: method<number[], number>(),
  fail: method<unknown, never>(),
  note: oneWay<unknown>(),
  count: serverStream<number, number>(),
  sum: clientStream<number, number>(),
  double: bidiStream<number, number>(),
  hang: method<unknown, never>(),
})

function serve(caller: RpcPeer): void {
  caller.serve(S, {
    add: (numbers) => (Array.isArray(numbers) ? numbers.length : 0),
    fail() {
      throw new Error('as it should')
    },
    note: () => undefined,
    *count() {
      for (let i = 0; i < 3; i++) yield i
    },
    async sum(numbers) {
      let sum = 0
      for await (const _ of numbers) sum++
      return sum
    },
    async *double(numbers) {
      yield* numbers
    },
    hang: (_input, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      }),
  })
}

/** Whole frames, each as text. */
function answers(bytes: Uint8Array): string[] {
  const buffer = new ChunkBuffer(Infinity)
  buffer.append(bytes)
  const found: string[] = []
  for (let frame = PLAIN.next(buffer); frame !== undefined; frame = PLAIN.next(buffer)) found.push(hexOf(frame))
  return found
}

/** What a peer makes of the bytes, which calls itself twice meanwhile: its answers and why it closed. */
async function talk(wire: RpcWire, chunks: readonly Uint8Array[]): Promise<string> {
  const embedded = await embed(rpc({ wire, onPeer: serve, maxCalls: 8 }))
  const { env, session } = embedded
  const near = livePeerOf(session)
  let settled = 0
  const calls = [near.client(S).add([1]), near.client(S).hang([])]
  for (const call of calls)
    call.then(count, (error: unknown) => (isHawserError(error, 'ERR_RPC') ? count() : undefined))
  function count(): void {
    settled++
  }
  for (const chunk of chunks) await embedded.feed(chunk)
  await embedded.advance(10)
  const said = answers(embedded.takeBytes())
  const { cause } = embedded
  const code = cause?.by === 'error' ? codeOf(cause.error) : (cause?.by ?? 'open')
  session.destroy()
  await env.settle()
  const { outgoing, incoming } = near.stats
  if (outgoing + incoming > 0) throw new Error(`${outgoing} calls and ${incoming} handlers are left`)
  if (settled !== calls.length) throw new Error(`${settled} of ${calls.length} calls have settled`)
  if (wheelOf(env).size + env.timers > 0)
    throw new Error(`${wheelOf(env).size} deadlines, ${env.timers} timers are left`)
  return `${code} ${said.toSorted().join(' ')}`
}

function framed(...frames: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(frames.flatMap((frame) => [0, 0, frame.length >> 8, frame.length & 255, ...frame]))
}

function peer(
  name: string,
  makeWire: () => RpcWire,
  corpus: readonly Uint8Array[],
  tokens: readonly Uint8Array[],
): FuzzTarget {
  return {
    name: `rpc/${name}-peer`,
    corpus,
    tokens,
    async check(input: Uint8Array, random: Random): Promise<string> {
      const [end = '', ...said] = (await talk(makeWire(), [input])).split(' ')
      // What a handler says before it is canceled depends on the cuts; how the session ends does not.
      const [endOfCut = ''] = (await talk(makeWire(), random.cut(input, 1 + random.below(8)))).split(' ', 1)
      same(endOfCut, end, 'cut')
      return `${end} ${said.map((frame) => frame.slice(0, 2)).join('')}`.slice(0, 60)
    },
  }
}

/** The two wires, and a peer behind each. */
export const rpcTargets: readonly FuzzTarget[] = [
  binaryFrames,
  jsonRpcMessages,
  peer(
    'binary',
    () => binary(),
    [
      framed(hex`60 01 01 05 732e616464 b0ea01 5b312c325d`, hex`40 02 01 b0ea01 5b5d`),
      framed(hex`22 01 01 07 732e636f756e74 32`, hex`0d 01 808008`),
      framed(hex`23 03 01 05 732e73756d`, hex`08 03 31`, hex`08 03 32`, hex`09 03`),
      framed(hex`24 05 01 08 732e646f75626c65`, hex`08 05 31`, hex`07 05`),
      framed(hex`60 07 01 06 732e68616e67 05 6e`, hex`07 07`, hex`05 01 32`, hex`06 02 05 00`),
      framed(hex`0e 73`, hex`0f 73`, hex`10`, hex`11`),
    ],
    [
      hex`00000002`,
      hex`07`,
      hex`05 01`,
      hex`05 02`,
      hex`06 01 01 00`,
      hex`08 03`,
      hex`0c 01`,
      hex`0d 01 01`,
      hex`0b 01`,
    ],
  ),
  peer(
    'json-rpc',
    () => jsonRpc({ cancelMethod: '$/cancelRequest' }),
    [
      framed(ascii(REQUEST)),
      framed(
        ascii('{"jsonrpc":"2.0","id":7,"method":"s.hang"}'),
        ascii('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}'),
      ),
      framed(ascii(`[${REQUEST},${REQUEST}]`), ascii('{"jsonrpc":"2.0","id":1,"result":1}')),
      framed(ascii('{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"x"}}'), ascii('[1]')),
    ],
    ['"id":1', '"id":null', '"s.fail"', '"s.note"', '"s.count"', '[', ']', '{'].map(ascii),
  ),
]
