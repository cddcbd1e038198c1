import { type } from 'hawser/codecs'
import { method, oneWay, serverStream, service } from 'hawser/rpc'
import { z } from 'zod'
import { DEVICE_NAME } from './device-messages.ts'
import { FaultSchema } from './operator-messages.ts'
import type { DeviceView, Readings } from './page/messages.ts'

/** A report as services read it. */
export interface Report {
  readonly device: string
  readonly readings: Readings
}

/** Who a service is. */
const Introduction = z.object({
  name: z.string().regex(DEVICE_NAME),
  token: z.string().max(64),
  /** Whether people may ask it: `@name question`. */
  answers: z.boolean(),
  /** Whether it can do something to the links of devices. */
  simulates: z.boolean(),
})

/** What the gateway serves to whoever has introduced itself. */
export const Gateway = service('gateway', {
  devices: method<void, readonly DeviceView[]>(),
  /** Resolves with the device's answer; `failed_precondition` where there is none, and why. */
  command: method({ input: z.object({ device: z.string(), text: z.string().min(1).max(200) }), output: z.string() }),
  /**
   * Reports from now on, of one device or of all. None is left out: a reader that falls too far behind is told so, by
   * `resource_exhausted`. Ends when the gateway goes down and all that it has accepted was read.
   */
  reports: serverStream({ input: z.object({ device: z.string().optional() }), output: type<Report>() }),
  /** Shown to everybody. */
  announce: oneWay({ input: z.string().min(1).max(300) }),
})

/** What a service serves to the gateway, which calls `introduce` first. */
export const Attached = service('attached', {
  introduce: method({ input: type<void>(), output: Introduction }),
  ask: method({ input: z.string(), output: z.string() }),
})

/** What the simulation serves beside that. */
export const Simulation = service('simulation', {
  inflict: method({ input: z.object({ device: z.string(), fault: FaultSchema }), output: z.string() }),
})
