import type { Transport } from '../../src/core/transport.ts'

/** The same transport, whose connections are asked to lend their chunks. */
export function borrowing(transport: Transport): Transport {
  return {
    schemes: transport.schemes,
    dial: (address, options) => transport.dial(address, { ...options, chunks: 'borrowed' }),
    listen: (address, options, sink) => transport.listen(address, { ...options, chunks: 'borrowed' }, sink),
  }
}
