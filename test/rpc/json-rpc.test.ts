import test from 'ava'
import fc from 'fast-check'
import { HawserError } from '../../src/core/errors.ts'
import { FrameWriter } from '../../src/core/frame-writer.ts'
import { type CallId, type ErrorBody, Frame, FrameType } from '../../src/rpc/frame.ts'
import { jsonRpc, type JsonRpcOptions } from '../../src/rpc/json-rpc.ts'
import { RPC_STATUSES } from '../../src/rpc/rpc-status.ts'
import { type Wire, wireOf } from '../../src/rpc/wire.ts'
import { throws } from '../../src/testing/conformance/check.ts'

const wire = wireOf(jsonRpc({ cancelMethod: '$/cancelRequest' }))

/** A frame as a test writes it down: what it leaves out is as a new Frame has it. */
interface Said {
  readonly type: keyof typeof FrameType
  readonly id?: CallId
  readonly name?: string
  readonly body?: unknown
}

const NAMES = new Map(Object.entries(FrameType).map(([name, type]) => [type, name as keyof typeof FrameType]))

/** @returns only what differs from a new Frame, and of an error only what the wire can say */
function said({ type, id, name, body }: Frame): Said {
  const told = type === FrameType.ERROR ? errorSaid(body as ErrorBody) : body
  return {
    type: NAMES.get(type) as keyof typeof FrameType,
    ...(id === 0 ? {} : { id }),
    ...(name === '' ? {} : { name }),
    ...(told === undefined ? {} : { body: saidInside(told) }),
  }
}

function saidInside(body: unknown): unknown {
  if (body instanceof Frame) return said(body)
  return Array.isArray(body) && body[0] instanceof Frame ? body.map((member) => said(member as Frame)) : body
}

function errorSaid({ status, jsonRpcCode }: ErrorBody): string {
  return jsonRpcCode === undefined ? status : `${status} ${jsonRpcCode}`
}

function read(text: string, by: Wire = wire): Said {
  return said(by.codec.decode(new TextEncoder().encode(text), true))
}

function write(frame: Frame, by: Wire = wire): string {
  const out = new FrameWriter()
  out.begin(Infinity, true)
  by.codec.encode(frame, out)
  return Buffer.concat([...(out.parts ?? []), out.slab.subarray(out.from, out.to)]).toString()
}

const answered = (id: CallId, body: string): Said => ({ type: 'MALFORMED', id, body: { type: 'ERROR', id, body } })
const parseError = answered(null, 'internal -32700')
const invalid = (id: CallId = null): Said => answered(id, 'internal -32600')
const notUnderstood: Said = { type: 'MALFORMED', id: null }

const ignored = (text: string): readonly [string, Said] => [text, notUnderstood]

/** Section 7 of the specification, what goes to the server. */
const examples: readonly (readonly [string, Said])[] = [
  [
    '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
    { type: 'UNARY', id: 1, name: 'subtract', body: [42, 23] },
  ],
  [
    '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
    { type: 'UNARY', id: 3, name: 'subtract', body: { subtrahend: 23, minuend: 42 } },
  ],
  [
    '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}',
    { type: 'ONE_WAY', name: 'update', body: [1, 2, 3, 4, 5] },
  ],
  ['{"jsonrpc": "2.0", "method": "foobar"}', { type: 'ONE_WAY', name: 'foobar' }],
  ['{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', { type: 'UNARY', id: '1', name: 'foobar' }],
  ['{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', parseError],
  ['{"jsonrpc": "2.0", "method": 1, "params": "bar"}', invalid()],
  ['[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]', parseError],
  ['[]', invalid()],
  ['[1]', { type: 'BATCH', body: [invalid()] }],
  ['[1,2,3]', { type: 'BATCH', body: [invalid(), invalid(), invalid()] }],
  [
    `[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
      {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
      {"foo": "boo"},
      {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
      {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]`,
    {
      type: 'BATCH',
      body: [
        { type: 'UNARY', id: '1', name: 'sum', body: [1, 2, 4] },
        { type: 'ONE_WAY', name: 'notify_hello', body: [7] },
        { type: 'UNARY', id: '2', name: 'subtract', body: [42, 23] },
        invalid(),
        { type: 'UNARY', id: '5', name: 'foo.get', body: { name: 'myself' } },
        { type: 'UNARY', id: '9', name: 'get_data' },
      ],
    },
  ],
]

