import test from 'ava'
import { replay } from './campaign.ts'
import { targets } from './targets.ts'

/** Inputs that once broke a promise, as `npm run fuzz` printed them; a new one is one line. */
const REGRESSIONS: readonly { readonly target: string; readonly seed: number; readonly input: string }[] = [
  // A header that is bad and behind the limit: which error ends the stream is the cut's choice.
  { target: 'framing/resp', seed: 2_043_151_769, input: '2a320d0a24340d0d' },
]

for (const { target: name, seed, input } of REGRESSIONS) {
  test(`${name} takes ${input}`, async (t) => {
    const [target] = targets.filter((one) => one.name === name)
    if (target === undefined) return t.fail(`no target ${name}`)
    await t.notThrowsAsync(replay(target, seed, Buffer.from(input, 'hex')))
  })
}
