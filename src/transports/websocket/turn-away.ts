import type { Connection } from '../../core/connection.ts'
import type { Env } from '../../core/env.ts'

/** How long who was refused is read on, so that it reads the answer before we are gone. */
const LINGER_MS = 2000

/** Answers and ends; what still comes is read and forgotten, or the answer would be lost in a reset. @param gone it is closed */
export function turnAway(env: Env, link: Connection, answer: Uint8Array, gone: () => void): void {
  const linger = env.setTimer(LINGER_MS, () => link.destroy())
  link.attach({
    onChunk() {},
    onActivity() {},
    onEnd() {},
    onClose() {
      linger.cancel()
      gone()
    },
  })
  link.write(answer)
  link.end()
}
