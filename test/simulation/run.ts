import type { VirtualLink } from '../../src/testing/virtual-link.ts'
import { type Actor, ACTORS, type Stage } from './actors.ts'
import { type Fault, makePlan, type Plan, type Step, WINDOW_BYTES } from './plan.ts'
import type { RpcCall } from './rpc-call.ts'
import type { Watch } from './watch.ts'
import { World } from './world.ts'

/** What became of a seed. */
export interface Outcome {
  readonly seed: number
  readonly violations: readonly string[]
  /** Of all that happened: the same for the same seed. */
  readonly hash: string
  readonly events: number
  readonly messages: number
  readonly sessions: number
  /** Of RPC. */
  readonly calls: number
  readonly faults: number
  readonly lines: readonly string[] | undefined
}

/** Between two looks at everything. */
const LOOK_MS = 500
/** Looking at servers and clients adds up their sessions: not each time. */
const LOOKS_AT_ACTORS = 4
/** The most that it takes, once nothing goes wrong, until all is mended and handled. */
const CALM_MS = 20_000
/** More than any close may take. */
const END_MS = 12_000

const FAIR = { windowBytes: WINDOW_BYTES }
/** What is sent right before a close must still arrive. */
const LAST_WORDS = 3

/** Runs one seed to its end. */
export async function runSeed(seed: number, keepLines = false): Promise<Outcome> {
  const run = new Run(makePlan(seed), keepLines)
  return run.run()
}

class Run {
  readonly #plan: Plan
  readonly #world: World
  readonly #actors: readonly Actor[]
  readonly #undo = new Set<() => void>()
  readonly #watches: Watch[] = []
  readonly #calls: RpcCall[] = []
  #looks = 0

