import test from 'ava'
import fc from 'fast-check'
import { backoffMs, patientMs } from '../../src/core/backoff.ts'

const BACKOFF = { initialMs: 100, maxMs: 30_000 }
const ALMOST_ONE = 1 - Number.EPSILON

test('the bound of the delay doubles with each failure, up to maxMs', (t) => {
  const bounds = [1, 2, 3, 4, 8, 9, 10, 2_000].map((failures) => backoffMs(failures, BACKOFF, ALMOST_ONE))
  t.deepEqual(bounds, [100, 200, 400, 800, 12_800, 25_600, 30_000, 30_000])
  t.is(backoffMs(0, BACKOFF, ALMOST_ONE), 100) // a stable session was lost
})

test('full jitter: any delay from 0 to the bound', (t) => {
  fc.assert(
    fc.property(fc.nat(5_000), fc.double({ min: 0, max: ALMOST_ONE, noNaN: true }), (failures, random) => {
      const delayMs = backoffMs(failures, BACKOFF, random)
      return Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= 30_000
    }),
  )
  t.is(backoffMs(5, BACKOFF, 0), 0)
  t.is(backoffMs(5, BACKOFF, 0.5), 800)
})

test('a peer that refuses is left alone for at least half of maxMs', (t) => {
  t.is(patientMs(BACKOFF, 0), 15_000)
  t.is(patientMs(BACKOFF, ALMOST_ONE), 30_000)
})
