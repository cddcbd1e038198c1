import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { lookup } from 'node:dns'
import { once } from 'node:events'
import { isIP, isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { makeAddress } from '../../core/address.ts'
import type { DatagramSender, DatagramSink, DatagramSocket } from '../../core/env.ts'
import { HawserError } from '../../core/errors.ts'
import { Fifo } from '../../core/fifo.ts'
import type { LinkOptions } from '../../core/transport.ts'
import { attempt } from './attempt.ts'
import { plainHost } from './socket-address.ts'
import { codeOf, systemError } from './system-error.ts'

/** The option group `udp`, which the transport has completed. */
interface DatagramOptions {
  readonly multicast?: readonly string[]
  readonly broadcast?: boolean
  readonly sendBufferBytes?: number | undefined
  readonly receiveBufferBytes?: number | undefined
}

interface Endpoint {
  readonly host: string
  readonly port: number
}

const ANY_IPV4 = '0.0.0.0'
const ANY_IPV6 = '::'
/** IPv4 that goes through a socket for both. */
const MAPPED = '::ffff:'
/** What the system says of an address that is not this machine's, or of a family that it has not. */
const WRONG_HOST = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])
/** Within one turn libuv's queue is looked at after so many sends: to ask for each costs as much as the rest of our part. */
const LOOK_EVERY = 32
/** While datagrams are queued, because the system takes no more, we look again so often. */
const RETRY_MS = 1
/** The system had no room at the moment: such a datagram is lost, as others are on their way. */
const NO_ROOM = new Set(['ENOBUFS', 'ENOMEM', 'EAGAIN'])

/** A socket that is bound to `target`, or connected to `target.connect`. */
export async function bindDatagram(
  target: Endpoint & { readonly connect?: Endpoint },
  options: LinkOptions,
): Promise<DatagramSocket> {
  const udp = (options.groups['udp'] ?? {}) as DatagramOptions
  if (target.connect !== undefined) return connectTo(target.connect, udp, options)
  if (target.host !== '*') return bindTo(target.host, target.port, udp, options)
  // Groups and broadcasts of IPv4 are for sockets of IPv4.
  const needsIPv4 = udp.broadcast === true || udp.multicast?.some((group) => !group.includes(':')) === true
  if (needsIPv4) return bindTo(ANY_IPV4, target.port, udp, options)
  try {
    return await bindTo(ANY_IPV6, target.port, udp, options)
  } catch (error) {
    if (!WRONG_HOST.has(codeOf((error as Error).cause))) throw error
    return bindTo(ANY_IPV4, target.port, udp, options) // a machine without IPv6
  }
}

async function bindTo(host: string, port: number, udp: DatagramOptions, options: LinkOptions): Promise<DatagramSocket> {
  const where = makeAddress('udp', host, port).href
  const what = `cannot listen on ${where}`
  const address = await addressOf(host, what, options)
  try {
    return await open(address, port, udp, options, (socket) => {
      for (const group of udp.multicast ?? []) join(socket, group)
      return new NodeDatagramSocket(socket, where)
    })
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!WRONG_HOST.has(codeOf(error))) throw systemError(error, what)
    throw new HawserError('ERR_BAD_ADDRESS', `${what}: this is no address of this machine`, {
      cause: error,
      details: { part: 'host' },
    })
  }
}

async function connectTo(to: Endpoint, udp: DatagramOptions, options: LinkOptions): Promise<DatagramSocket> {
  const where = makeAddress('udp', to.host, to.port).href
  const what = `cannot dial ${where}`
  const address = await addressOf(to.host, what, options)
  try {
    return await open(isIPv4(address) ? ANY_IPV4 : ANY_IPV6, 0, udp, options, async (socket) => {
      for (const group of udp.multicast ?? []) leaveBy(socket, group)
      const connected = once(socket, 'connect')
      socket.connect(to.port, address)
      await connected
      return new NodeDatagramSocket(socket, where, { host: plainHost(address), port: to.port })
    })
  } catch (error) {
    options.signal?.throwIfAborted()
    throw systemError(error, what)
  }
}

/** The first address of a host: which of several is alive cannot be told without sending. */
function addressOf(host: string, what: string, options: LinkOptions): Promise<string> {
  return attempt(`looking up ${host}`, options, ({ resolve, reject }) => {
    if (isIP(host) !== 0) {
      resolve(host)
    } else {
      lookup(host, (error, address) => {
        if (error === null) resolve(address)
        else reject(systemError(error, what))
      })
    }
    return () => {}
  })
}

/** A bound socket, and what `finish` makes of it; it is closed again if anything fails. */
async function open(
  address: string,
  port: number,
  udp: DatagramOptions,
  { signal }: LinkOptions,
  finish: (socket: Socket) => DatagramSocket | Promise<DatagramSocket>,
): Promise<DatagramSocket> {
  const socket = createSocket({
    type: isIPv4(address) ? 'udp4' : 'udp6',
    reuseAddr: (udp.multicast?.length ?? 0) > 0, // a group's port is for all who want to hear it
    lookup: literally,
  })
  try {
    const listening = once(socket, 'listening')
    socket.bind({ port, address })
    await listening
    const { broadcast = false, sendBufferBytes, receiveBufferBytes } = udp
    if (broadcast) socket.setBroadcast(true)
    if (sendBufferBytes !== undefined) socket.setSendBufferSize(sendBufferBytes)
    if (receiveBufferBytes !== undefined) socket.setRecvBufferSize(receiveBufferBytes)
    const finished = await finish(socket)
    signal?.throwIfAborted()
    return finished
  } catch (error) {
    socket.close()
    throw error
  }
}

