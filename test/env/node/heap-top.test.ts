import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test from 'ava'

const module = new URL('../../../src/env/node/heap-top.js', import.meta.url).href

/** Prints the page faults of 12,000 chunks that die young, each with a thousand messages that are views of it. */
const PROGRAM = `
  if (process.env.KEPT) (await import(process.env.KEPT)).noteReceived(2 ** 25)
  let sum = 0
  function receive(count) {
    for (let i = 0; i < count; i++) {
      const { buffer } = Buffer.allocUnsafeSlow(65536).fill(i)
      for (let at = 0; at < 65536; at += 64) sum += new Uint8Array(buffer, at, 64)[0]
    }
  }
  receive(4000)
  const before = process.resourceUsage().minorPageFault
  receive(12000)
  console.log(process.resourceUsage().minorPageFault - before)
`

async function faults(kept: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    env: { ...process.env, KEPT: kept },
  })
  return Number(stdout)
}

test('receive buffers that died together come back from the heap, not page by page from the kernel', async (t) => {
  const usual = await faults('')
  const kept = await faults(module)
  t.log(`page faults: ${usual} without, ${kept} with the top of the heap kept`)
  // Another C library, or an environment that has set glibc's thresholds, faults little in the first place.
  t.true(kept < Math.max(usual / 2, 300))
})
