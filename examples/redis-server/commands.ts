import { bytesOf, integerOf, latin1 } from './argument.ts'
import type { Client } from './client.ts'
import { globMatches } from './glob.ts'
import { OK, PONG, type Reply, RespError, Status } from './reply.ts'
import type { Command } from './resp-codec.ts'

interface Definition {
  /** Words of the command, its name included: so many exactly, or, where negative, at least. */
  readonly arity: number
  readonly summary: string
  /** Its result, or a RespError thrown, is the answer. */
  run(client: Client, words: Command): Reply
}

const TYPES = { none: new Status('none'), string: new Status('string'), hash: new Status('hash') }
/** What redis-benchmark asks for: nothing is written to disk. */
const SETTINGS = [
  ['appendonly', 'no'],
  ['databases', '1'],
  ['save', ''],
] as const
/** No time to live can be longer: what is added to it still is a time. */
const MAX_TTL_MS = 2 ** 52

const STRINGS: Readonly<Record<string, Definition>> = {
  get: {
    arity: 2,
    summary: 'The value of a key.',
    run: ({ store }, words) => store.get(key(words)) ?? null,
  },
  set: { arity: -3, summary: 'Sets a key; EX, PX, NX, XX, GET, KEEPTTL.', run: set },
  setnx: {
    arity: 3,
    summary: 'Sets a key that is not there.',
    run({ store }, words) {
      if (store.has(key(words))) return 0
      store.set(key(words), word(words, 2))
      return 1
    },
  },
  setex: { arity: 4, summary: 'Sets a key for so many seconds.', run: (client, words) => setFor(client, words, 1_000) },
  psetex: { arity: 4, summary: 'Sets a key for so many ms.', run: (client, words) => setFor(client, words, 1) },
  getset: {
    arity: 3,
    summary: 'Sets a key, gives its old value.',
    run({ store }, words) {
      const before = store.get(key(words)) ?? null
      store.set(key(words), word(words, 2))
      return before
    },
  },
  getdel: {
    arity: 2,
    summary: 'The value of a key, which is then gone.',
    run({ store }, words) {
      const before = store.get(key(words)) ?? null
      store.delete(key(words))
      return before
    },
  },
  mget: {
    arity: -2,
    summary: 'The values of several keys.',
    run: ({ store }, words) => words.slice(1).map((bytes) => stringOrNull(store, latin1(bytes))),
  },
  mset: {
    arity: -3,
    summary: 'Sets several keys.',
    run({ store }, words) {
      if (words.length % 2 === 0) throw wrongNumber('mset')
      for (let i = 1; i < words.length; i += 2) store.set(key(words, i), word(words, i + 1))
      return OK
    },
  },
  incr: { arity: 2, summary: 'Adds one.', run: (client, words) => add(client, key(words), 1) },
  decr: { arity: 2, summary: 'Takes one away.', run: (client, words) => add(client, key(words), -1) },
  incrby: {
    arity: 3,
    summary: 'Adds a number.',
    run: (client, words) => add(client, key(words), integer(words, 2)),
  },
  decrby: {
    arity: 3,
    summary: 'Takes a number away.',
    run: (client, words) => add(client, key(words), -integer(words, 2)),
  },
  append: {
    arity: 3,
    summary: 'Adds to the end of a value.',
    run({ store }, words) {
      const value = Buffer.concat([store.get(key(words)) ?? new Uint8Array(0), word(words, 2)])
      store.set(key(words), value, 'keep')
      return value.length
    },
  },
  strlen: {
    arity: 2,
    summary: 'Bytes of a value.',
    run: ({ store }, words) => store.get(key(words))?.length ?? 0,
  },
}

