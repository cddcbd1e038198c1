import type { StreamTarget } from '../core/env.ts'
import type { LinkOptions } from '../core/transport.ts'
import type { MemoryAcceptor } from '../transports/memory-acceptor.ts'
import { machineHost } from './virtual-address.ts'
import type { VirtualProcess } from './virtual-host.ts'

/** A bound address, and how the listener wants its connections. */
export interface Listening {
  readonly acceptor: MemoryAcceptor
  readonly options: LinkOptions
}

/** What is on the network: an address, the ports bound there, and the process that has them. */
export class VirtualMachine {
  readonly name: string
  readonly address: string
  process: VirtualProcess
  isUnplugged = false
  readonly listening: Map<string, Listening> = new Map()

  constructor(name: string, address: string, process: VirtualProcess) {
    this.name = name
    this.address = address
    this.process = process
  }

  /** The one spelling of a host of this machine. */
  canonical(host: string): string {
    return host === this.name ? this.address : machineHost(host)
  }

  keyOf(target: StreamTarget): string {
    return 'path' in target ? target.path : `${this.canonical(target.host)}:${target.port}`
  }

  find(target: StreamTarget): Listening | undefined {
    const found = this.listening.get(this.keyOf(target))
    return found ?? ('path' in target ? undefined : this.listening.get(`*:${target.port}`))
  }

  /** All interfaces and one of them exclude each other. */
  isTaken(target: StreamTarget): boolean {
    if (this.listening.has(this.keyOf(target))) return true
    if ('path' in target) return false
    if (target.host !== '*') return this.listening.has(`*:${target.port}`)
    for (const key of this.listening.keys()) if (key.endsWith(`:${target.port}`)) return true
    return false
  }
}
