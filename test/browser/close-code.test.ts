import test from 'ava'
import { receivedReason, sendableCode } from '../../src/browser/close-code.ts'
import { sendableText } from '../../src/core/close-code.ts'

test('a page may say 1000 and 3000 to 4999; the protocol’s own codes leave as 4001 to 4999, anything else as 4008', (t) => {
  t.is(sendableCode(), 1000)
  for (const allowed of [1000, 3000, 4000, 4999]) t.is(sendableCode(allowed), allowed)
  t.deepEqual([1001, 1002, 1007, 1008, 1009, 1011].map(sendableCode), [4001, 4002, 4007, 4008, 4009, 4011])
  for (const other of [0, 403, 999, 2000, 2999, 5000, 65_535, -1, NaN]) t.is(sendableCode(other), 4008)
})

test('RFC 6455 section 5.5: a reason has at most 123 bytes, and ends with a whole character', (t) => {
  t.is(sendableText(''), '')
  t.is(sendableText('x'.repeat(123)), 'x'.repeat(123))
  t.is(sendableText('x'.repeat(124)), 'x'.repeat(123))
  t.is(sendableText('é'.repeat(100)), 'é'.repeat(61))
  t.is(sendableText('€'.repeat(100)), '€'.repeat(41))
  t.is(sendableText('🚢'.repeat(100)), '🚢'.repeat(30))
})

test('RFC 6455 section 7.1.5: 1005 is no code', (t) => {
  t.deepEqual(receivedReason(1005, ''), {})
  t.deepEqual(receivedReason(4001, 'enough'), { code: 4001, text: 'enough' })
})
