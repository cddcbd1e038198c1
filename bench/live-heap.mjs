/** About 16 MiB on V8's heap. */
const OBJECTS = 180_000

/**
 * What a program of some size keeps in memory. With less than 8 MiB of old objects V8 collects only what is young; just
 * above, receive buffers make it mark all that lives again and again, which doubles what a message of 64 KiB costs
 * whoever stands there (docs/benchmarks-notes.md).
 */
export const liveHeap = Array.from({ length: OBJECTS }, (_, number) => ({ number, next: [number] }))
