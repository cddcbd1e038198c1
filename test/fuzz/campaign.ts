import { getHeapStatistics } from 'node:v8'
import { Random } from '../../src/testing/random.ts'
import type { FuzzTarget } from './fuzz-target.ts'
import { mutate } from './mutator.ts'

/** What did not hold, and all that it takes to see it again. */
export interface Violation {
  readonly target: string
  readonly seed: number
  readonly input: Uint8Array
  readonly error: Error
}

/** What was done. */
export interface CampaignReport {
  readonly target: string
  readonly executions: number
  /** Different fates that inputs met. */
  readonly fates: number
  readonly violation: Violation | undefined
}

/** Who watches from outside: told of each input before it is tried, so that one which hangs can be named. */
export type Watch = (seed: number, input: Uint8Array) => void

/** One input may take so much memory, beside a multiple of its size: a length that is announced must cost nothing. */
const MEMORY_BYTES = 16 * 1024 * 1024
const MEMORY_PER_BYTE = 1_000
/** A pause of the machine may be as long, but not three times with the same input. */
const SLOW_MS = 1_000
const ATTEMPTS = 3
const MAX_POOL = 2_000
const SHRINK_TRIES = 3_000

/** Tries inputs for `durationMs`, or until something does not hold. */
export async function runCampaign(
  target: FuzzTarget,
  durationMs: number,
  seed: number,
  watch: Watch = () => undefined,
): Promise<CampaignReport> {
  const { corpus, tokens = [] } = target
  const pool = [...corpus]
  const fates = new Set<string>()
  const deadline = performance.now() + durationMs
  let executions = 0
  await target.open?.()
  try {
    while (executions < corpus.length || performance.now() < deadline) {
      const inputSeed = seed + executions
      const random = new Random(inputSeed)
      const input = corpus[executions] ?? mutate(random, pool, tokens)
      executions++
      watch(inputSeed, input)
      const outcome = await attempt(target, inputSeed, input)
      if (outcome instanceof Error) {
        const smallest = await shrink(target, inputSeed, input, watch)
        const violation = { target: target.name, seed: inputSeed, ...smallest }
        return { target: target.name, executions, fates: fates.size, violation }
      }
      if (fates.has(outcome) || fates.size === MAX_POOL) continue
      fates.add(outcome)
      pool.push(input)
    }
  } finally {
    await target.close?.()
  }
  return { target: target.name, executions, fates: fates.size, violation: undefined }
}

/** One input, as `--input` gives it. */
export async function replay(target: FuzzTarget, seed: number, input: Uint8Array): Promise<string> {
  await target.open?.()
  try {
    const outcome = await attempt(target, seed, input)
    if (outcome instanceof Error) throw outcome
    return outcome
  } finally {
    await target.close?.()
  }
}

/** The fate of the input, or what did not hold. */
async function attempt(target: FuzzTarget, seed: number, input: Uint8Array): Promise<string | Error> {
  const allowedBytes = MEMORY_BYTES + MEMORY_PER_BYTE * input.length
  let fate = ''
  for (let tries = 1; ; tries++) {
    const before = usedBytes()
    const started = performance.now()
    try {
      // The seed of the input made it, too: what cuts it is another row of numbers.
      fate = await target.check(Uint8Array.from(input), new Random(~seed >>> 0))
    } catch (error) {
      return error instanceof Error ? error : new Error(`threw ${String(error)}`)
    }
    const tookMs = performance.now() - started
    const tookBytes = usedBytes() - before
    if (tookMs <= SLOW_MS && tookBytes <= allowedBytes) return fate
    if (tries < ATTEMPTS) continue
    return new Error(`took ${Math.round(tookMs)} ms and ${tookBytes} bytes for ${input.length} bytes of input`)
  }
}

function usedBytes(): number {
  const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics()
  return heapBytes + externalBytes
}

/** The smallest input found that still violates something, by leaving out parts of it: halves first, single bytes last. */
async function shrink(
  target: FuzzTarget,
  seed: number,
  input: Uint8Array,
  watch: Watch,
): Promise<{ readonly input: Uint8Array; readonly error: Error }> {
  let smallest = input
  let error = new Error('it did not happen a second time')
  const again = await attempt(target, seed, input)
  if (!(again instanceof Error)) return { input, error }
  error = again
  let tries = 0
  for (let part = Math.ceil(input.length / 2); part >= 1; part = part === 1 ? 0 : Math.ceil(part / 2)) {
    for (let at = 0; at < smallest.length && tries < SHRINK_TRIES; tries++) {
      const shorter = Uint8Array.from([...smallest.subarray(0, at), ...smallest.subarray(at + part)])
      watch(seed, shorter)
      const outcome = await attempt(target, seed, shorter)
      if (outcome instanceof Error) {
        smallest = shorter
        error = outcome
      } else at += part
    }
  }
  return { input: smallest, error }
}
