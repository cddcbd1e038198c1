// The tables of docs/options.md: every option with its type, bounds, default and meaning. Names, types, meanings and defaults
// come from the interfaces and their docstrings; each default is held against the one in the code, and the bounds are what the
// code itself says when it is given a number that is none. `node scripts/options.mjs` writes the page, from what
// `npm run compile` left; test/options.test.ts fails where it is not as written.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { OptionSource } from './option-source.mjs'

export const PAGE = 'docs/options.md'
const BEGIN = '<!-- written by scripts/options.mjs -->\n'
const END = '<!-- until here -->'

const CORE = 'src/core/session-options.js'
const TRANSPORTS = 'src/transports/options.js'

/**
 * What the page has, in its order. `at`: where users write it. `refuses`: a compiled module, and what of it throws for options
 * that are wrong; for interfaces with numbers. `code`: files with defaults beside the one of the interface.
 */
const CHAPTERS = {
  'Every session': [
    {
      name: 'SessionSetup',
      at: '`listen`, `dial`, `connect`, `attach`; in tests `embed`',
      code: ['src/core/setup-checks.ts'],
    },
    {
      name: 'Limits',
      at: 'beside them; and what `limits(peer)` gives',
      refuses: [CORE, ({ resolveLimits }, options) => resolveLimits(options)],
    },
    {
      name: 'Heartbeat',
      at: '`heartbeat`',
      refuses: [
        'src/core/heartbeats.js',
        ({ checkHeartbeat }, options) => checkHeartbeat({ intervalMs: 1, timeoutMs: 2, ...options }),
      ],
    },
  ],
  Servers: [
    {
      name: 'ServerOptions',
      at: '`listen(where, options)`',
      refuses: ['src/core/server-options.js', ({ resolveServerOptions }, options) => resolveServerOptions(options)],
    },
    { name: 'ProxyProtocolOptions', at: '`proxyProtocol`' },
    { name: 'Mount', at: '`listen({ http, path }, options)`', code: ['src/transports/websocket/websocket.ts'] },
  ],
  Clients: [
    {
      name: 'ClientOptions',
      at: '`connect(where, options)`',
      refuses: ['src/core/client-options.js', ({ resolveClientOptions }, options) => resolveClientOptions(options)],
    },
    {
      name: 'ReconnectOptions',
      at: '`reconnect`',
      refuses: [
        'src/core/client-options.js',
        ({ resolveClientOptions }, reconnect) => resolveClientOptions({ reconnect }),
      ],
    },
  ],
  Transports: [
    {
      name: 'TcpOptions',
      at: '`tcp`, for tcp, tls, ws and wss',
      refuses: [TRANSPORTS, ({ resolveTcp }, tcp) => resolveTcp({ tcp })],
    },
    { name: 'TlsOptions', at: '`tls`, for tls and wss; and what `server.reloadTls` takes' },
    {
      name: 'WsOptions',
      at: '`ws`, for ws and wss',
      refuses: [TRANSPORTS, ({ resolveWs }, ws) => resolveWs({ ws })],
    },
    { name: 'UdpOptions', at: '`udp`', refuses: [TRANSPORTS, ({ resolveUdp }, udp) => resolveUdp({ udp })] },
    { name: 'IpcOptions', at: '`ipc`', refuses: [TRANSPORTS, ({ resolveIpc }, ipc) => resolveIpc({ ipc })] },
    { name: 'InprocOptions', at: '`inproc`' },
  ],
  'In a browser': [
    {
      entry: './browser',
      name: 'WsOptions',
      at: '`ws` of hawser/browser; all else is as for `dial` and `connect` above',
      refuses: [
        'src/browser/web-socket-options.js',
        ({ resolveWs }, ws) => resolveWs({ groups: { ws: { WebSocket: class {}, ...ws } } }),
      ],
    },
  ],
  'Waiting, sending, closing': [
    {
      name: 'Wait',
      at: '`dial`, `deliver`, `drained`, `receive`, `sendAll`, `ready`, `close` and all else that waits',
      refuses: ['src/core/wait.js', ({ requireWait }, options) => requireWait(options)],
    },
    { name: 'CloseOptions', at: '`session.close`', code: ['src/core/live-session.ts'] },
    { name: 'BroadcastOptions', at: '`broadcast` of Server, SessionGroup and Rooms' },
    {
      name: 'CloseOnSignalsOptions',
      at: '`closeOnSignals(what, options)`',
      refuses: ['src/env/signals.js', ({ closeOnSignals }, options) => closeOnSignals([], options)],
    },
    {
      name: 'TaskPoolOptions',
      at: '`new TaskPool(options)`',
      refuses: ['src/node.js', ({ TaskPool }, options) => new TaskPool(options)],
    },
  ],
  'Framings and codecs': [
    {
      entry: './framing',
      name: 'LengthPrefixedOptions',
      at: '`lengthPrefixed(options)`',
      refuses: ['codecs/framing/length-prefixed.js', ({ lengthPrefixed }, options) => lengthPrefixed(options)],
    },
    { entry: './framing', name: 'LineOptions', at: '`line(options)`' },
    {
      entry: './codecs',
      name: 'JsonLimits',
      at: '`json(options)`, beside the schemas `in` and `out`',
      refuses: ['codecs/json.js', ({ json }, options) => json(options)],
    },
    { entry: './codecs/protobuf', name: 'ProtobufServiceOptions', at: '`protobufServiceFrom(root, name, options)`' },
  ],
  'Stages and layers': [
    {
      entry: './stages',
      name: 'RateLimitOptions',
      at: '`rateLimit(options)`',
      refuses: ['src/stages/rate-limit.js', ({ rateLimit }, options) => rateLimit({ bytesPerSecond: 1, ...options })],
    },
    {
      entry: './stages',
      name: 'ConnectionRateOptions',
      at: '`connectionRate(options)`',
      refuses: [
        'src/stages/node.js',
        ({ connectionRate }, options) => connectionRate({ perHost: 1, intervalMs: 1, ...options }),
      ],
    },
    {
      entry: './stages',
      name: 'MetricsOptions',
      at: '`new Metrics(options)`',
      refuses: ['src/stages/metrics.js', ({ Metrics }, options) => new Metrics(options)],
    },
    {
      entry: './layers',
      name: 'CompressionOptions',
      at: '`compression(options)`',
      refuses: [
        'src/layers/compression.js',
        ({ compression }, options) => compression({ algorithm: 'gzip', ...options }),
      ],
    },
    {
      entry: './layers',
      name: 'ThrottleOptions',
      at: '`throttle(options)`',
      refuses: ['src/layers/throttle.js', ({ throttle }, options) => throttle(options)],
    },
  ],
  RPC: [
    {
      entry: './rpc',
      name: 'RpcOptions',
      at: '`rpc(options)`',
      refuses: ['src/rpc/options.js', ({ resolveRpcOptions }, options) => resolveRpcOptions(options)],
    },
    {
      entry: './rpc',
      name: 'RpcClientOptions',
      at: '`rpcClient(client, service, options)`',
      refuses: ['src/rpc/rpc-client.js', ({ rpcClient }, options) => rpcClient({}, { methods: {} }, options)],
    },
    {
      entry: './rpc',
      name: 'RetryOptions',
      at: '`retry` of it',
      refuses: ['src/rpc/retry.js', ({ Retry }, options) => new Retry(options)],
    },
    {
      entry: './rpc',
      name: 'CallOptions',
      at: 'the last argument of a call',
      refuses: ['src/core/wait.js', ({ requireWait }, options) => requireWait(options)],
    },
    {
      entry: './rpc',
      name: 'MethodOptions',
      at: '`method`, `serverStream`, `clientStream`, `bidiStream`, beside the schemas `input` and `output`',
      refuses: ['src/rpc/contract.js', ({ method }, options) => method(options)],
    },
    { entry: './rpc', name: 'BinaryOptions', at: '`binary(options)`' },
    {
      entry: './rpc',
      name: 'JsonRpcOptions',
      at: '`jsonRpc(options)`',
      refuses: ['src/rpc/json-rpc.js', ({ jsonRpc }, options) => jsonRpc(options)],
    },
    { entry: './rpc', name: 'RpcErrorOptions', at: '`new RpcError(status, message, options)`' },
  ],
  'The test kit': [
    {
      entry: './testing',
      name: 'VirtualEnvOptions',
      at: '`virtualEnv(options)`',
      refuses: ['src/testing/virtual-env.js', ({ virtualEnv }, options) => virtualEnv(options)],
    },
    { entry: './testing', name: 'EmbedOptions', at: '`embed(setup, options)`' },
    { entry: './testing', name: 'FeedOptions', at: '`feed(bytes, options)` of an embedded session' },
    {
      entry: './testing',
      name: 'Faults',
      at: '`setFaults(faults)` of a virtual network and of a faulty link',
      code: ['src/testing/proxied-direction.ts', 'src/testing/virtual-datagrams.ts'],
      refuses: ['src/testing/faults.js', ({ checkFaults }, faults) => checkFaults(faults)],
    },
    {
      entry: './testing',
      name: 'FaultyLinkOptions',
      at: '`faultyLink(target, options)`',
      refuses: [
        'src/testing/faulty-link.js',
        ({ faultyLink }, options) => faultyLink('tcp://127.0.0.1:1', options), // rejects before it listens
      ],
    },
    {
      entry: './testing',
      name: 'FaultyDatagramsOptions',
      at: '`faultyDatagrams(target, options)`, beside the faults of datagrams above',
      refuses: [
        'src/testing/faulty-datagrams.js',
        ({ faultyDatagrams }, options) => faultyDatagrams('udp://127.0.0.1:1', options), // rejects before it listens
      ],
    },
    { entry: './testing', name: 'HeldConnectionOptions', at: '`new HeldConnection(options)`' },
    { entry: './testing', name: 'TransportUnderTest', at: '`verifyTransport(test, name, options)`' },
    {
      entry: './testing',
      name: 'LayerUnderTest',
      at: '`verifyLayer(test, name, options)`; without `transport` and `address` the layer is put on memory',
    },
    {
      entry: './testing',
      name: 'SessionsUnderTest',
      at: '`verifySession(test, name, options)`',
    },
    { entry: './testing', name: 'RpcUnderTest', at: '`verifyRpc(test, name, options)`' },
  ],
}

