import { linkSync, lstatSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import type { Env } from '../../core/env.ts'
import { codeOf } from './system-error.ts'

/** Taking over needs two turns and a connect to a dead socket: whoever holds the lock for so long died with it. */
const LOCK_MS = 5_000
/** Between two looks at a lock that somebody holds. */
const LOOK_MS = 20

let names = 0

/** Which file it is, whatever its name: undefined where there is none. */
export function fileAt(path: string): string | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found === undefined ? undefined : `${found.dev}:${found.ino}`
}

/**
 * Runs `close`, which removes whatever is at `path`, as libuv does with the name that it bound: a file that is not `own`
 * is there afterwards, too.
 */
export function sparing(path: string, own: string | undefined, close: () => void): void {
  const found = fileAt(path)
  const aside = found === undefined || found === own ? undefined : nameBeside(path)
  try {
    if (aside !== undefined) linkSync(path, aside)
  } catch {
    return close() // no hard links here: nothing can be spared
  }
  close()
  if (aside === undefined) return
  try {
    linkSync(aside, path)
  } catch {
    // A third one has bound the name meanwhile.
  }
  removeIfThere(aside)
}

/**
 * Runs `takeOver` while no other process does for this path: of two that find a socket of a dead process, the second one
 * must not remove what the first one has bound since. Held for more than `LOCK_MS` or by a dead process, the lock is void.
 */
export async function exclusively<T>(path: string, env: Env, takeOver: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  while (!take(lock)) {
    breakIfVoid(lock)
    await new Promise<void>((resolve) => env.setTimer(LOOK_MS, resolve, true))
  }
  const own = fileAt(lock)
  try {
    return await takeOver()
  } finally {
    if (fileAt(lock) === own) removeIfThere(lock)
  }
}

/** The lock appears with its content, and only if there is none. */
function take(lock: string): boolean {
  const mine = nameBeside(lock)
  writeFileSync(mine, ownerOf(process.pid, threadId), { flag: 'wx', mode: 0o600 })
  try {
    linkSync(mine, lock)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    removeIfThere(mine)
  }
}

/** Moved away first: of several that find it void only one has it in hand, and sees whether it still is. */
function breakIfVoid(lock: string): void {
  if (!isVoid(lock)) return
  const aside = nameBeside(lock)
  try {
    renameSync(lock, aside)
    if (!isVoid(aside)) linkSync(aside, lock) // a new one: back with it
  } catch {
    // Somebody else was faster.
  }
  removeIfThere(aside)
}

function isVoid(lock: string): boolean {
  try {
    if (Date.now() - statSync(lock).mtimeMs > LOCK_MS) return true
    return !isAlive(Number.parseInt(readFileSync(lock, 'latin1'), 10))
  } catch {
    return false // it is gone: the next try to take it tells
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function ownerOf(pid: number, thread: number): string {
  return `${pid} ${thread}\n`
}

function nameBeside(path: string): string {
  return `${path}.${process.pid}-${threadId}-${++names}`
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Somebody removed it already.
  }
}