/** And what goes back to the client. */
const answers: readonly (readonly [string, Said])[] = [
  ['{"jsonrpc": "2.0", "result": 19, "id": 1}', { type: 'RESULT', id: 1, body: 19 }],
  ['{"jsonrpc": "2.0", "result": null, "id": "a"}', { type: 'RESULT', id: 'a', body: null }],
  [
    '{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}',
    { type: 'ERROR', id: '1', body: 'unimplemented -32601' },
  ],
  [
    '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
    { type: 'ERROR', id: null, body: 'internal -32700' },
  ],
  [
    '[{"jsonrpc": "2.0", "result": 7, "id": "1"}, {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]',
    {
      type: 'BATCH',
      body: [
        { type: 'RESULT', id: '1', body: 7 },
        { type: 'ERROR', id: null, body: 'internal -32600' },
      ],
    },
  ],
]

for (const [text, wanted] of [...examples, ...answers]) {
  test(`an example of the specification: ${text.replace(/\s+/g, ' ')}`, (t) => {
    t.deepEqual(read(text), wanted)
  })
}

const requests: Readonly<Record<string, readonly (readonly [string, Said])[]>> = {
  'an id stays what it is': [
    ['{"jsonrpc":"2.0","method":"m","id":null}', { type: 'UNARY', id: null, name: 'm' }],
    ['{"jsonrpc":"2.0","method":"m","id":""}', { type: 'UNARY', id: '', name: 'm' }],
    ['{"jsonrpc":"2.0","method":"m","id":-7.5}', { type: 'UNARY', id: -7.5, name: 'm' }],
    ['{"jsonrpc":"2.0","method":"m","id":9007199254740991}', { type: 'UNARY', id: 2 ** 53 - 1, name: 'm' }],
    [`{"jsonrpc":"2.0","method":"m","id":"${'i'.repeat(256)}"}`, { type: 'UNARY', id: 'i'.repeat(256), name: 'm' }],
  ],
  'an id that could not be given back as it is, is none': [
    ['{"jsonrpc":"2.0","method":"m","id":9007199254740993}', invalid()],
    ['{"jsonrpc":"2.0","method":"m","id":1e999}', invalid()],
    ['{"jsonrpc":"2.0","method":"m","id":{}}', invalid()],
    ['{"jsonrpc":"2.0","method":"m","id":[1]}', invalid()],
    ['{"jsonrpc":"2.0","method":"m","id":true}', invalid()],
    [`{"jsonrpc":"2.0","method":"m","id":"${'i'.repeat(257)}"}`, invalid()],
  ],
  'an invalid request is answered under its id, where it has one': [
    ['{"method":"m","id":1}', invalid(1)],
    ['{"jsonrpc":"1.0","method":"m","id":1}', invalid(1)],
    ['{"jsonrpc":2.0,"method":"m","id":1}', invalid(1)],
    ['{"jsonrpc":"2.0","method":null,"id":"x"}', invalid('x')],
    ['{"jsonrpc":"2.0","method":"m","params":"bar","id":1}', invalid(1)],
    ['{"jsonrpc":"2.0","method":"m","params":5}', invalid()],
    ['{"jsonrpc":"2.0","id":1}', invalid()],
    ['{}', invalid()],
    ['null', invalid()],
    ['"text"', invalid()],
    ['[[]]', { type: 'BATCH', body: [invalid()] }],
    ['[[{"jsonrpc":"2.0","method":"m","id":1}]]', { type: 'BATCH', body: [invalid()] }],
  ],
  'params that are null are left out': [
    ['{"jsonrpc":"2.0","method":"m","id":1,"params":null}', { type: 'UNARY', id: 1, name: 'm' }],
  ],
  'names of Object.prototype are names': [
    ['{"jsonrpc":"2.0","method":"__proto__","id":1}', { type: 'UNARY', id: 1, name: '__proto__' }],
    ['{"jsonrpc":"2.0","method":"constructor","id":1}', { type: 'UNARY', id: 1, name: 'constructor' }],
  ],
  'a key __proto__ is refused, wherever it stands': [
    ['{"jsonrpc":"2.0","method":"m","id":1,"params":{"__proto__":{"admin":true}}}', parseError],
    ['{"__proto__":{"jsonrpc":"2.0"},"method":"m","id":1}', parseError],
    ['{"jsonrpc":"2.0","method":"m","id":1,"params":[{"\\u005f_proto__":1}]}', parseError],
  ],
  'a name that is too long is an unknown method, unless nobody asked': [
    [`{"jsonrpc":"2.0","method":"${'m'.repeat(257)}","id":1}`, answered(1, 'unimplemented')],
    [`{"jsonrpc":"2.0","method":"${'ü'.repeat(129)}","id":1}`, answered(1, 'unimplemented')],
    ['{"jsonrpc":"2.0","method":"","id":1}', answered(1, 'unimplemented')],
    ignored(`{"jsonrpc":"2.0","method":"${'m'.repeat(257)}"}`),
  ],
  'a cancellation': [
    ['{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}', { type: 'CANCEL', id: 7 }],
    ['{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"x"}}', { type: 'CANCEL', id: 'x' }],
    ignored('{"jsonrpc":"2.0","method":"$/cancelRequest"}'),
    ignored('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":{}}}'),
    ignored('{"jsonrpc":"2.0","method":"$/cancelRequest","params":[7]}'),
    [
      '{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7},"id":8}',
      { type: 'UNARY', id: 8, name: '$/cancelRequest', body: { id: 7 } },
    ],
  ],
  'an answer is never answered': [
    ignored('{"jsonrpc":"2.0","result":1}'),
    ignored('{"jsonrpc":"2.0","result":1,"id":{}}'),
    ignored('{"jsonrpc":"2.0","error":{"code":1,"message":""}}'),
  ],
  'a broken answer is a failure at once': [
    ['{"result":1,"id":1}', { type: 'ERROR', id: 1, body: 'internal' }],
    ['{"jsonrpc":"2.0","error":null,"id":1}', { type: 'ERROR', id: 1, body: 'internal' }],
    ['{"jsonrpc":"2.0","error":"no","id":1}', { type: 'ERROR', id: 1, body: 'internal' }],
    ['{"jsonrpc":"2.0","error":{"code":1.5,"message":"m"},"id":1}', { type: 'ERROR', id: 1, body: 'internal' }],
    ['{"jsonrpc":"2.0","error":{"code":1},"id":1}', { type: 'ERROR', id: 1, body: 'internal' }],
  ],
  'the null that older programs send along is no contradiction': [
    ['{"jsonrpc":"2.0","result":1,"error":null,"id":1}', { type: 'RESULT', id: 1, body: 1 }],
    [
      '{"jsonrpc":"2.0","result":null,"error":{"code":-5,"message":"no"},"id":1}',
      { type: 'ERROR', id: 1, body: 'unknown -5' },
    ],
  ],
}

