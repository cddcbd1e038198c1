import { type Address, type AddressLike, type Env, parseAddress, type StageFactory } from 'hawser'
import { type FaultyLink, faultyLink, type Faults } from 'hawser/testing'
import type { DeviceMessage, GatewayMessage } from '../device-messages.ts'

/** What lies between a simulated device and the gateway, and can be broken. */
export interface DeviceLink extends AsyncDisposable {
  /** Where the device dials. */
  readonly address: AddressLike
  /** What its messages go through. */
  readonly stages: readonly StageFactory<GatewayMessage, DeviceMessage>[]
  cut(): void
  slow(): void
  heal(): void
}

const SLOW: Faults = { latencyMs: 250, jitterMs: 150, bytesPerSecond: 4_096 }
const LOST_OF_SLOW = 0.2

const ignore = (): void => {}

/** A wire without faults: for fleets that are to be fast. */
export function plainLink(address: Address): DeviceLink {
  return { address, stages: [], cut: ignore, slow: ignore, heal: ignore, [Symbol.asyncDispose]: async () => {} }
}

/** Through a proxy of the test kit, which can be cut and slowed. */
export async function tcpLink(address: Address): Promise<DeviceLink> {
  const link: FaultyLink = await faultyLink(address)
  return {
    address: link.address,
    stages: [],
    cut: () => link.cut(),
    slow: () => link.setFaults(SLOW),
    heal() {
      link.setFaults({})
      link.heal()
    },
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  }
}

/** Datagrams may be lost and late by themselves: a stage in the device is enough. */
export function udpLink(address: Address, env: Env): DeviceLink {
  let state: 'well' | 'cut' | 'slow' = 'well'
  const pass = <T>(message: T, next: (message: T) => void): void => {
    if (state === 'well') next(message)
    else if (state === 'slow' && env.random() > LOST_OF_SLOW) env.after(lateness(env), () => next(message))
  }
  return {
    address: parseAddress(address.href),
    stages: [() => ({ inbound: pass, outbound: pass })],
    cut: () => void (state = 'cut'),
    slow: () => void (state = 'slow'),
    heal: () => void (state = 'well'),
    [Symbol.asyncDispose]: async () => {},
  }
}

function lateness(env: Env): number {
  const { latencyMs = 0, jitterMs = 0 } = SLOW
  return latencyMs + env.random() * jitterMs
}
