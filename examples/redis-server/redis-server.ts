import {
  type AddressLike,
  type Env,
  type EventListener,
  isHawserError,
  listen,
  type Server,
  type Session,
  type SessionError,
  systemEnv,
} from 'hawser'
import { Client } from './client.ts'
import { execute } from './commands.ts'
import { type Reply, RespError } from './reply.ts'
import { type Command, respCodec } from './resp-codec.ts'
import { resp } from './resp-framing.ts'
import { Store } from './store.ts'

export interface RedisOptions {
  /** Of keys and values, then writes are refused. @defaultValue 256 MiB */
  readonly maxBytes?: number | undefined
  readonly env?: Env | undefined
}

/** As in Redis. */
const MAX_CLIENTS = 10_000
/** Largest command, and largest answer. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024
const SWEEP_INTERVAL_MS = 100
const VERSION = '7.0.0'

type RedisSession = Session<Command, Reply, Client>

/** Answers each command in its turn. A client that does not read its answers is not read, either. */
class RedisListener implements EventListener<Command, Reply, Client> {
  onMessage(session: RedisSession, words: Command): void {
    if (words.length === 0) return
    if (!answer(session, execute(session.data, words))) session.pause()
    if (session.data.leaving) void session.close()
  }

  onDrain(session: RedisSession): void {
    session.resume()
  }

  /** Says in Redis's words what was wrong, and closes. */
  onError(session: RedisSession, error: SessionError): void {
    if (error.cause instanceof RespError) session.send(error.cause)
    else if (error.code === 'ERR_FRAME_TOO_LARGE')
      session.send(new RespError('ERR Protocol error: invalid bulk length'))
    else if (error.code === 'ERR_LISTENER') console.error(error)
  }
}

/** A server that redis-cli talks to, with a store of its own, in memory. */
export async function listenRedis(
  where: AddressLike | readonly AddressLike[],
  options: RedisOptions = {},
): Promise<Server<Command, Reply, Client>> {
  const { env = systemEnv, maxBytes } = options
  const store = new Store({ env, maxBytes })
  const startedAt = env.now()
  let clients = 0
  const facts = {
    version: VERSION,
    describe: (): string =>
      [
        '# Server',
        `redis_version:${VERSION}`,
        'redis_mode:standalone',
        `uptime_in_seconds:${Math.floor((env.now() - startedAt) / 1_000)}`,
        '# Clients',
        `connected_clients:${server.sessions.size}`,
        '# Memory',
        `used_memory:${store.bytes}`,
        '# Keyspace',
        `db0:keys=${store.size},expires=${store.expiringSize},avg_ttl=0`,
        '',
      ].join('\r\n'),
  }
  const server: Server<Command, Reply, Client> = await listen(where, {
    name: 'redis',
    codec: respCodec,
    framing: resp(),
    maxFrameBytes: MAX_FRAME_BYTES,
    maxSessions: MAX_CLIENTS,
    env,
    data: (peer) => new Client(++clients, peer.remoteAddress.href, store, facts),
    listener: new RedisListener(),
  })
  const sweeping = env.every(SWEEP_INTERVAL_MS, () => store.sweep())
  void server.closed.then(() => sweeping[Symbol.dispose]())
  return server
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