const HASHES: Readonly<Record<string, Definition>> = {
  hset: {
    arity: -4,
    summary: 'Sets fields of a hash.',
    run({ store }, words) {
      if (words.length % 2 === 1) throw wrongNumber('hset')
      let added = 0
      for (let i = 2; i < words.length; i += 2)
        if (store.setField(key(words), key(words, i), word(words, i + 1))) added++
      return added
    },
  },
  hget: {
    arity: 3,
    summary: 'A field of a hash.',
    run: ({ store }, words) => store.fields(key(words))?.get(key(words, 2)) ?? null,
  },
  hdel: {
    arity: -3,
    summary: 'Deletes fields of a hash.',
    run: ({ store }, words) => words.slice(2).filter((field) => store.deleteField(key(words), latin1(field))).length,
  },
  hgetall: {
    arity: 2,
    summary: 'All fields of a hash, with their values.',
    run: ({ store }, words) =>
      [...(store.fields(key(words)) ?? [])].flatMap(([field, value]) => [bytesOf(field), value]),
  },
  hlen: {
    arity: 2,
    summary: 'Fields of a hash.',
    run: ({ store }, words) => store.fields(key(words))?.size ?? 0,
  },
}

const KEYS: Readonly<Record<string, Definition>> = {
  del: { arity: -2, summary: 'Deletes keys.', run: remove },
  unlink: { arity: -2, summary: 'Deletes keys.', run: remove },
  exists: {
    arity: -2,
    summary: 'How many of these keys there are.',
    run: ({ store }, words) => words.slice(1).filter((bytes) => store.has(latin1(bytes))).length,
  },
  type: {
    arity: 2,
    summary: 'What a key holds.',
    run: ({ store }, words) => TYPES[store.typeOf(key(words))],
  },
  keys: {
    arity: 2,
    summary: 'Keys like a pattern.',
    run({ store }, words) {
      const pattern = key(words)
      return [...store.keys()].filter((name) => globMatches(pattern, name)).map(bytesOf)
    },
  },
  dbsize: { arity: 1, summary: 'How many keys there are.', run: ({ store }) => store.size },
  flushall: { arity: -1, summary: 'Deletes everything.', run: flush },
  flushdb: { arity: -1, summary: 'Deletes everything.', run: flush },
  expire: {
    arity: 3,
    summary: 'Deletes a key in so many seconds.',
    run: (client, words) => expire(client, words, 1_000),
  },
  pexpire: { arity: 3, summary: 'Deletes a key in so many ms.', run: (client, words) => expire(client, words, 1) },
  ttl: { arity: 2, summary: 'Seconds that a key has left.', run: (client, words) => timeToLive(client, words, 1_000) },
  pttl: {
    arity: 2,
    summary: 'Milliseconds that a key has left.',
    run: (client, words) => timeToLive(client, words, 1),
  },
  persist: {
    arity: 2,
    summary: 'A key that expires does so no more.',
    run({ store }, words) {
      if ((store.expiryOf(key(words)) ?? Infinity) === Infinity) return 0
      store.expireAt(key(words), Infinity)
      return 1
    },
  },
}

const CONNECTION: Readonly<Record<string, Definition>> = {
  ping: {
    arity: -1,
    summary: 'PONG, or what it was given.',
    run(_client, words) {
      if (words.length > 2) throw wrongNumber('ping')
      return words[1] ?? PONG
    },
  },
  echo: { arity: 2, summary: 'What it was given.', run: (_client, words) => word(words, 1) },
  select: {
    arity: 2,
    summary: 'There is one database, 0.',
    run(_client, words) {
      if (integer(words, 1) !== 0) throw new RespError('ERR DB index is out of range')
      return OK
    },
  },
  quit: {
    arity: -1,
    summary: 'Closes the session.',
    run(client) {
      client.leaving = true
      return OK
    },
  },
  hello: { arity: -1, summary: 'Greets: protocol 2 is spoken.', run: hello },
  client: { arity: -2, summary: 'SETNAME, GETNAME, ID, INFO, SETINFO.', run: clientCommand },
  command: { arity: -1, summary: 'What commands there are: COUNT, DOCS.', run: commandCommand },
  config: {
    arity: -2,
    summary: 'GET: settings like these patterns.',
    run(_client, words) {
      if (subcommand(words) !== 'get') throw unknownSubcommand(words)
      const patterns = words.slice(2).map((bytes) => latin1(bytes).toLowerCase())
      return SETTINGS.filter(([name]) => patterns.some((pattern) => globMatches(pattern, name))).flat()
    },
  },
  info: { arity: -1, summary: 'About this server.', run: (client) => client.server.describe() },
}