/** Node asks for each datagram; it is an IP address always, and Node's own lookup takes its time with those as well. */
function literally(host: string, family: unknown, found: (error: null, address: string, family: number) => void): void {
  found(null, host, family as number)
}

function join(socket: Socket, group: string): void {
  const { address, device } = splitGroup(group)
  socket.addMembership(address, device)
}

/** Where datagrams to a group go out; without a device the system's routes say so. */
function leaveBy(socket: Socket, group: string): void {
  const { device } = splitGroup(group)
  if (device !== undefined) socket.setMulticastInterface(device)
}

/** `group%device`, the device as Node wants it: an address of IPv4, `::%eth0` of IPv6. */
function splitGroup(group: string): { readonly address: string; readonly device: string | undefined } {
  const [address = '', zone] = group.split('%')
  return { address, device: zone === undefined || isIPv4(address) ? zone : `::%${zone}` }
}

/** A socket of node:dgram. */
class NodeDatagramSocket implements DatagramSocket {
  readonly host: string
  readonly port: number
  readonly remote: Endpoint | undefined
  readonly #socket: Socket
  readonly #where: string
  /** It takes both families, and wants IPv4 written as IPv6. */
  readonly #isDual: boolean
  #sink: DatagramSink | undefined
  /** Asked for when it is first needed; somebody who forges our port must not make us ask again and again. */
  #ownHosts: ReadonlySet<string> | undefined
  /** Of the datagrams that may not have left yet, in order. */
  readonly #senders = new Fifo<DatagramSender | undefined>()
  /** Whom the next calls of #onSent are for: Node makes them in the order of the sends. */
  readonly #watching = new Fifo<DatagramSender>()
  #settleDue = false
  /** As of the last look at libuv's queue, and the sends since. */
  #isBehind = false
  #sinceLook = 0
  #isClosed = false

  constructor(socket: Socket, where: string, remote?: Endpoint) {
    const { address, port } = socket.address()
    this.host = plainHost(address)
    this.port = port
    this.#socket = socket
    this.#where = where
    this.remote = remote
    this.#isDual = address === ANY_IPV6
    socket.on('error', (error) => this.#sink?.onError(systemError(error, where)))
  }

  attach(sink: DatagramSink): void {
    this.#sink = sink
    this.#socket.on('message', (bytes: Uint8Array, { address, port }: RemoteInfo) => {
      sink.onDatagram(bytes, address.startsWith(MAPPED) ? plainHost(address) : address, port)
    })
  }

  send(bytes: Uint8Array, host: string, port: number, sender?: DatagramSender): void {
    if (this.#isClosed) return
    this.#senders.push(sender)
    this.#sinceLook++
    let sent: ((error: Error | null) => void) | undefined
    if (sender?.watchesSend === true) {
      this.#watching.push(sender)
      sent = this.#onSent
    }
    if (this.remote !== undefined) this.#socket.send(bytes, sent)
    else this.#socket.send(bytes, port, this.#isDual && !host.includes(':') ? MAPPED + host : host, sent)
    if (this.#settleDue) return
    this.#settleDue = true
    setImmediate(this.#settle)
  }

  get isBehind(): boolean {
    if (this.#sinceLook >= LOOK_EVERY && !this.#isClosed) this.#look()
    return this.#isBehind
  }

  /** How many datagrams libuv has queued. */
  #look(): number {
    const queued = this.#socket.getSendQueueCount()
    this.#isBehind = queued > 0
    this.#sinceLook = 0
    return queued
  }

  isOwn(host: string, port: number): boolean {
    if (port !== this.port) return false
    this.#ownHosts ??= ownHosts(this.host)
    return this.#ownHosts.has(host)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#sink = undefined
    this.#socket.removeAllListeners('message')
    this.#socket.close()
  }

  readonly #onSent = (error: Error | null): void => {
    const sender = this.#watching.shift()
    if (this.#isClosed || error === null || NO_ROOM.has(codeOf(error))) return
    sender?.onSendError(systemError(error, this.#where))
  }

  /** Whatever libuv has not queued is the system's. One look for all that was sent in a turn costs less than a callback each. */
  readonly #settle = (): void => {
    this.#settleDue = false
    if (this.#isClosed) return
    const queued = this.#look()
    while (this.#senders.length > queued && !this.#isClosed) this.#senders.shift()?.onSent()
    if (queued === 0 || this.#settleDue) return
    this.#settleDue = true
    setTimeout(this.#settle, RETRY_MS)
  }
}

function ownHosts(host: string): ReadonlySet<string> {
  if (host !== ANY_IPV4 && host !== ANY_IPV6) return new Set([host])
  return new Set(
    Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address)),
  )
}
