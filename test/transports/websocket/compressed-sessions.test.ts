import { verifySession } from '../../../src/testing/conformance/session.ts'
import { suite } from '../../support/suite.ts'

// permessage-deflate is negotiated, as both sides ask for it. Large messages come when zlib's threads have inflated them;
// what is small waits behind them. (verifyTransport runs with everything compressed: engine-conformance.test.ts.)
verifySession(suite, 'ws, what is large compressed', {
  address: 'ws://127.0.0.1:0',
  setup: { ws: { compression: { thresholdBytes: 256 } } },
})
