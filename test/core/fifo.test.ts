import test from 'ava'
import fc from 'fast-check'
import { Fifo } from '../../src/core/fifo.ts'
import { fifoSteps } from '../support/fifo-steps.ts'

test('a Fifo is an array that is pushed to and shifted from, however long it grows', (t) => {
  fc.assert(
    fc.property(fifoSteps, (counts) => {
      const fifo = new Fifo<number>()
      const model: number[] = []
      let next = 0
      for (const count of counts) {
        for (let i = 0; i < count; i++) {
          fifo.push(next)
          model.push(next++)
        }
        for (let i = 0; i > count; i--) t.is(fifo.shift(), model.shift())
        t.is(fifo.length, model.length)
        t.is(fifo.first, model[0])
        t.is(fifo.last, model.at(-1))
        t.is(fifo.at(5), model[5])
      }
    }),
    { numRuns: 50 },
  )
})