  constructor(plan: Plan, keepLines: boolean) {
    this.#plan = plan
    const world = new World(plan.seed, keepLines)
    this.#world = world
    const stage: Stage = { world, plan, watches: this.#watches, calls: this.#calls }
    this.#actors = plan.actors.map((actor, index) => ACTORS[actor.kind](stage, actor as never, index))
  }

  async run(): Promise<Outcome> {
    const world = this.#world
    world.env.network.setFaults(FAIR)
    for (const actor of this.#actors) actor.start(world.env.host(actor.plan.host))
    for (const step of this.#plan.steps) {
      await this.#advanceTo(step.at)
      this.#take(step)
    }
    await this.#advanceTo(this.#plan.calmAt)
    this.#calm()
    await this.#advanceUntil(CALM_MS, () => this.#isCalm() && this.#underWay.length === 0)
    for (const what of this.#underWay) world.violate(what) // before more is sent, which might bring the rest along
    this.#prove()
    await this.#advanceUntil(CALM_MS, () => this.#isCalm())
    for (const actor of this.#actors) actor.checkCalm((what) => world.violate(what))
    for (const actor of this.#actors.toReversed()) actor.close()
    await this.#advanceUntil(END_MS, () => world.env.timers === 0 && world.unsettled.length === 0)
    this.#checkEnd()
    const { violations, trace } = world
    return {
      seed: this.#plan.seed,
      violations,
      hash: trace.hash,
      events: trace.events,
      messages: this.#watches.reduce((sum, { received }) => sum + received, 0),
      sessions: this.#watches.length,
      calls: this.#calls.length,
      faults: this.#plan.faultCount,
      lines: trace.lines,
    }
  }

  async #advanceTo(at: number): Promise<void> {
    const world = this.#world
    while (world.at < at) {
      await world.advance(Math.min(LOOK_MS, at - world.at))
      this.#look()
    }
  }

  async #advanceUntil(mostMs: number, holds: () => boolean): Promise<void> {
    const endAt = this.#world.at + mostMs
    do await this.#advanceTo(this.#world.at + LOOK_MS)
    while (this.#world.at < endAt && !holds())
  }

  #look(): void {
    for (const watch of this.#watches) watch.look()
    if (this.#looks++ % LOOKS_AT_ACTORS === 0) for (const actor of this.#actors) actor.check()
  }

  /** Whoever should be connected is, and has got everything. */
  #isCalm(): boolean {
    let complaints = 0
    for (const actor of this.#actors) actor.checkCalm(() => complaints++)
    return complaints === 0
  }

  // ── Deeds ─────────────────────────────────────────────────────────────────────────────────────────────────

  #take(step: Step): void {
    if (step.kind === 'fault') return this.#fail(step.fault)
    const actor = this.#actors[step.actor] as Actor
    if (actor.host.state !== 'running') return
    if (step.kind === 'call' || step.kind === 'part') return actor.perform?.(step)
    if (step.kind === 'speak') return actor.broadcast?.(0)
    if (step.kind === 'send' && step.how === 'broadcast' && actor.broadcast !== undefined) {
      for (let i = 0; i < step.count; i++) actor.broadcast(step.bytes)
      return
    }
    const open = actor.sessions.filter(({ isOpen }) => isOpen)
    const watch = open[step.pick % open.length]
    if (watch === undefined) return
    this.#world.note(`#${watch.id} is to ${step.kind}`)
    switch (step.kind) {
      case 'send':
        return this.#send(watch, step)
      case 'hush':
        watch.pause()
        return this.#later(step.forMs, () => watch.resume())
      case 'close':
        for (let i = 0; i < LAST_WORDS; i++) watch.send(20 + i)
        return watch.close()
      case 'destroy':
        return watch.destroy()
    }
  }

  #send(watch: Watch, { how, count, bytes }: Extract<Step, { readonly kind: 'send' }>): void {
    if (how === 'sendAll') return watch.sendAll(count, bytes)
    for (let i = 0; i < count; i++) {
      if (how === 'deliver' && i % 4 === 0) watch.deliver(bytes)
      else watch.send(bytes)
    }
    if (how === 'drained') watch.drained()
  }

  // ── Faults ────────────────────────────────────────────────────────────────────────────────────────────────

  #fail(fault: Fault): void {
    const { env } = this.#world
    const { network } = env
    this.#world.note(`fault ${JSON.stringify(fault)}`)
    switch (fault.kind) {
      case 'weather':
        return network.setFaults(fault.faults)
      case 'cut':
        network.cut()
        return this.#troubled(undefined, fault.forMs, () => network.heal())
      case 'reset':
        return network.reset()
      case 'refuse-dials':
      case 'ignore-dials':
        network.setFaults({ ...FAIR, dials: fault.kind === 'refuse-dials' ? 'refuse' : 'ignore' })
        return this.#troubled(undefined, fault.forMs, () => {
          network.setFaults(FAIR)
          network.heal()
        })
      case 'cut-link':
        return this.#withLink(fault.pick, (link) => {
          link.cut()
          this.#troubled(undefined, fault.forMs, () => link.heal())
        })
      case 'reset-link':
        return this.#withLink(fault.pick, (link) => link.reset())
      case 'pause':
      case 'unplug':
      case 'kill':
      case 'power-off':
        return this.#failHost(fault.kind, fault.host, fault.forMs)
    }
  }

  #failHost(kind: 'pause' | 'unplug' | 'kill' | 'power-off', name: string, forMs: number): void {
    const host = this.#actors.find(({ plan }) => plan.host === name)?.host
    if (host === undefined || host.state === 'killed') return
    if (kind === 'pause') {
      host.pause()
      return this.#troubled(name, forMs, () => host.resume(), true)
    }
    if (kind === 'unplug') {
      host.unplug()
      return this.#troubled(name, forMs, () => host.plug())
    }
    host.kill({ silent: kind === 'power-off' })
    this.#troubled(name, forMs, () => this.#restart(name))
  }

  #restart(name: string): void {
    const host = this.#world.env.host(name)
    for (const actor of this.#actors) if (actor.plan.host === name && actor.host !== host) actor.start(host)
  }

  #withLink(pick: number, run: (link: VirtualLink) => void): void {
    const { links } = this.#world.env.network
    const link = links[pick % links.length]
    if (link !== undefined) run(link)
  }

  /** @param host whose trouble it is; undefined: it may be anybody's */
  #troubled(host: string | undefined, forMs: number, mend: () => void, isSleep = false): void {
    const over = this.#world.trouble(host, isSleep)
    this.#later(forMs, () => {
      mend()
      over()
    })
  }

  /** In the world's own time; or when the calm begins. */
  #later(ms: number, run: () => void): void {
    const once = () => {
      if (this.#undo.delete(once)) run()
    }
    this.#undo.add(once)
    this.#world.env.setTimer(ms, once)
  }

  #calm(): void {
    const { env } = this.#world
    this.#world.note('the calm begins')
    for (const undo of this.#undo) undo()
    env.network.setFaults({ ...FAIR, latencyMs: 5 })
    env.network.heal()
    for (const actor of this.#actors) if (actor.plan.kind === 'stranger') actor.close()
  }

  // ── The end ───────────────────────────────────────────────────────────────────────────────────────────────

  /** One message from each side: who holds a dead end finds out, and who is alive has all. */
  #prove(): void {
    for (const watch of this.#watches) if (watch.isOpen) watch.send(1)
  }

  /** What has not arrived, between sessions of which both are open. */
  get #underWay(): readonly string[] {
    return this.#watches.flatMap((watch) => {
      const { peer, id, received } = watch
      if (peer === undefined || !watch.isReliable || !watch.isOpen || !peer.isOpen || peer.peer !== watch) return []
      return received === peer.sent ? [] : `#${id} got ${received} of ${peer.sent}, and nothing is wrong any more`
    })
  }

  #checkEnd(): void {
    const world = this.#world
    const { env } = world
    for (const actor of this.#actors) actor.checkEnd()
    for (const watch of this.#watches) watch.checkEnd()
    for (const what of world.unsettled) world.violate(`never settled: ${what}`)
    world.expect(env.timers === 0, `${env.timers} timers are left`)
    const { length } = env.network.links
    world.expect(length === 0, `${length} links are left`)
    for (const { level, message } of env.logs) world.expect(level !== 'error', `logged: ${message}`)
  }
}