for (const [title, cases] of Object.entries(requests)) {
  test(title, (t) => {
    for (const [text, wanted] of cases) t.deepEqual(read(text), wanted, text)
  })
}

test('a JSON text that is no UTF-8, too deep or has too many keys is a parse error', (t) => {
  t.deepEqual(said(wire.codec.decode(Uint8Array.of(0x22, 0xff, 0x22), true)), parseError)
  const request = (params: string) => `{"jsonrpc":"2.0","method":"m","params":${params}}`
  const keys = (count: number) => request(`{${Array.from({ length: count }, (_, at) => `"${at}":0`).join()}}`)
  t.is(read(request('['.repeat(63) + ']'.repeat(63))).type, 'ONE_WAY')
  t.deepEqual(read(request('['.repeat(64) + ']'.repeat(64))), parseError)
  t.is(read(keys(9_997)).type, 'ONE_WAY')
  t.deepEqual(read(keys(9_998)), parseError)
  const strict = wireOf(jsonRpc({ maxDepth: 3, maxKeys: 6 }))
  t.is(read(request('[[]]'), strict).type, 'ONE_WAY')
  t.deepEqual(read(request('[[[]]]'), strict), parseError)
  t.deepEqual(read('{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0}', strict), parseError)
})

test('a batch above its limit is one Invalid Request', (t) => {
  const small = wireOf(jsonRpc({ maxBatch: 3 }))
  t.is(read('[1,1,1]', small).type, 'BATCH')
  t.deepEqual(read('[1,1,1,1]', small), invalid())
  t.is(read(`[${Array(1000).fill(0).join()}]`).type, 'BATCH')
  t.deepEqual(read(`[${Array(1001).fill(0).join()}]`), invalid())
})