const COMMANDS = new Map<string, Definition>(Object.entries({ ...STRINGS, ...HASHES, ...KEYS, ...CONNECTION }))
/** By the first word as it came, since most clients always write it the same way. Bounded: spellings are many. */
const spellings = new Map<string, Definition>()
const MAX_SPELLINGS = 1_000

/** Runs a command, whatever it is; never throws what is the client's fault. */
export function execute(client: Client, words: Command): Reply {
  const spelling = latin1(word(words, 0))
  const definition = spellings.get(spelling) ?? lookUp(spelling)
  if (definition === undefined) return unknownCommand(spelling, words)
  const { arity } = definition
  if (arity < 0 ? words.length < -arity : words.length !== arity) return wrongNumber(spelling.toLowerCase())
  try {
    return definition.run(client, words)
  } catch (error) {
    if (error instanceof RespError) return error
    throw error
  }
}

function lookUp(spelling: string): Definition | undefined {
  const definition = COMMANDS.get(spelling.toLowerCase())
  if (definition !== undefined && spellings.size < MAX_SPELLINGS) spellings.set(spelling, definition)
  return definition
}

// ── Strings ──────────────────────────────────────────────────────────────────────────────────────────────────────

function set({ store }: Client, words: Command): Reply {
  const name = key(words)
  let expiresAt: number | 'keep' = Infinity
  let condition: 'nx' | 'xx' | undefined
  let wantsOld = false
  for (let i = 3; i < words.length; i++) {
    const option = latin1(word(words, i)).toLowerCase()
    if ((option === 'nx' || option === 'xx') && condition === undefined) condition = option
    else if (option === 'get') wantsOld = true
    else if (option === 'keepttl' && expiresAt === Infinity) expiresAt = 'keep'
    else if ((option === 'ex' || option === 'px') && expiresAt === Infinity && i + 1 < words.length)
      expiresAt = store.now() + positiveMs(words, ++i, option === 'ex' ? 1_000 : 1)
    else throw syntaxError()
  }
  const before = wantsOld ? (store.get(name) ?? null) : null
  const written = condition === undefined || store.has(name) === (condition === 'xx')
  if (written) store.set(name, word(words, 2), expiresAt)
  if (wantsOld) return before
  return written ? OK : null
}

function setFor({ store }: Client, words: Command, unitMs: number): Reply {
  store.set(key(words), word(words, 3), store.now() + positiveMs(words, 2, unitMs))
  return OK
}

function add({ store }: Client, name: string, change: number): Reply {
  const before = store.get(name)
  const value = before === undefined ? 0 : integerOf(before)
  if (value === undefined) throw notAnInteger()
  const sum = value + change
  if (!Number.isSafeInteger(sum)) throw new RespError('ERR increment or decrement would overflow')
  store.set(name, bytesOf(String(sum)), 'keep')
  return sum
}

function stringOrNull(store: Client['store'], name: string): Reply {
  return store.typeOf(name) === 'string' ? (store.get(name) ?? null) : null
}

// ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function remove({ store }: Client, words: Command): Reply {
  return words.slice(1).filter((bytes) => store.delete(latin1(bytes))).length
}

function flush({ store }: Client): Reply {
  store.clear()
  return OK
}

function expire({ store }: Client, words: Command, unitMs: number): Reply {
  const ms = integer(words, 2) * unitMs
  if (Math.abs(ms) > MAX_TTL_MS) throw invalidExpiry(words)
  return store.expireAt(key(words), store.now() + ms) ? 1 : 0
}

function timeToLive({ store }: Client, words: Command, unitMs: number): Reply {
  const expiresAt = store.expiryOf(key(words))
  if (expiresAt === undefined) return -2
  return expiresAt === Infinity ? -1 : Math.round((expiresAt - store.now()) / unitMs)
}

