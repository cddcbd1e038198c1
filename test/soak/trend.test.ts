import test from 'ava'
import { Random } from '../../src/testing/random.ts'
import { trendOf } from './trend.ts'

test('a leak shows through the noise, and noise is no leak', (t) => {
  const random = new Random(1)
  const points = (slope: number) =>
    Array.from({ length: 20 }, (_, at) => ({ work: at * 1000, value: 5_000_000 + slope * at + random.below(20_000) }))
  const leaking = trendOf(points(5_000))
  t.true(leaking.slope * 1000 > 4_000 && leaking.slope > 3 * leaking.standardError)
  const steady = trendOf(points(0))
  t.true(Math.abs(steady.slope) < 3 * steady.standardError)
  t.is(trendOf([0, 1, 2].map((work) => ({ work, value: 2 * work + 1 }))).slope, 2)
  t.throws(() => trendOf([]))
})
