import { throttle } from '../../src/layers/throttle.ts'
import { wireLog } from '../../src/layers/wire-log.ts'
import { verifySession } from '../../src/testing/conformance/session.ts'
import { suite } from '../support/suite.ts'

const address = 'tcp://127.0.0.1:0'
const FAST = 2 ** 30
const silent = { debug() {}, info() {}, warn() {}, error() {} }

verifySession(suite, 'tcp, throttled', {
  address,
  setup: { wrap: [throttle({ readBytesPerSecond: FAST, writeBytesPerSecond: FAST })] },
})
verifySession(suite, 'tcp, with a wireLog', { address, setup: { wrap: [wireLog(silent)] } })
