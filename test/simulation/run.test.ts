import test from 'ava'
import { type Fault, makePlan, type Step } from './plan.ts'
import { runSeed } from './run.ts'

const isFault = (step: Step): step is Extract<Step, { readonly kind: 'fault' }> => step.kind === 'fault'

test('some seeds: nothing is violated, and each leaves the same trace again', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const { violations, hash, events } = await runSeed(seed)
    t.deepEqual(violations, [], `seed ${seed}`)
    t.true(events > 10, `seed ${seed} does nothing`)
    t.is((await runSeed(seed)).hash, hash, `seed ${seed}`)
  }
})

test('every plan has ten faults and more, and together they have all kinds', (t) => {
  const kinds = new Set<Fault['kind']>()
  const schemes = new Set<string>()
  const methods = new Set<string>()
  for (let seed = 1; seed <= 200; seed++) {
    const { steps, actors } = makePlan(seed)
    const faults = steps.filter(isFault)
    t.true(faults.length >= 10)
    for (const { fault } of faults) kinds.add(fault.kind)
    for (const actor of actors) if (actor.kind === 'server') schemes.add(actor.line.scheme)
    for (const step of steps) if (step.kind === 'call') methods.add(step.task.method)
  }
  t.is(kinds.size, 11)
  t.deepEqual([...methods].toSorted(), ['echo', 'items', 'run', 'safe', 'sum', 'tell'])
  t.deepEqual([...schemes].toSorted(), ['proxied', 'tcp', 'tls', 'udp', 'ws'])
})
