import cluster from 'node:cluster'
import { deserialize, serialize } from 'node:v8'
import { badOption, cannotEncode, describe, isHawserError } from '../../core/errors.ts'
import { LiveServer } from '../../core/live-server.ts'
import { LogLimit } from '../../core/log-limit.ts'
import type { Relayed } from '../../core/relay.ts'
import type { Server } from '../../core/server.ts'
import { systemEnv } from '../node/system-env.ts'
import { type BroadcastMessage, isOurs, type PrimaryMessage, type WorkerMessage } from './cluster-message.ts'
import { Outlet } from './outlet.ts'

/** How old the numbers of a worker are in the primary, at most. */
const STATS_MS = 1_000
/** What else the program has running may end by itself; then the process is ended. */
const EXIT_MS = 1_000
/** Node would give each datagram to any worker; and the file of a socket would go with the first worker that closes. */
const NOT_SHARED: ReadonlySet<string> = /* @__PURE__ */ new Set(['udp', 'ipc'])

/** This process as one of a cluster: runs `main`, and ends when its server has closed or the primary is gone. */
export class ClusterWorker {
  readonly #logs = new LogLimit(systemEnv)
  readonly #outlet = new Outlet((message, sent) => void process.send?.(message, undefined, undefined, sent))
  #server: LiveServer<unknown, never, unknown> | undefined
  /** How long closing may take, once it is asked for. */
  #closing: { readonly timeoutMs: number | undefined } | undefined

  /** Never rejects: that `main` failed is told to the primary. */
  async run(main: () => Promise<Server>): Promise<void> {
    process.on('message', (message) => this.#onMessage(message))
    process.on('SIGINT', () => {}) // Ctrl-C reaches all processes of a terminal; the primary decides
    process.on('SIGTERM', () => this.#close(undefined))
    cluster.worker?.once('disconnect', () => {
      if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true // or Node would exit here
      this.#close(undefined)
    })
    try {
      const server = requireShared(await main())
      this.#server = server
      server.relayTo((relayed) => this.#relay(relayed))
      tell({ hawser: 'ready', addresses: server.addresses.map(({ href }) => href) })
      systemEnv.every(STATS_MS, () => this.#report())
      this.#report()
      void server.closed.then(() => this.#leave(0))
      if (this.#closing !== undefined) void server.close(this.#closing)
    } catch (error) {
      const code = isHawserError(error) ? error.code : undefined
      tell({ hawser: 'failed', text: describe(error), code }, () => this.#leave(1))
    }
  }

  #onMessage(received: unknown): void {
    if (!isOurs(received)) return
    const message = received as PrimaryMessage
    if (message.hawser === 'close') this.#close(message.timeoutMs)
    else if (message.hawser === 'broadcast') this.#deliver(message)
  }

  #close(timeoutMs: number | undefined): void {
    this.#closing = { timeoutMs }
    if (this.#server !== undefined) void this.#server.close(this.#closing)
  }

  #report(sent?: () => void): void {
    if (this.#server === undefined || !process.connected) sent?.()
    else tell({ hawser: 'stats', stats: this.#server.stats }, sent)
  }

  /** Nothing of ours is left: the process ends by itself, or is ended. */
  #leave(status: number): void {
    this.#report(() => {
      // `await runCluster()` is for ever, which Node takes for a mistake, and from Node 22 on says so at a natural end.
      process.exitCode ??= status
      process.once('beforeExit', () => process.exit())
      // Not by process.disconnect(): what the primary is handing us at this moment goes back to it first.
      if (process.connected) cluster.worker?.disconnect()
      systemEnv.setTimer(EXIT_MS, () => process.exit())
    })
  }

  // ── Broadcasts ───────────────────────────────────────────────────────────────────────────────────────────

  #relay(relayed: Relayed): void {
    const { skipSlow } = relayed
    const { form, bytes, text } =
      'body' in relayed ? { form: 'body' as const, ...relayed.body } : cloned(relayed.message)
    if (process.connected && this.#outlet.offer({ hawser: 'broadcast', form, bytes, text, skipSlow })) return
    this.#logs.log('behind', (suppressed) => {
      systemEnv.logger.warn('a broadcast stays in this worker: the primary does not keep up', { suppressed })
    })
  }

  #deliver({ form, bytes, text, skipSlow }: BroadcastMessage): void {
    try {
      this.#server?.deliver(
        form === 'body' ? { body: { bytes, text }, skipSlow } : { message: deserialize(bytes), skipSlow },
      )
    } catch (error) {
      this.#logs.log('deliver', (suppressed) => {
        systemEnv.logger.error(`a broadcast of another worker failed: ${describe(error)}`, { error, suppressed })
      })
    }
  }
}

function tell(message: WorkerMessage, sent?: () => void): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => sent?.())
  else sent?.()
}

/** @throws ERR_ENCODE */
function cloned(message: unknown): Pick<BroadcastMessage, 'form' | 'bytes' | 'text'> {
  try {
    return { form: 'message', bytes: serialize(message), text: false }
  } catch (error) {
    throw cannotEncode(`the message cannot be cloned for the other workers: ${describe(error)}`, error)
  }
}

/** @throws ERR_BAD_OPTION */
function requireShared(server: Server): LiveServer<unknown, never, unknown> {
  if (!(server instanceof LiveServer)) throw badOption('main', 'must give a Server, as listen() does')
  const wrong = server.addresses.find(({ scheme }) => NOT_SHARED.has(scheme))
  if (wrong === undefined) return server as unknown as LiveServer<unknown, never, unknown>
  server.destroy()
  throw badOption('main', `must not listen on ${wrong.href}: in a cluster, ${wrong.scheme} sockets cannot be shared`)
}