/** Interfaces that are called Options and are none that a user writes, or are on the page under another name. */
const NOT_ON_THE_PAGE = {
  LinkOptions: 'what a Transport is given',
  TransportGroups: 'names of the groups',
}
/** Numbers that anything may be made of: codes that are the user’s own, and those of the test kit's own parts. */
const UNCHECKED = new Set([
  'CloseOptions.code',
  'RpcErrorOptions.jsonRpcCode',
  'FeedOptions.slice',
  'HeldConnectionOptions.maxWriteBytes',
])
const OPTIONS = /(?:Options|UnderTest)$/
/** A default, or its beginning, that is code. */
const CODE = /^(?:'(?:\\.|[^'\\])*'|\[.*?\]|\{\}|true\b|false\b|\w+\(\))/
const UNITS = [
  [/BytesPerSecond$|^bytesPerSecond$/, 'bytes a second'],
  [/Bytes$/, 'bytes'],
  [/Ms$/, 'ms'],
]

/** @throws where an option is not said to be anything, has no default, or has another one than it says */
async function tables() {
  const source = new OptionSource()
  try {
    const interfaces = interfacesOf(source)
    const problems = missing(interfaces)
    const lines = []
    for (const [chapter, sections] of Object.entries(CHAPTERS)) {
      lines.push('', `## ${chapter}`)
      for (const section of sections) lines.push(...(await table(source, interfaces, section, problems)))
    }
    if (problems.length > 0) throw new Error(`options:\n${problems.join('\n')}`)
    return `${lines.join('\n').trim()}\n`
  } finally {
    source.close()
  }
}

