import type { Readings } from '../page/messages.ts'

/** What is measured of a kind of machine: where a value begins, how far it wanders, and between which bounds. */
interface Measure {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly step: number
}

const TEMPERATURE: Measure = { name: 'temperature', from: 15, to: 95, step: 0.8 }
const KINDS: Readonly<Record<string, readonly Measure[]>> = {
  pump: [{ name: 'pressure', from: 1, to: 9, step: 0.1 }, { name: 'flow', from: 0, to: 120, step: 2 }, TEMPERATURE],
  tank: [{ name: 'level', from: 0, to: 100, step: 0.5 }, TEMPERATURE],
  winch: [
    { name: 'load', from: 0, to: 40, step: 1 },
    { name: 'speed', from: -2, to: 2, step: 0.1 },
  ],
  lamp: [{ name: 'power', from: 0, to: 60, step: 1 }, TEMPERATURE],
}

/** Names of machines, by which their kind is known. */
export const MACHINE_KINDS: readonly string[] = Object.keys(KINDS)

/** Something that runs, is measured, and can be told what to do. */
export class Machine {
  readonly #measures: readonly Measure[]
  readonly #random: () => number
  readonly #values: number[]
  #isOn = true

  constructor(kind: string, random: () => number) {
    this.#measures = KINDS[kind] ?? [TEMPERATURE]
    this.#random = random
    this.#values = this.#measures.map(({ from, to }) => from + (to - from) * (0.25 + 0.35 * random()))
  }

  /** A little other each time, as things are. */
  measure(): Readings {
    const readings: Record<string, number> = {}
    for (const [i, { name, from, to, step }] of this.#measures.entries()) {
      const drift = this.#isOn ? (this.#random() - 0.5) * 2 * step : -step // off: it cools down and comes to rest
      const value = Math.min(to, Math.max(from, (this.#values[i] ?? from) + drift))
      this.#values[i] = value
      readings[name] = Math.round(value * 100) / 100
    }
    return readings
  }

  /** @returns what it answers, or undefined for what it does not understand */
  obey(command: string): string | undefined {
    switch (command) {
      case 'on':
      case 'off':
        this.#isOn = command === 'on'
        return `is ${command} now`
      case 'status':
        return `${this.#isOn ? 'on' : 'off'}: ${this.#status}`
      default:
        return undefined
    }
  }

  get #status(): string {
    return this.#measures.map(({ name }, i) => `${name} ${(this.#values[i] ?? 0).toFixed(1)}`).join(', ')
  }
}
