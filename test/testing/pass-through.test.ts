import { verifyLayer } from '../../src/testing/conformance/layer.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { suite } from '../support/suite.ts'

verifyLayer(suite, 'a pass-through layer', { wrap: passThrough })
verifyLayer(suite, 'a pass-through layer over messages', {
  wrap: passThrough,
  groups: { inproc: { boundary: 'message' } },
})
verifyLayer(suite, 'two layers', { wrap: (connection) => passThrough(passThrough(connection)) })
