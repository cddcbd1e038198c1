// The least that an RPC can be on node:net: a frame `length u32, type u8, id u32, body`, calls in an array of slots with
// a promise each, deadlines on one wheel of linked lists, one write a turn or for all answers to a chunk.
import { once } from 'node:events'
import { connect as connectSocket, createServer } from 'node:net'
import { argument, Record } from '../payloads.mjs'
import { DEADLINE_MS } from '../workloads.mjs'

const HEADER_BYTES = 9
const SLAB_BYTES = 64 * 1024
const MAX_BODY_BYTES = 8 * 1024
const TICK_MS = 50
const TICKS = DEADLINE_MS / TICK_MS + 2
const CALL = 0
const ANSWER = 1
const CREDIT = 2
const WINDOW_ITEMS = 1024

const bodies = {
  raw: {
    write: (value, slab, at) => {
      slab.set(value, at)
      return value.length
    },
    read: (chunk, from, to) => chunk.subarray(from, to),
  },
  json: {
    write: (value, slab, at) => slab.write(JSON.stringify(value), at),
    read: (chunk, from, to) => JSON.parse(chunk.utf8Slice(from, to)),
  },
  protobuf: {
    write: (value, slab, at) => {
      const bytes = Record.encode(value).finish()
      slab.set(bytes, at)
      return bytes.length
    },
    read: (chunk, from, to) => Record.decode(chunk.subarray(from, to)),
  },
}

/** One end: frames out of chunks, frames into a slab. */
class Link {
  #socket
  #body
  #onFrame
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  #from = 0
  #to = 0
  #reading = false
  #scheduled = false
  #rest

  constructor(socket, body, onFrame) {
    this.#socket = socket.setNoDelay(true)
    this.#body = body
    this.#onFrame = onFrame
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => this.#onData(chunk))
  }

  send(type, id, value) {
    if (this.#to + HEADER_BYTES + MAX_BODY_BYTES > SLAB_BYTES) {
      this.#flush()
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#from = this.#to = 0
    }
    const slab = this.#slab
    const at = this.#to
    const bytes = value === undefined ? 0 : this.#body.write(value, slab, at + HEADER_BYTES)
    slab.writeUInt32BE(HEADER_BYTES - 4 + bytes, at)
    slab[at + 4] = type
    slab.writeUInt32BE(id, at + 5)
    this.#to = at + HEADER_BYTES + bytes
    if (this.#reading || this.#scheduled) return
    this.#scheduled = true
    process.nextTick(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush() {
    if (this.#from === this.#to) return
    this.#socket.write(this.#slab.subarray(this.#from, this.#to))
    this.#from = this.#to
  }

  #onData(piece) {
    this.#reading = true
    const chunk = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece])
    let at = 0
    while (chunk.length - at >= HEADER_BYTES) {
      const end = at + 4 + chunk.readUInt32BE(at)
      if (end > chunk.length) break
      this.#onFrame(this, chunk[at + 4], chunk.readUInt32BE(at + 5), chunk, at + HEADER_BYTES, end)
      at = end
    }
    this.#rest = at < chunk.length ? chunk.subarray(at) : undefined
    this.#reading = false
    this.#flush()
  }
}

/** A call, which is its own entry on the wheel. */
class Call {
  resolve
  reject
  next
  previous
}

class Wheel {
  #lists = Array.from({ length: TICKS }, () => {
    const list = new Call()
    list.next = list.previous = list
    return list
  })
  #tick = 0

  constructor() {
    setInterval(() => this.#turn(), TICK_MS).unref()
  }

  add(call) {
    const list = this.#lists[(this.#tick + TICKS - 1) % TICKS]
    call.previous = list.previous
    call.next = list
    list.previous.next = call
    list.previous = call
  }

  delete(call) {
    call.previous.next = call.next
    call.next.previous = call.previous
  }

  #turn() {
    this.#tick = (this.#tick + 1) % TICKS
    const list = this.#lists[this.#tick]
    for (let call = list.next; call !== list; call = call.next) call.reject(new Error('time is over'))
    list.next = list.previous = list
  }
}

export async function serve({ kind, body }) {
  const codec = bodies[body]
  const same = (link, _type, id, chunk, from, to) => link.send(ANSWER, id, codec.read(chunk, from, to))
  const server = createServer((socket) => {
    if (kind === 'unary') return void new Link(socket, codec, same)
    let count = 0
    let credit = 0
    void new Link(socket, codec, (link) => {
      for (credit += WINDOW_ITEMS / 2; credit > 0; credit--) link.send(ANSWER, 0, argument('raw', count++))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

export async function connect(port, { body }) {
  const socket = connectSocket(port, '127.0.0.1')
  await once(socket, 'connect')
  const codec = bodies[body]
  const wheel = new Wheel()
  const calls = []
  const free = []
  const items = []
  let wake
  const link = new Link(socket, codec, (_link, _type, id, chunk, from, to) => {
    const call = calls[id]
    if (call === undefined) {
      items.push(codec.read(chunk, from, to))
      wake?.()
      wake = undefined
      return
    }
    calls[id] = undefined
    free.push(id)
    wheel.delete(call)
    call.resolve(codec.read(chunk, from, to))
  })
  return {
    call(value) {
      const call = new Call()
      const promise = new Promise((resolve, reject) => {
        call.resolve = resolve
        call.reject = reject
      })
      const id = free.pop() ?? calls.length
      calls[id] = call
      wheel.add(call)
      link.send(CALL, id, value)
      return promise
    },
    async *stream() {
      link.send(CREDIT, 0, undefined)
      link.send(CREDIT, 0, undefined)
      for (let taken = 0; ; ) {
        if (items.length === 0) await new Promise((resolve) => (wake = resolve))
        for (const item of items.splice(0)) {
          yield item
          if (++taken % (WINDOW_ITEMS / 2) === 0) link.send(CREDIT, 0, undefined)
        }
      }
    },
  }
}
