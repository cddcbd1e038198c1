import test from 'ava'
import {
  badMessage,
  badOption,
  describe,
  frameTooLarge,
  HawserError,
  isHawserError,
  refused,
} from '../../src/core/errors.ts'

test('an error has its code, its name and the data of its code as properties', (t) => {
  const error = frameTooLarge(2000, 1000)
  t.true(error instanceof Error)
  t.is(error.code, 'ERR_FRAME_TOO_LARGE')
  t.is(String(error), 'HawserError: frame of 2000 B exceeds maxFrameBytes (1000 B)')
  if (isHawserError(error, 'ERR_FRAME_TOO_LARGE')) t.deepEqual([error.frameBytes, error.limitBytes], [2000, 1000])
  else t.fail()
  t.is((badOption('a.b', 'is odd') as HawserError & { option: string }).option, 'a.b')
  t.is((refused('full', { status: 503 }) as HawserError & { status: number }).status, 503)
})

test('a cause is there when it was given, whatever it is', (t) => {
  t.false('cause' in badMessage('plain'))
  t.is(badMessage('wrapped', 0).cause, 0)
  t.true('cause' in refused('no', { cause: undefined }))
  t.false(new HawserError('ERR_TLS', 'x').retryable)
  t.true(new HawserError('ERR_TLS', 'x', { retryable: true }).retryable)
})

test('errors are recognised by their mark, so also those of another copy of the package', (t) => {
  const foreign = Object.assign(new Error('theirs'), { code: 'ERR_TLS', [Symbol.for('hawser.error')]: true })
  t.true(isHawserError(foreign))
  t.true(isHawserError(foreign, 'ERR_TLS', 'ERR_PROXY'))
  t.false(isHawserError(foreign, 'ERR_PROXY'))
  for (const other of [new Error('x'), { code: 'ERR_TLS' }, null, undefined, 'ERR_TLS', 5])
    t.false(isHawserError(other))
  t.deepEqual(Object.keys(new HawserError('ERR_TLS', 'x')).toSorted(), ['code', 'keepable', 'retryable'])
})

test('anything that was thrown can be described', (t) => {
  t.is(describe(new Error('why')), 'why')
  t.is(describe('text'), 'text')
  t.is(describe(undefined), 'undefined')
  t.is(describe(Object.create(null)), 'a value that cannot be shown')
})
