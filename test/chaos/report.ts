import type { Tally } from './account.ts'

/** What a process of the chaos run tells the one that started it. */
export type Report =
  | { readonly type: 'listening'; readonly address: string }
  | { readonly type: 'ready' }
  /** So far. */
  | { readonly type: 'tally'; readonly tally: Tally }
  | { readonly type: 'violation'; readonly text: string }
  /** Of a session that took its peer for dead: how long after its last sign of life, by the watcher's clock. */
  | { readonly type: 'verdict'; readonly afterMs: number; readonly latenessMs: number }

/** What it is told. */
export type Order = { readonly type: 'stop' } | { readonly type: 'block'; readonly ms: number }

export function report(what: Report): void {
  process.send?.(what)
}

/** An order is carried out; a parent that is gone ends the process. */
export function onOrder(obey: (order: Order) => void): void {
  process.on('message', (order) => obey(order as Order))
  process.on('disconnect', () => process.exit(1))
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      report({ type: 'violation', text: `${event}: ${error instanceof Error ? error.stack : String(error)}` })
    })
  }
}
