/** About 16 MiB on V8's heap. */
const OBJECTS = 180_000

/**
 * What a program of some size keeps in memory. Below 8 MiB of live objects V8 collects only what is young; just above it
 * each 24 MiB of buffers start marking all that lives, which doubled what a message of 64 KiB cost whoever stood there: the
 * sessions of Hawser, whose code is more than a baseline's, and a baseline that held 3 MiB of objects just as well.
 */
export const liveHeap = Array.from({ length: OBJECTS }, (_, number) => ({ number, next: [number] }))
