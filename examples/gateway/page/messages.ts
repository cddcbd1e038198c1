// What the gateway and its page say to each other: types only, and none of Node's, so that the page is checked as a browser's.

/** What a page may send. A ticket comes back with the result. */
export type Wish =
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'command'; readonly ticket: number; readonly device: string; readonly text: string }
  | { readonly type: 'fault'; readonly ticket: number; readonly device: string; readonly fault: Fault }

/** What can be done to the link of a simulated device. */
export type Fault = 'cut' | 'slow' | 'flood' | 'heal'

/** What pages are told. */
export type News =
  | Welcome
  | Snapshot
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'result'; readonly ticket: number; readonly ok: boolean; readonly text: string }

/** The first of it. */
export interface Welcome {
  readonly type: 'welcome'
  readonly name: string
  readonly samples: readonly Sample[]
  readonly entries: readonly Entry[]
}

/** All that a page shows, anew each second: who misses some has missed nothing once the next one comes. */
export interface Snapshot {
  readonly type: 'snapshot'
  readonly sample: Sample
  readonly devices: readonly DeviceView[]
  /** With the number of snapshots that each page was too slow for. */
  readonly operators: readonly { readonly name: string; readonly skipped: number }[]
  readonly services: readonly string[]
}

/** What the plots draw: a moment, and the second before it. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly sessions: { readonly tcp: number; readonly udp: number; readonly pages: number; readonly services: number }
  /** Messages a second. */
  readonly received: number
  readonly sent: number
  readonly queuedBytes: number
  /** Between ping and pong; absent where no pong came. */
  readonly latencyMs?: { readonly median: number; readonly p99: number } | undefined
  /** Share of one core, and bytes, of the gateway's process. */
  readonly cpu: number
  readonly residentBytes: number
  readonly heapBytes: number
}

/** A device as pages and services see it. */
export interface DeviceView {
  readonly id: string
  readonly via: 'tcp' | 'tls' | 'udp'
  readonly protocol: Protocol
  readonly state: 'here' | 'gone'
  /** Milliseconds since it is in this state. */
  readonly forMs: number
  /** Reports accepted in the last second. */
  readonly rate: number
  readonly readings: Readings
  /** Between our last ping and its pong, or as long as it is out if that is longer; absent while there was none. */
  readonly latencyMs?: number | undefined
  /** Bytes that wait at the gateway: received and not handled yet, or sent and not taken yet. */
  readonly queuedBytes: number
  /** Reports that never came, as their numbers tell, or that had to be dropped. */
  readonly lost: number
}

/** What a device speaks. */
export type Protocol = 'protobuf' | 'lines'

/** Values by what was measured. */
export type Readings = Readonly<Record<string, number>>

/** A line of what happens, for everybody. */
export interface Entry {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly kind: 'said' | 'answer' | 'notice' | 'alarm'
  /** Who said it; absent for what the gateway says itself. */
  readonly from?: string | undefined
  readonly text: string
}
