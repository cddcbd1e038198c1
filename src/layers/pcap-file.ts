import type { Env, Files } from '../core/env.ts'
import { badOption, describe } from '../core/errors.ts'
import { guardedLogger } from '../core/logger.ts'

/** What waits for the disk; further packets are left out until it has caught up. */
const MOST_BYTES = 16 * 1024 * 1024
/** Types of blocks. */
const SECTION_HEADER = 0x0a0d0d0a
const INTERFACE_DESCRIPTION = 1
const ENHANCED_PACKET = 6
/** Raw IP: the first nibble tells IPv4 from IPv6. */
const LINKTYPE_RAW = 101
const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const OPTION_APPLICATION = 4

/**
 * A pcapng file that packets are appended to, one write at a time. All numbers are little-endian:
 *
 *     +-----------+------------+------+------------+
 *     | type: u32 | total: u32 | body | total: u32 |     body padded to 4 bytes
 *     +-----------+------------+------+------------+
 *
 * Source: draft-ietf-opsawg-pcapng.
 */
export class PcapFile {
  readonly #env: Env
  readonly #files: Files
  readonly #path: string
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #writing = false
  #failed = false
  #leftOut = 0

  /** @throws ERR_BAD_OPTION where `env` has no files */
  constructor(env: Env, path: string) {
    if (env.files === undefined) throw badOption('wireLog.env', 'has no files to write to')
    this.#env = env
    this.#files = env.files
    this.#path = path
    this.#append(sectionHeader())
    this.#append(interfaceDescription())
  }

  /** An IP packet, as of now. */
  packet(ip: Uint8Array): void {
    const body = new Uint8Array(20 + padded(ip.length))
    const view = new DataView(body.buffer)
    const micros = BigInt(Math.round(this.#env.now() * 1000))
    view.setUint32(4, Number(micros >> 32n), true)
    view.setUint32(8, Number(micros & 0xffff_ffffn), true)
    view.setUint32(12, ip.length, true)
    view.setUint32(16, ip.length, true)
    body.set(ip, 20)
    this.#append(block(ENHANCED_PACKET, body))
  }

  #append(bytes: Uint8Array): void {
    if (this.#failed) return
    if (this.#waitingBytes + bytes.length > MOST_BYTES) {
      this.#leftOut++
      return
    }
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#writing) return
    this.#writing = true
    void this.#write()
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const all = joined(this.#waiting, this.#waitingBytes)
        this.#waiting = []
        await this.#files.append(this.#path, all)
        this.#waitingBytes -= all.length
        if (this.#leftOut > 0) this.#tell(`left out ${this.#leftOut} packets: the disk does not keep up`)
        this.#leftOut = 0
      }
    } catch (error) {
      this.#failed = true
      this.#waiting = []
      this.#tell(`stops: ${describe(error)}`, error)
    }
    this.#writing = false
  }

  #tell(what: string, error?: unknown): void {
    guardedLogger(this.#env.logger).error(`the wire log ${this.#path} ${what}`, { error })
  }
}

function padded(length: number): number {
  return (length + 3) & ~3
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function block(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, type, true)
  view.setUint32(4, bytes.length, true)
  bytes.set(body, 8)
  view.setUint32(8 + body.length, bytes.length, true)
  return bytes
}

function sectionHeader(): Uint8Array {
  const name = new TextEncoder().encode('hawser wireLog')
  const body = new Uint8Array(16 + 4 + padded(name.length) + 4)
  const view = new DataView(body.buffer)
  view.setUint32(0, BYTE_ORDER_MAGIC, true)
  view.setUint16(4, 1, true) // version 1.0
  view.setBigInt64(8, -1n, true) // as long as it is
  view.setUint16(16, OPTION_APPLICATION, true)
  view.setUint16(18, name.length, true)
  body.set(name, 20)
  return block(SECTION_HEADER, body)
}

function interfaceDescription(): Uint8Array {
  const body = new Uint8Array(8)
  new DataView(body.buffer).setUint16(0, LINKTYPE_RAW, true)
  return block(INTERFACE_DESCRIPTION, body)
}
