import { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

/** A device that the database knows. */
export interface Device {
  readonly id: string
  readonly owner: string
}

/** Stands in for a database: it answers later, and not at once to everybody. */
export class Database {
  readonly #devices = new Map<string, Device>()
  readonly #values = new Map<string, number>()
  readonly #delayMs: number

  constructor(delayMs: number) {
    this.#delayMs = delayMs
  }

  /** @param cert the device's certificate, as PEM */
  addDevice(cert: string, device: Device): void {
    this.#devices.set(new X509Certificate(cert).fingerprint256, device)
  }

  async findDevice(fingerprint: string): Promise<Device | undefined> {
    await sleep(this.#delayMs)
    return this.#devices.get(fingerprint)
  }

  async store(id: string, value: number): Promise<void> {
    await sleep(this.#delayMs)
    this.#values.set(id, value)
  }

  get size(): number {
    return this.#values.size
  }
}
