import type { EndpointStats } from '../../core/stats.ts'

/** A broadcast as it goes from worker to primary to workers: bytes all the way, so that its size is known. */
export interface BroadcastMessage {
  readonly hawser: 'broadcast'
  /** 'body': encoded by the codec. 'message': by structured clone, to be encoded by the receiver. */
  readonly form: 'body' | 'message'
  readonly bytes: Uint8Array
  readonly text: boolean
  readonly skipSlow: boolean
}

/** What a worker tells the primary. */
export type WorkerMessage =
  | BroadcastMessage
  /** Its `main` has given a server. */
  | { readonly hawser: 'ready'; readonly addresses: readonly string[] }
  /** Its `main` has not; `code` where it was a HawserError. */
  | { readonly hawser: 'failed'; readonly text: string; readonly code: string | undefined }
  /** Every so often, and last before it ends. */
  | { readonly hawser: 'stats'; readonly stats: EndpointStats }

/** What the primary tells a worker. */
export type PrimaryMessage = BroadcastMessage | { readonly hawser: 'close'; readonly timeoutMs: number }

/** Processes may have messages of their own: ours are told apart by `hawser`. */
export function isOurs(message: unknown): message is { readonly hawser: string } {
  return typeof message === 'object' && message !== null && 'hawser' in message
}
