import test from 'ava'
import fc from 'fast-check'
import { BodyFifo } from '../../src/rpc/body-fifo.ts'
import { fifoSteps } from '../support/fifo-steps.ts'

test('a BodyFifo is an array that is pushed to and shifted from, however long it grows', (t) => {
  fc.assert(
    fc.property(fifoSteps, (counts) => {
      const fifo = new BodyFifo()
      let model: Uint8Array[] = []
      for (const count of counts) {
        for (let i = 0; i < count; i++) {
          const body = new Uint8Array(1)
          fifo.push(body)
          model.push(body)
        }
        const taken = model.slice(0, Math.max(0, -count))
        model = model.slice(taken.length)
        t.true(taken.every((body) => fifo.shift() === body))
        if (count < 0 && model.length === 0) t.is(fifo.shift(), undefined)
        t.is(fifo.length, model.length)
      }
      fifo.clear()
      t.is(fifo.length, 0)
      t.is(fifo.shift(), undefined)
    }),
    { numRuns: 50 },
  )
})
