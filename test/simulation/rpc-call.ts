import { ITEM_COST_BYTES } from '../../src/rpc/item-cost.ts'
import { isRpcError, type RpcError } from '../../src/rpc/rpc-error.ts'
import type { RpcStatus } from '../../src/rpc/rpc-status.ts'
import type { VirtualHost } from '../../src/testing/virtual-host.ts'
import type { RpcLine, Task } from './rpc-plan.ts'
import type { World } from './world.ts'

/** Late by the clock's own grain, and by the turn in which it is found out. */
const DEADLINE_SLACK_MS = 100
/** What losses, limits and leaving bring about among honest peers; and what the call of a handler to its caller may come to. */
const HONEST: readonly RpcStatus[] = ['unavailable', 'resource_exhausted']
const OF_INNER_CALLS: readonly RpcStatus[] = ['aborted', 'canceled', 'deadline_exceeded']

/** One direction of a stream: what was given to it, and what was read from it. */
export class Flow {
  produced = 0
  consumed = 0
  /** What gives its items has begun, and has not ended. */
  isOpen = false
}

/** One call, from both its ends, seen by somebody who trusts neither. */
export class RpcCall {
  readonly id: number
  readonly task: Task
  readonly caller: VirtualHost
  readonly input = new Flow()
  readonly output = new Flow()
  readonly #world: World
  readonly #line: RpcLine
  readonly #startedAt: number
  readonly #dueAt: number
  /** Handlers that were begun. */
  runs = 0
  isSettled = false
  /** The caller has aborted its signal. */
  isCanceled = false
  /** Its caller was told that no handler was begun. */
  #toldNotRun = false

  constructor(world: World, line: RpcLine, caller: VirtualHost, id: number, task: Task) {
    this.#world = world
    this.#line = line
    this.id = id
    this.task = task
    this.caller = caller
    this.#startedAt = world.at
    this.#dueAt = task.timeoutMs === 0 ? Infinity : world.at + task.timeoutMs
    world.note(`call ${id} ${task.method} of ${caller.name}`)
  }

  get isDead(): boolean {
    return this.caller.state === 'killed'
  }

  /** A handler begins. */
  begins(): void {
    this.#world.note(`call ${this.id} is handled`)
    this.runs++
    if (this.runs > 1 && this.task.method !== 'safe') this.#world.violate(`call ${this.id} was handled twice`)
    if (this.#toldNotRun) this.#world.violate(`call ${this.id} is handled, and its caller was told that it is not`)
  }

  /** An item of one of its directions is about to be sent. */
  produces(flow: Flow): void {
    flow.produced++
    const { itemBytes } = this.task
    const bytes = ITEM_COST_BYTES + itemBytes
    const waitingBytes = (flow.produced - flow.consumed - 2) * bytes // one is being sent, one is being read
    if (waitingBytes > this.#line.windowBytes)
      this.#world.violate(`a stream of call ${this.id} is ${waitingBytes} B ahead, of ${this.#line.windowBytes}`)
  }

  /** The next item of one of its directions was read. */
  consumes(flow: Flow, { call, n, pad }: Item): void {
    const expected = flow.consumed++
    if (call === this.id && n === expected && pad.length === this.task.itemBytes && flow.consumed <= flow.produced)
      return
    this.#world.violate(`call ${this.id} read item ${call}/${n} (${pad.length}) after ${expected} of ${flow.produced}`)
  }

  /** The item that follows. */
  nextItem(flow: Flow): Item {
    return { call: this.id, n: flow.produced - 1, pad: PAD.slice(0, this.task.itemBytes) }
  }

  /** With the right answer? */
  answered(isRight: boolean, what: string): void {
    if (!this.#settles(what)) return
    const world = this.#world
    world.expect(isRight, `call ${this.id} was answered by ${what}`)
    const { method, fails, items, takes } = this.task
    if (method === 'tell') return
    world.expect(this.runs > 0, `call ${this.id} was answered, and nobody has handled it`)
    world.expect(!(fails && takes > items), `call ${this.id} was to fail, and was answered`)
  }

  failed(error: unknown): void {
    const shown = isRpcError(error) ? `${error.status} (${error.sent}) ${error.message}` : String(error)
    if (!this.#settles(shown)) return
    const world = this.#world
    if (!isRpcError(error)) return world.violate(`call ${this.id} failed with ${shown}`)
    if (error.sent === 'no') {
      this.#toldNotRun = true
      world.expect(this.runs === 0, `call ${this.id} has run, and its caller is told: ${shown}`)
    }
    if (error.sent === 'yes' && this.#line.wire === 'binary')
      world.expect(this.runs > 0, `call ${this.id} has not run, and its caller is told: ${shown}`)
    world.expect(this.#mayFailWith(error), `call ${this.id} failed with ${shown}`)
  }

  /** What must not be so at any time. */
  look(): void {
    if (this.isSettled || this.isDead || this.caller.state !== 'running') return
    const lateMs = this.#world.at - this.#dueAt
    if (lateMs <= DEADLINE_SLACK_MS || !this.#world.wasAwake(this.caller.name, this.#dueAt - DEADLINE_SLACK_MS)) return
    this.#world.violate(`call ${this.id} is ${lateMs.toFixed(1)} ms over its time`)
  }

  /** How long ago it was made. */
  get ageMs(): number {
    return this.#world.at - this.#startedAt
  }

  /** False where its caller is dead, and nobody hears of it. */
  #settles(what: string): boolean {
    if (this.isDead) return false
    const world = this.#world
    world.note(`call ${this.id} settles: ${what}`)
    world.expect(!this.isSettled, `call ${this.id} settled twice`)
    world.expect(this.caller.state === 'running', `call ${this.id} settled on a host that is ${this.caller.state}`)
    this.isSettled = true
    return true
  }

  #mayFailWith({ status, message }: RpcError): boolean {
    const { fails, depth } = this.task
    if (HONEST.includes(status) || (depth > 0 && OF_INNER_CALLS.includes(status))) return true
    if (status === 'canceled') return this.isCanceled
    if (status === 'deadline_exceeded') return this.#world.at >= this.#dueAt - 1
    return status === 'aborted' && fails && message === `${this.id}`
  }
}

/** An item of a stream: whose, the how manieth, and what makes it large. */
export interface Item {
  readonly call: number
  readonly n: number
  readonly pad: string
}

const PAD = 'x'.repeat(4000)
