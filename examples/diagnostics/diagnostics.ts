import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { AnySession, Server } from 'hawser'
import type { Metrics } from 'hawser/stages'
import { Profiler } from './profiler.ts'

const NS_PER_MS = 1e6
const DEFAULT_SECONDS = 2
/** Sessions that are listed; with more, those with most to send are. */
const MOST_SESSIONS = 1_000

const INDEX = `/sessions                     who is connected, whose queue is longest first
/process                      memory, event loop delay, what keeps the process alive
/metrics                      counters and histograms for Prometheus
/profile/cpu?seconds=2        where time goes: open it in Chromium's developer tools, tab Performance
/profile/heap?seconds=2       who allocates: tab Memory
`

interface Answer {
  readonly status?: number
  readonly type: string
  readonly body: string
  /** Under which name a browser keeps it. */
  readonly file?: string
}

/** What a server does, for whoever may log in on this machine: it listens on the loopback and reads only. */
export class Diagnostics implements AsyncDisposable {
  readonly #server: Server
  readonly #metrics: Metrics
  readonly #profiler = new Profiler()
  readonly #delay = monitorEventLoopDelay({ resolution: 10 })
  readonly #http: HttpServer

  private constructor(server: Server, metrics: Metrics) {
    this.#server = server
    this.#metrics = metrics
    this.#http = createServer((request, response) => void this.#respond(request, response))
  }

  /** Resolves when it listens. */
  static async start(server: Server, metrics: Metrics, port: number): Promise<Diagnostics> {
    const diagnostics = new Diagnostics(server, metrics)
    diagnostics.#http.listen(port, '127.0.0.1')
    await once(diagnostics.#http, 'listening')
    diagnostics.#delay.enable()
    return diagnostics
  }

  get port(): number {
    const address = this.#http.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#delay.disable()
    this.#http.close()
    this.#http.closeAllConnections()
    this.#profiler.close()
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A name that leads here by somebody's DNS would let his page read this.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) return end(response, 403)
    if (request.method !== 'GET') return end(response, 405)
    try {
      const answer = await this.#answer(new URL(request.url ?? '/', 'http://127.0.0.1'))
      if (answer === undefined) return end(response, 404)
      const { status = 200, type, body, file } = answer
      if (file !== undefined) response.setHeader('content-disposition', `attachment; filename="${file}"`)
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
    } catch (error) {
      const isAskedWrongly = error instanceof RangeError || error instanceof TypeError // of the time, of the path
      response.writeHead(isAskedWrongly ? 400 : 500, { 'content-type': 'text/plain' }).end(`${error}\n`)
    }
  }

  async #answer({ pathname, searchParams }: URL): Promise<Answer | undefined> {
    const durationMs = Number(searchParams.get('seconds') ?? DEFAULT_SECONDS) * 1_000
    switch (pathname) {
      case '/':
        return { type: 'text/plain', body: INDEX }
      case '/sessions':
        return json(this.#sessions())
      case '/process':
        return json(this.#process())
      case '/metrics':
        return { type: 'text/plain; version=0.0.4', body: this.#metrics.prometheus() }
      case '/profile/cpu':
        return profile(await this.#profiler.cpu(durationMs), 'hawser.cpuprofile')
      case '/profile/heap':
        return profile(await this.#profiler.heap(durationMs), 'hawser.heapprofile')
      default:
        return undefined
    }
  }

  #sessions(): object {
    const all = [...this.#server.sessions].map(describe)
    const longest = all.toSorted((a, b) => b.toSendBytes - a.toSendBytes || b.toHandleBytes - a.toHandleBytes)
    return { stats: this.#server.stats, sessions: longest.slice(0, MOST_SESSIONS) }
  }

  #process(): object {
    const [p50, p99, max] = [this.#delay.percentile(50), this.#delay.percentile(99), this.#delay.max]
    const delayMs = { p50: p50 / NS_PER_MS, p99: p99 / NS_PER_MS, max: max / NS_PER_MS }
    this.#delay.reset() // each look tells of the time since the one before
    return {
      pid: process.pid,
      node: process.version,
      uptimeSeconds: process.uptime(),
      cpuSeconds: process.cpuUsage(),
      memoryBytes: process.memoryUsage(),
      eventLoopDelayMs: delayMs,
      resources: count(process.getActiveResourcesInfo()),
    }
  }
}

function describe({ id, phase, remoteAddress, idleMs, writable, stats }: AnySession) {
  const { bufferedBytes, undecodedBytes, ...passed } = stats
  return {
    id,
    phase,
    remoteAddress: remoteAddress.href,
    idleMs,
    writable,
    toSendBytes: bufferedBytes,
    toHandleBytes: undecodedBytes,
    ...passed,
  }
}

/** Sockets, timers and the like, by their kind. */
function count(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Object.fromEntries(counts)
}

function json(value: object): Answer {
  return { type: 'application/json', body: `${JSON.stringify(value, undefined, 2)}\n` }
}

function profile(body: string | undefined, file: string): Answer {
  if (body === undefined) return { status: 409, type: 'text/plain', body: 'another profile is being taken\n' }
  return { type: 'application/json', body, file }
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status).end()
}
