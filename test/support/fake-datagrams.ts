import type { DatagramSender, DatagramSink, DatagramSocket, Env, Net } from '../../src/core/env.ts'
import type { HawserError } from '../../src/core/errors.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'

/** A datagram socket in the hand of a test: what comes in has whatever source the test says. */
export class FakeDatagrams implements DatagramSocket {
  readonly host = '192.0.2.1'
  readonly port = 7
  remote: { readonly host: string; readonly port: number } | undefined
  isBehind = false
  closed = false
  /** As `host:port bytes`. */
  readonly sent: string[] = []
  /** Numbers of the sends whose failure somebody wanted to hear of. */
  readonly watched: number[] = []
  #sends = 0
  /** Sends to this host fail so. */
  failing: { readonly host: string; readonly error: HawserError } | undefined
  #sink: DatagramSink | undefined
  readonly #senders: { readonly sender: DatagramSender | undefined; readonly error: HawserError | undefined }[] = []

  /** The real time, and a net that has this socket only. */
  readonly env: Env = {
    net: { bindDatagram: () => Promise.resolve(this) } as unknown as Net,
    logger: systemEnv.logger,
    now: () => systemEnv.now(),
    every: (intervalMs, run) => systemEnv.every(intervalMs, run),
    after: (delayMs, run) => systemEnv.after(delayMs, run),
    setTimer: (delayMs, run, keepAlive) => systemEnv.setTimer(delayMs, run, keepAlive),
    defer: (run) => systemEnv.defer(run),
    yield: (run) => systemEnv.yield(run),
    randomBytes: (count) => systemEnv.randomBytes(count),
    random: () => systemEnv.random(),
  }

  attach(sink: DatagramSink): void {
    this.#sink = sink
  }

  send(bytes: Uint8Array, host: string, port: number, sender?: DatagramSender): void {
    this.sent.push(`${host}:${port} ${new TextDecoder().decode(bytes)}`)
    if (sender?.watchesSend === true) this.watched.push(this.#sends)
    this.#sends++
    const fails = this.failing?.host === host && sender?.watchesSend === true
    this.#senders.push({ sender, error: fails ? this.failing?.error : undefined })
  }

  isOwn(host: string, port: number): boolean {
    return host === this.host && port === this.port
  }

  close(): void {
    this.closed = true
  }

  /** A datagram comes in. */
  from(host: string, port: number, text: string): void {
    this.#sink?.onDatagram(new TextEncoder().encode(text), host, port)
  }

  fail(error: HawserError): void {
    this.#sink?.onError(error)
  }

  /** The system has taken, or refused, what was sent so far. */
  settle(): void {
    for (const { sender, error } of this.#senders.splice(0)) {
      if (error !== undefined) sender?.onSendError(error)
      sender?.onSent()
    }
  }
}