/** Those that each entry point exports, by its name in package.json. */
function interfacesOf(source) {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
  const entries = Object.entries(exports).filter(([, { types }]) => types !== undefined)
  return new Map(
    entries.map(([name, { types }]) => [
      name,
      source.interfaces(types.replace(/^\.\/dist\//, '').replace(/\.d\.ts$/, '.ts')),
    ]),
  )
}

/** What is exported and not on the page. */
function missing(interfaces) {
  const shown = new Set(Object.values(CHAPTERS).flatMap((sections) => sections.map(({ name }) => name)))
  const all = new Set([...interfaces.values()].flatMap((exported) => [...exported.keys()]))
  return [...all]
    .filter((name) => OPTIONS.test(name) && !shown.has(name) && NOT_ON_THE_PAGE[name] === undefined)
    .map((name) => `${name} is in no chapter of scripts/options.mjs`)
}

async function table(source, interfaces, { entry = '.', name, at, refuses, code = [] }, problems) {
  const symbol = interfaces.get(entry).get(name)
  if (symbol === undefined) throw new Error(`${entry} exports no interface ${name}`)
  const rows = []
  const others = new Set()
  for (const member of source.members(symbol)) {
    if (member.owner in NOT_ON_THE_PAGE) continue
    if (member.owner !== name && isShown(member.owner)) {
      others.add(member.owner)
      continue
    }
    const real = [member.real, ...code.map((file) => source.realDefault(file, member.name))].find(
      (value) => value !== undefined,
    )
    const complaints = [complaintAbout({ ...member, real })]
    const isBounded = isNumber(member) && !UNCHECKED.has(`${name}.${member.name}`)
    const bounds = isBounded ? await boundsOf(member, refuses) : ''
    if (bounds === undefined) complaints.push('takes what is no number')
    for (const complaint of complaints)
      if (complaint !== undefined) problems.push(`${name}.${member.name} ${complaint}`)
    rows.push(row(member, bounds ?? ''))
  }
  const extending = others.size === 0 ? [] : [`Those of ${[...others].map(link).join(' and ')}, and:`, '']
  return [
    '',
    `### ${name}${entry === './browser' ? ' in a browser' : ''}`,
    '',
    `${source.meaning(symbol)} Where: ${at}.`,
    '',
    ...extending,
    '| option | takes | default | meaning |',
    '|---|---|---|---|',
    ...rows,
  ]
}

function isShown(name) {
  return Object.values(CHAPTERS).some((sections) => sections.some((section) => section.name === name))
}

function link(name) {
  return `[${name}](#${name.toLowerCase()})`
}

/** What is wrong with how an option is documented; undefined where nothing is. */
export function complaintAbout({ meaning, isRequired, told, real }) {
  if (meaning === '') return 'has no docstring'
  if (isRequired) return told === undefined ? undefined : 'is required and has a default'
  if (told === undefined) return 'has no @defaultValue'
  const plain = plainValue(told)
  if (isDeepStrictEqual(plain, real)) return undefined
  if (plain === undefined) return typeof real === 'object' ? undefined : `says '${told}', and the code has ${real}`
  return `says ${JSON.stringify(plain)}, and the code has ${JSON.stringify(real)}`
}

/** The value that a told default begins with; undefined where it is in words. */
function plainValue(told) {
  const text = (CODE.exec(told) ?? /^[^,:;()]+?(?=$|[,:;] | \()/.exec(told))?.[0] ?? ''
  if (/^'.*'$/.test(text)) return text.slice(1, -1).replaceAll('\\r', '\r').replaceAll('\\n', '\n')
  if (/^\[.*\]$/.test(text)) return text === '[]' ? [] : text.slice(1, -1).split(', ').map(plainValue)
  if (text === '{}') return {}
  if (text === 'true' || text === 'false') return text === 'true'
  if (/^\d{4}-\d\d-\d\dT/.test(told)) return Date.parse(told)
  const [, digits, unit] = /^(\d[\d ]*(?:\.\d+)?)(?: (KiB|MiB))?$/.exec(text) ?? []
  if (digits !== undefined) return Number(digits.replaceAll(' ', '')) * ({ KiB: 1024, MiB: 1024 ** 2 }[unit] ?? 1)
  return /^(0o[0-7]+|Infinity)$/.test(text) ? Number(text) : undefined
}

/** In the code's own words; undefined where it has none, and takes anything. */
async function boundsOf({ name, told }, refuses) {
  if (refuses === undefined) return undefined
  const [file, refuse] = refuses
  const module = await import(pathToFileURL(resolve('.build', file)).href)
  const options = name.split('.').reduceRight((value, part) => ({ [part]: value }), Number.NaN)
  try {
    await refuse(module, options)
    return undefined
  } catch (error) {
    if (error.code !== 'ERR_BAD_OPTION') throw error
    return error.message
      .replace(/^option \S+ (?:must be |is )?/, '')
      .replace(/^a (?:whole )?number /, '')
      .replace(/\d+/g, (digits) => (told?.startsWith('0o') ? `0o${Number(digits).toString(8)}` : grouped(digits)))
  }
}

function isNumber({ type }) {
  return type.split(' | ').includes('number')
}

/** 65536 as 65 536. */
function grouped(digits) {
  return digits.length < 5 ? digits : digits.replace(/\B(?=(?:\d{3})+$)/g, ' ')
}

function row(member, bounds) {
  const { name, type, meaning, isRequired, told = '' } = member
  const unit = isNumber(member) ? UNITS.find(([pattern]) => pattern.test(name))?.[1] : undefined
  const takes = [`\`${type}\``, unit, bounds].filter((part) => part !== undefined && part !== '').join(', ')
  const cells = [`\`${name}\``, takes, isRequired ? '*required*' : told.replace(CODE, '`$&`'), meaning]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/** The page as it should be. */
export async function page(text) {
  const from = text.indexOf(BEGIN) + BEGIN.length
  const to = text.indexOf(END, from)
  if (from < BEGIN.length || to < from) throw new Error(`${PAGE} has no place for the tables`)
  return `${text.slice(0, from)}\n${await tables()}\n${text.slice(to)}`
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) writeFileSync(PAGE, await page(readFileSync(PAGE, 'utf8')))
