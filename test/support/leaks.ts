import { setTimeout as delay } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'

/** What keeps or could keep a process busy: sockets, servers, timers that are not unref'd. */
export function resources(): string[] {
  return process.getActiveResourcesInfo().toSorted()
}

/** The resources are those of `before` again, after the few turns that closing takes. */
export async function noLeaks(t: ExecutionContext, before: readonly string[]): Promise<void> {
  for (let turn = 0; turn < 200 && resources().length > before.length; turn++) await delay(5)
  const left = resources()
  for (const kind of before) {
    const at = left.indexOf(kind)
    if (at >= 0) left.splice(at, 1) // what was there before may have ended meanwhile
  }
  t.deepEqual(left, [], 'sockets, servers or timers were left behind')
}
