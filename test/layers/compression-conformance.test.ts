import { compression } from '../../src/layers/compression.ts'
import { verifyLayer } from '../../src/testing/conformance/layer.ts'
import { verifySession } from '../../src/testing/conformance/session.ts'
import { tcp } from '../../src/transports/tcp.ts'
import { suite } from '../support/suite.ts'

for (const algorithm of ['deflate', 'gzip', 'brotli'] as const) {
  const wrap = compression({ algorithm })
  verifyLayer(suite, algorithm, { wrap })
  verifyLayer(suite, `${algorithm} over tcp`, { wrap, transport: tcp, address: 'tcp://127.0.0.1:0' })
  verifySession(suite, `tcp, ${algorithm}`, { address: 'tcp://127.0.0.1:0', setup: { wrap: [wrap] } })
}
