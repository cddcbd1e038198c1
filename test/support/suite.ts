import test from 'ava'
import type { TestFunction } from '../../src/testing/conformance/test-function.ts'

/** The conformance suites assert by throwing; AVA wants to hear that something was asserted. */
export const suite: TestFunction = (title, run) =>
  test(title, async (t) => {
    await run()
    t.pass()
  })