test('without cancelMethod nothing is canceled', (t) => {
  const plain = wireOf(jsonRpc())
  t.false(plain.can(FrameType.CANCEL))
  t.true(wire.can(FrameType.CANCEL))
  t.is(read('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":7}}', plain).type, 'ONE_WAY')
  for (const type of ['SERVER_STREAM', 'BIDI_STREAM', 'INPUT', 'REGISTER', 'GO_AWAY'] as const) {
    t.false(wire.can(FrameType[type]), type)
  }
})

const failed = (body: Partial<ErrorBody>): ErrorBody => ({
  status: 'internal',
  message: 'no',
  data: undefined,
  notRun: false,
  jsonRpcCode: undefined,
  ...body,
})

test('each frame as it leaves', (t) => {
  const { UNARY, ONE_WAY, RESULT, ERROR, CANCEL, BATCH } = FrameType
  const encoded = (frame: Frame): Frame => Object.assign(frame, { encoded: true })
  const bytes = (text: string) => new TextEncoder().encode(text)
  for (const [frame, wanted] of [
    [new Frame(UNARY, 1, 'a.b', undefined), '{"jsonrpc":"2.0","id":1,"method":"a.b"}'],
    [new Frame(UNARY, 2, 'm"', { a: 'ü' }), '{"jsonrpc":"2.0","id":2,"method":"m\\"","params":{"a":"ü"}}'],
    [new Frame(UNARY, 2, 'm', [1, null]), '{"jsonrpc":"2.0","id":2,"method":"m","params":[1,null]}'],
    [new Frame(ONE_WAY, 0, 'm', []), '{"jsonrpc":"2.0","method":"m","params":[]}'],
    [new Frame(RESULT, 'x"', '', 5), '{"jsonrpc":"2.0","id":"x\\"","result":5}'],
    [new Frame(RESULT, null, '', undefined), '{"jsonrpc":"2.0","id":null,"result":null}'],
    [new Frame(RESULT, 1.5, '', null), '{"jsonrpc":"2.0","id":1.5,"result":null}'],
    [
      new Frame(ERROR, 1, '', failed({ status: 'not_found', data: { key: 1 } })),
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32005,"message":"no","data":{"key":1}}}',
    ],
    [
      new Frame(ERROR, 1, '', failed({ status: 'not_found', jsonRpcCode: 404 })),
      '{"jsonrpc":"2.0","id":1,"error":{"code":404,"message":"no"}}',
    ],
    [
      new Frame(ERROR, 1, '', failed({ jsonRpcCode: 0.5 })),
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}',
    ],
    [new Frame(CANCEL, 4, '', undefined), '{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":4}}'],
    [
      new Frame(BATCH, 0, '', [new Frame(UNARY, 1, 'm', undefined), new Frame(ONE_WAY, 0, 'n', undefined)]),
      '[{"jsonrpc":"2.0","id":1,"method":"m"},{"jsonrpc":"2.0","method":"n"}]',
    ],
    [encoded(new Frame(UNARY, 1, 'm', bytes('{ "a": 1 }'))), '{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1}}'],
    [encoded(new Frame(UNARY, 1, 'm', bytes(''))), '{"jsonrpc":"2.0","id":1,"method":"m"}'],
    [encoded(new Frame(RESULT, 1, '', bytes('[1,\n2]'))), '{"jsonrpc":"2.0","id":1,"result":[1,2]}'],
  ] as const) {
    t.is(write(frame), wanted)
  }
})

test('what JSON-RPC cannot say is refused to the caller', (t) => {
  const cannot = (frame: Frame): void => {
    t.true(throws(() => write(frame), 'ERR_ENCODE').message.length > 0)
  }
  const { UNARY, ONE_WAY, RESULT, SERVER_STREAM } = FrameType
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  for (const params of ['text', 5, true, null, circle, 1n, () => 1]) {
    cannot(new Frame(UNARY, 1, 'm', params))
    cannot(new Frame(ONE_WAY, 0, 'm', params))
  }
  for (const result of [circle, 1n, () => 1, Symbol('s'), { toJSON: () => undefined }]) {
    cannot(new Frame(RESULT, 1, '', result))
  }
  cannot(new Frame(SERVER_STREAM, 1, 'm', {}))
})

