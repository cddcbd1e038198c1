import type { CloseReason, Connection, ConnectionSink, Wrapper } from '../core/connection.ts'
import type { Env } from '../core/env.ts'
import { badOption } from '../core/errors.ts'
import { guardedLogger, type Logger } from '../core/logger.ts'
import { HexDump } from './hex-dump.ts'
import { Layer } from './layer.ts'
import { PacketTrace } from './packet-trace.ts'
import { PcapFile } from './pcap-file.ts'
import type { WireRecord } from './wire-record.ts'

/** Where the bytes of the wire are written down: as text, or as a pcapng file for Wireshark and tshark. */
export type WireLogTarget =
  | Logger
  | {
      /** Appended to; each `wireLog` begins a section of its own. */
      readonly file: string
      /** Whose files. @defaultValue the session's */
      readonly env?: Env | undefined
    }

/**
 * Writes down every byte that passes. To a Logger: hex, at level debug. To a file: packets as TCP would have made
 * them (of udp:// datagrams), which `tshark` follows, also where the session runs on a Unix socket or in memory. As the
 * innermost layer it sees the wire; after `compression` in `wrap` it sees what that read and wrote. A file that cannot be
 * written, or that does not keep up, costs the record and not the session; it is logged.
 *
 * It writes secrets to disk: for finding faults.
 * @throws ERR_BAD_OPTION
 */
export function wireLog(to: WireLogTarget): Wrapper {
  if (typeof to !== 'object' || to === null) throw badOption('wireLog', 'must be a Logger or { file }')
  if (!('file' in to)) {
    if (typeof to.debug !== 'function') throw badOption('wireLog', 'must be a Logger or { file }')
    const logger = guardedLogger(to)
    return (connection) => new WireLog(connection, new HexDump(logger, connection))
  }
  const { file: path, env: given } = to
  if (typeof path !== 'string' || path === '') throw badOption('wireLog.file', 'must be a path')
  const files = new Map<Env, PcapFile>() // one as a rule
  return (connection, role, env) => {
    const owner = given ?? env
    let file = files.get(owner)
    if (file === undefined) files.set(owner, (file = new PcapFile(owner, path)))
    return new WireLog(connection, new PacketTrace(file, connection, role))
  }
}

class WireLog extends Layer {
  readonly #record: WireRecord
  #opened = false
  #ended = false

  constructor(below: Connection, record: WireRecord) {
    super(below)
    this.#record = record
  }

  override attach(sink: ConnectionSink, unread?: Uint8Array): void {
    if (!this.#opened) this.#record.opened()
    this.#opened = true
    super.attach(sink, unread)
  }

  override write(chunk: Uint8Array, taken?: () => void, text?: boolean): void {
    if (!this.#ended) this.#record.sent(chunk)
    super.write(chunk, taken, text)
  }

  override end(reason?: CloseReason): void {
    if (!this.#ended) this.#record.ended()
    this.#ended = true
    super.end(reason)
  }

  override onChunk(chunk: Uint8Array, text?: boolean): void {
    this.#record.received(chunk)
    super.onChunk(chunk, text)
  }

  override onEnd(reason?: CloseReason): void {
    this.#record.endReceived()
    super.onEnd(reason)
  }

  override onClose(error?: Error): void {
    this.#ended = true
    this.#record.closed(error)
    super.onClose(error)
  }
}
