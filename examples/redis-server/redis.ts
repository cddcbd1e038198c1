import {
  type Codec,
  type EventListener,
  type FramingFactory,
  isHawserError,
  type Peer,
  type Session,
  type SessionError,
} from 'hawser'
import { Client, type ServerFacts } from './client.ts'
import { execute } from './commands.ts'
import { type Reply, RespError } from './reply.ts'
import { type Command, respCodec } from './resp-codec.ts'
import { resp } from './resp-framing.ts'
import type { Store } from './store.ts'

/** Largest command, and largest answer. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024
/** Whose commands these are. */
const VERSION = '7.0.0'

type RedisSession = Session<Command, Reply, Client>

/** What `redis` gives: a part of a SessionSetup. */
export interface RedisSetup {
  readonly codec: Codec<Command, Reply>
  readonly framing: FramingFactory
  readonly maxFrameBytes: number
  readonly data: (peer: Peer) => Client
  readonly listener: EventListener<Command, Reply, Client>
}

/** The Redis protocol over `store`, to spread into `listen` or into a test's `embed`. */
export function redis(store: Store): RedisSetup {
  const listener = new RedisListener(store)
  return {
    codec: respCodec,
    framing: resp(),
    maxFrameBytes: MAX_FRAME_BYTES,
    data: (peer) => new Client(listener.nextId(), peer.remoteAddress.href, store, listener),
    listener,
  }
}

/** Answers each command in its turn. A client that does not read its answers is not read, either. */
class RedisListener implements EventListener<Command, Reply, Client>, ServerFacts {
  readonly version: string = VERSION
  readonly #store: Store
  readonly #startedAt: number
  #clients = 0
  #lastId = 0

  constructor(store: Store) {
    this.#store = store
    this.#startedAt = store.now()
  }

  nextId(): number {
    return ++this.#lastId
  }

  onOpen(): void {
    this.#clients++
  }

  onMessage(session: RedisSession, words: Command): void {
    if (words.length === 0) return
    if (!answer(session, execute(session.data, words))) session.pause()
    if (session.data.leaving) void session.close()
  }

  onDrain(session: RedisSession): void {
    session.resume()
  }

  /** Says in Redis's words what was wrong; then the session closes. */
  onError(session: RedisSession, error: SessionError): void {
    if (error.cause instanceof RespError) session.send(error.cause)
    else if (error.code === 'ERR_FRAME_TOO_LARGE')
      session.send(new RespError('ERR Protocol error: invalid bulk length'))
    else if (error.code === 'ERR_LISTENER') console.error(error)
  }

  onClose(): void {
    this.#clients--
  }

  describe(): string {
    const store = this.#store
    return [
      '# Server',
      `redis_version:${VERSION}`,
      'redis_mode:standalone',
      `uptime_in_seconds:${Math.floor((store.now() - this.#startedAt) / 1_000)}`,
      '# Clients',
      `connected_clients:${this.#clients}`,
      '# Memory',
      `used_memory:${store.bytes}`,
      '# Keyspace',
      `db0:keys=${store.size},expires=${store.expiringSize},avg_ttl=0`,
      '',
    ].join('\r\n')
  }
}

/** As `send`; an answer that is too large becomes one that says so. */
function answer(session: RedisSession, reply: Reply): boolean {
  try {
    return session.send(reply)
  } catch (error) {
    if (!isHawserError(error, 'ERR_MESSAGE_TOO_LARGE')) throw error
    return session.send(new RespError('ERR the reply is too large'))
  }
}