test('what a gateway hands on cannot say more than a body may', (t) => {
  for (const text of ['1,"id":2', '{}}\n{"jsonrpc":"2.0","method":"evil"', '{"__proto__":1}', '1 1']) {
    const frame = Object.assign(new Frame(FrameType.RESULT, 1, '', new TextEncoder().encode(text)), { encoded: true })
    t.throws(() => write(frame), { instanceOf: HawserError })
  }
})

test('an answer that cannot be encoded spoils no other of its batch', (t) => {
  const frames = [new Frame(FrameType.RESULT, 1, '', 1n), new Frame(FrameType.RESULT, 2, '', 'good')]
  t.deepEqual(JSON.parse(write(new Frame(FrameType.BATCH, 0, '', frames))), [
    { jsonrpc: '2.0', id: 1, error: { code: -32603, message: 'the answer cannot be encoded' } },
    { jsonrpc: '2.0', id: 2, result: 'good' },
  ])
})

test('each status comes back as it was, with its code', (t) => {
  const codes = new Set<number>()
  for (const status of RPC_STATUSES) {
    const text = write(new Frame(FrameType.ERROR, 1, '', failed({ status, data: [1] })))
    const { code } = (JSON.parse(text) as { error: { code: number } }).error
    codes.add(code)
    const { body } = wire.codec.decode(new TextEncoder().encode(text), true)
    t.deepEqual(body as ErrorBody, failed({ status, data: [1], jsonRpcCode: code, notRun: status === 'unimplemented' }))
  }
  t.is(codes.size, RPC_STATUSES.length)
  t.is(read('{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"m"}}').body, 'unknown -32000')
})

test('names', (t) => {
  t.is(wire.nameOf('arith', 'add'), 'arith.add')
  t.is(wire.nameOf('', 'textDocument/hover'), 'textDocument/hover')
  const own = wireOf(jsonRpc({ name: (service, method) => `${service}_${method}` }))
  t.is(own.nameOf('eth', 'call'), 'eth_call')
  for (const name of ['', 'n'.repeat(257), 5 as never]) {
    throws(() => wireOf(jsonRpc({ name: () => name })).nameOf('a', 'b'), 'ERR_BAD_OPTION')
  }
})

test('wrong options', (t) => {
  const wrong: readonly JsonRpcOptions[] = [
    { framing: 'line' as never },
    { name: 'dotted' as never },
    { cancelMethod: '' },
    { cancelMethod: 'c'.repeat(257) },
    { maxBatch: 0 },
    { maxDepth: 2 },
    { maxKeys: 1.5 },
  ]
  for (const options of wrong) throws(() => jsonRpc(options), 'ERR_BAD_OPTION')
  t.notThrows(() => jsonRpc({ framing: undefined, name: undefined, cancelMethod: undefined, maxBatch: undefined }))
})

test('bodies as bytes, for gateways', (t) => {
  const { body } = wire.codec.decode(new TextEncoder().encode('{"jsonrpc":"2.0","method":"m","params":["ü"]}'), true)
  t.is(Buffer.from(wire.bodyBytes(body)).toString(), '["ü"]')
  t.is(wire.bodyBytes(undefined).length, 0)
})

test('F-06, F-07: whatever arrives is a frame, and nothing in it reaches a prototype', (t) => {
  const member = fc.oneof(
    fc.constantFrom(
      'jsonrpc',
      'id',
      'method',
      'params',
      'result',
      'error',
      'code',
      'message',
      '__proto__',
      'constructor',
    ),
    fc.string(),
  )
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('2.0', 1, null, 'm', -32601),
      fc.jsonValue(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(member, tie('value'), { maxKeys: 6 }),
    ),
  }))
  fc.assert(
    fc.property(value, (message) => {
      const frame = wire.codec.decode(new TextEncoder().encode(JSON.stringify(message)), true)
      t.true(NAMES.has(frame.type))
      if (frame.type === FrameType.MALFORMED && frame.body !== undefined) {
        const back = JSON.parse(write(frame.body as Frame)) as { error: { code: number } }
        t.true(Number.isInteger(back.error.code))
      }
    }),
    { numRuns: 2_000 },
  )
  t.is(({} as Record<string, unknown>)['admin'], undefined)
})
