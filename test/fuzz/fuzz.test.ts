import test from 'ava'
import { netstring } from '../../codecs/framing/netstring.ts'
import { replay, runCampaign } from './campaign.ts'
import { ascii, type FuzzTarget, hexOf } from './fuzz-target.ts'
import { targets } from './targets.ts'

const SHORT_MS = 100
/** The same in each run of the suite; `npm run fuzz` takes others. */
const SEED = 1

for (const target of targets) {
  test.serial(`${target.name}: nothing that comes breaks a promise`, async (t) => {
    const { violation, executions } = await runCampaign(target, SHORT_MS, SEED)
    t.true(executions >= target.corpus.length && target.corpus.length > 0)
    const again = violation && `npm run fuzz -- --target ${target.name} --seed ${violation.seed} --input`
    t.is(violation, undefined, violation && `${violation.error.message}\n  ${again} ${hexOf(violation.input)}`)
  })
}

test('names of targets are different', (t) => {
  t.is(new Set(targets.map(({ name }) => name)).size, targets.length)
})

/** A parser with a mistake that one input in many shows. */
function planted(check: FuzzTarget['check']): FuzzTarget {
  return { name: 'planted', corpus: [ascii('2:hi,0:,')], tokens: [ascii(':')], check }
}

test.serial('a planted mistake is found, made small, and seen again by its seed and input', async (t) => {
  const target = planted((input) => {
    const text = Buffer.from(input).toString('latin1')
    if (text.includes('::')) throw new Error('two colons')
    return text.includes(',,') ? 'commas' : 'fine'
  })
  const { violation } = await runCampaign(target, 20_000, 1)
  t.is(violation?.error.message, 'two colons')
  if (violation === undefined) return
  t.is(Buffer.from(violation.input).toString(), '::')
  await t.throwsAsync(replay(target, violation.seed, violation.input), { message: 'two colons' })
  t.is(await replay(target, 1, ascii('2:hi,')), 'fine')
})

test.serial('memory for what was only announced is a violation, and so are errors that have no code', async (t) => {
  const kept: Uint8Array[] = []
  const greedy = planted((input) => {
    kept.push(new Uint8Array(input.length > 0 ? 100_000_000 : 0))
    return ''
  })
  const { violation } = await runCampaign(greedy, 5_000, 1)
  t.regex(violation?.error.message ?? '', /bytes of input/)
  const [framing] = targets.filter(({ name }) => name === 'framing/netstring')
  t.truthy(framing)
  const careless: FuzzTarget = planted(() => {
    netstring()().next(undefined as never)
    return ''
  })
  const found = await runCampaign(careless, 5_000, 1)
  t.true(found.violation?.error instanceof TypeError)
})