// ── The session and the server ───────────────────────────────────────────────────────────────────────────────────

function hello(client: Client, words: Command): Reply {
  const version = words[1]
  if (version !== undefined && integerOf(version) === undefined)
    throw new RespError('ERR Protocol version is not an integer or out of range')
  if (version !== undefined && integerOf(version) !== 2) throw new RespError('NOPROTO unsupported protocol version')
  if (words.length > 2) throw new RespError(`ERR Syntax error in HELLO option '${latin1(word(words, 2))}'`)
  const { version: serverVersion } = client.server
  return [
    'server',
    'redis',
    'version',
    serverVersion,
    'proto',
    2,
    'id',
    client.id,
    'mode',
    'standalone',
    'role',
    'master',
    'modules',
    [],
  ]
}

function clientCommand(client: Client, words: Command): Reply {
  switch (subcommand(words)) {
    case 'setname':
      if (words.length !== 3) throw wrongNumber('client|setname')
      client.name = latin1(word(words, 2))
      return OK
    case 'getname':
      return client.name === '' ? null : bytesOf(client.name)
    case 'id':
      return client.id
    case 'info':
      return bytesOf(`id=${client.id} addr=${client.address} name=${client.name} resp=2\n`)
    case 'setinfo':
    case 'no-evict':
    case 'no-touch':
      return OK
    default:
      throw unknownSubcommand(words)
  }
}

function commandCommand(_client: Client, words: Command): Reply {
  if (words.length === 1) return [...COMMANDS].map(([name, { arity }]) => [name, arity, [], 0, 0, 0])
  switch (subcommand(words)) {
    case 'count':
      return COMMANDS.size
    case 'docs': {
      const asked = words.length > 2 ? words.slice(2).map((bytes) => latin1(bytes).toLowerCase()) : [...COMMANDS.keys()]
      return asked.flatMap((name) => {
        const definition = COMMANDS.get(name)
        return definition === undefined ? [] : [name, ['summary', definition.summary, 'group', 'generic']]
      })
    }
    default:
      throw unknownSubcommand(words)
  }
}

// ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The arity was checked. */
function word(words: Command, index: number): Uint8Array {
  return words[index] as Uint8Array
}

function key(words: Command, index = 1): string {
  return latin1(word(words, index))
}

function subcommand(words: Command): string {
  return key(words).toLowerCase()
}

function integer(words: Command, index: number): number {
  const value = integerOf(word(words, index))
  if (value === undefined) throw notAnInteger()
  return value
}

function positiveMs(words: Command, index: number, unitMs: number): number {
  const ms = integer(words, index) * unitMs
  if (ms <= 0 || ms > MAX_TTL_MS) throw invalidExpiry(words)
  return ms
}

// ── What Redis says ──────────────────────────────────────────────────────────────────────────────────────────────

function unknownCommand(name: string, words: Command): RespError {
  let args = ''
  for (let i = 1; i < words.length && args.length < 128; i++)
    args += `'${latin1(word(words, i).subarray(0, 128 - args.length))}' `
  return new RespError(`ERR unknown command '${name.slice(0, 128)}', with args beginning with: ${args}`)
}

function unknownSubcommand(words: Command): RespError {
  const command = latin1(word(words, 0)).toUpperCase()
  return new RespError(`ERR unknown subcommand '${latin1(word(words, 1).subarray(0, 128))}'. Try ${command} HELP.`)
}

function wrongNumber(name: string): RespError {
  return new RespError(`ERR wrong number of arguments for '${name}' command`)
}

function notAnInteger(): RespError {
  return new RespError('ERR value is not an integer or out of range')
}

function invalidExpiry(words: Command): RespError {
  return new RespError(`ERR invalid expire time in '${latin1(word(words, 0)).toLowerCase()}' command`)
}

function syntaxError(): RespError {
  return new RespError('ERR syntax error')
}
