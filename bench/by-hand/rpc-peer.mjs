// The least that an RPC can be by hand: frames `length u32, type u8, id u32, body` over a StreamPeer, calls in an array of
// slots with a promise each, all deadlines on one wheel of linked lists, answers in place.
import { StreamPeer } from './stream-peer.mjs'

const HEADER_BYTES = 5
const CALL = 0
const ANSWER = 1
/** So many more items may come. */
const CREDIT = 2
const TICK_MS = 50
/** Items on the way at most; half of it is given back at once. */
const WINDOW_ITEMS = 1024
const NOTHING = new Uint8Array(0)

/** One for all that is sent and one for all that comes: nobody keeps it. */
class Frame {
  type = CALL
  id = 0
  body
}

/** As a StreamPeer wants it, around the format of the bodies. */
function framesOf(format) {
  const received = new Frame()
  return {
    prepare(frame) {
      frame.body = format.prepare(frame.body)
      return frame
    },
    mostBytes: ({ body }) => HEADER_BYTES + format.mostBytes(body),
    write({ type, id, body }, slab, at) {
      slab[at] = type
      slab[at + 1] = id >>> 24
      slab[at + 2] = id >>> 16
      slab[at + 3] = id >>> 8
      slab[at + 4] = id
      return HEADER_BYTES + format.write(body, slab, at + HEADER_BYTES)
    },
    read(chunk, from, to) {
      received.type = chunk[from]
      received.id = ((chunk[from + 1] << 24) | (chunk[from + 2] << 16) | (chunk[from + 3] << 8) | chunk[from + 4]) >>> 0
      received.body = received.type === CREDIT ? undefined : format.read(chunk, from + HEADER_BYTES, to)
      return received
    },
  }
}

/** Calls, which are their own entries of the wheel. */
class Call {
  resolve
  reject
  next = this
  previous = this
}

/** Deadlines that are all as far away: what is added goes behind what was. */
class Wheel {
  #lists
  #tick = 0

  constructor(deadlineMs) {
    this.#lists = Array.from({ length: Math.ceil(deadlineMs / TICK_MS) + 2 }, () => new Call())
    setInterval(() => this.#turn(), TICK_MS).unref()
  }

  add(call) {
    const list = this.#lists[this.#tick]
    call.previous = list.previous
    call.next = list
    list.previous.next = call
    list.previous = call
  }

  delete(call) {
    call.previous.next = call.next
    call.next.previous = call.previous
  }

  /** The list that is filled next is the oldest. */
  #turn() {
    this.#tick = (this.#tick + 1) % this.#lists.length
    const list = this.#lists[this.#tick]
    for (let call = list.next; call !== list; call = call.next) call.reject(new Error('time is over'))
    list.next = list.previous = list
  }
}

/** Answers each call with its argument. */
export function answerCalls(socket, format) {
  return StreamPeer.attach(socket, framesOf(format), (peer, frame) => {
    frame.type = ANSWER
    peer.send(frame)
  })
}

/** Sends the items of an iterator, as far as there is credit. */
export function sendItems(socket, format, items) {
  const frame = new Frame()
  frame.type = ANSWER
  return StreamPeer.attach(socket, framesOf(format), (peer) => {
    for (let credit = WINDOW_ITEMS / 2; credit > 0; credit--) {
      frame.body = items.next().value
      peer.send(frame)
    }
  })
}

/** The calling side. */
export class Caller {
  #peer
  #wheel
  #sent = new Frame()
  #calls = []
  #free = []

  constructor(socket, format, deadlineMs) {
    this.#wheel = new Wheel(deadlineMs)
    this.#peer = StreamPeer.attach(socket, framesOf(format), (_peer, { id, body }) => {
      const call = this.#calls[id]
      this.#calls[id] = undefined
      this.#free.push(id)
      this.#wheel.delete(call)
      call.resolve(body)
    })
  }

  call(argument) {
    const call = new Call()
    const promise = new Promise((resolve, reject) => {
      call.resolve = resolve
      call.reject = reject
    })
    const id = this.#free.pop() ?? this.#calls.length
    this.#calls[id] = call
    this.#wheel.add(call)
    const frame = this.#sent
    frame.type = CALL
    frame.id = id
    frame.body = argument
    this.#peer.send(frame)
    return promise
  }
}

/** The reading side of `sendItems`. */
export async function* readItems(socket, format) {
  const credit = new Frame()
  credit.type = CREDIT
  credit.body = NOTHING
  const items = []
  let wake
  const peer = StreamPeer.attach(socket, framesOf(format), (_peer, { body }) => {
    items.push(body)
    wake?.()
    wake = undefined
  })
  const give = () => {
    credit.body = NOTHING
    peer.send(credit)
  }
  give()
  give()
  for (let taken = 0; ; ) {
    if (items.length === 0) await new Promise((resolve) => (wake = resolve))
    for (const item of items.splice(0)) {
      yield item
      if (++taken % (WINDOW_ITEMS / 2) === 0) give()
    }
  }
}
