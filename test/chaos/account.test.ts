import test from 'ava'
import { added, messageOf, NO_TALLY, Sequence } from './account.ts'

test('messages in order are right; lost, doubled, changed, swapped and foreign ones are told', (t) => {
  const sequence = new Sequence()
  for (let number = 1; number <= 100; number++) t.is(sequence.next(messageOf('a', number)), undefined)
  t.is(sequence.next(messageOf('a', 102)), 'message 102 of a instead of 101')
  t.is(sequence.next(messageOf('a', 100)), 'message 100 of a again, after 100')
  t.is(sequence.next(messageOf('b', 101)), 'a message of b in a')
  t.is(sequence.next(`${messageOf('a', 101)}x`), 'message 101 of a is not what was sent')
  t.is(sequence.next('nonsense'), 'a message of nonsense in a')
  t.is(sequence.next(messageOf('a', 101)), undefined)
})

test('a sequence begins with its first message', (t) => {
  t.is(new Sequence().next(messageOf('a', 2)), 'message 2 of a instead of 1')
})

test('tallies add up, causes by name', (t) => {
  const one = { arrived: 1, failed: 2, unknown: 3, causes: { local: 1 } }
  t.deepEqual(added(one, NO_TALLY), one)
  t.deepEqual(added(one, { arrived: 4, failed: 5, unknown: 6, causes: { local: 1, remote: 2 } }), {
    arrived: 5,
    failed: 7,
    unknown: 9,
    causes: { local: 2, remote: 2 },
  })
})
