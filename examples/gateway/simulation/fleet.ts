import { type Address, type Env } from 'hawser'
import type { Fault } from '../page/messages.ts'
import type { Tokens } from '../tokens.ts'
import { type DeviceLink, plainLink, tcpLink, udpLink } from './device-link.ts'
import { Machine, MACHINE_KINDS } from './machine.ts'
import { SimulatedDevice } from './simulated-device.ts'

/** How many devices there are, and what they are like. */
export interface FleetOptions {
  readonly env: Env
  readonly tcp: Address
  readonly udp: Address
  readonly tokens: Tokens
  readonly count: number
  /** Between two reports of a device. */
  readonly intervalMs: number
  /** Whether links can be broken; those that cannot cost nothing. */
  readonly isBreakable: boolean
}

/** Of every so many devices one speaks UDP. */
const UDP_EACH = 3
/** Of every so many devices one has a bad link. */
const FLAKY_EACH = 20
const TROUBLE_EACH_MS = 9_000
const TROUBLE_MS = 14_000
const DIGITS = 3

/** Simulated devices, some of them on bad links. */
export class Fleet {
  readonly #env: Env
  readonly #devices = new Map<string, SimulatedDevice>()
  readonly #trouble: Disposable

  private constructor(env: Env, devices: readonly SimulatedDevice[]) {
    this.#env = env
    for (const device of devices) this.#devices.set(device.id, device)
    const flaky = devices.filter((_device, i) => i % FLAKY_EACH === FLAKY_EACH - 1)
    this.#trouble = env.every(TROUBLE_EACH_MS, () => this.#makeTrouble(flaky))
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const { env, tokens, count, intervalMs } = options
    const devices: SimulatedDevice[] = []
    for (let i = 0; i < count; i++) {
      const kind = MACHINE_KINDS[i % MACHINE_KINDS.length] ?? ''
      const id = `${kind}-${String(i + 1).padStart(DIGITS, '0')}`
      const link = await linkOf(i, options)
      const machine = new Machine(kind, () => env.random())
      devices.push(new SimulatedDevice({ env, id, token: tokens.issue('device', id), link, machine, intervalMs }))
    }
    return new Fleet(env, devices)
  }

  has(id: string): boolean {
    return this.#devices.has(id)
  }

  /** @throws where the fleet has no such device */
  inflict(id: string, fault: Fault): string {
    const device = this.#devices.get(id)
    if (device === undefined) throw new Error(`there is no device ${id}`)
    return device.inflict(fault)
  }

  async close(): Promise<void> {
    this.#trouble[Symbol.dispose]()
    await Promise.all(Array.from(this.#devices.values(), (device) => device.close()))
  }

  #makeTrouble(flaky: readonly SimulatedDevice[]): void {
    const device = flaky[Math.floor(this.#env.random() * flaky.length)]
    device?.inflict('cut')
    this.#env.after(TROUBLE_MS, () => device?.inflict('heal'))
  }
}

async function linkOf(i: number, { env, tcp, udp, isBreakable }: FleetOptions): Promise<DeviceLink> {
  const isUdp = i % UDP_EACH === UDP_EACH - 1
  if (!isBreakable) return plainLink(isUdp ? udp : tcp)
  return isUdp ? udpLink(udp, env) : tcpLink(tcp)
}
