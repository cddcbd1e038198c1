import type { Wrapper } from '../../core/connection.ts'
import { tcp } from '../../transports/tcp.ts'
import { verifyConnection } from './connection.ts'
import type { TestFunction } from './test-function.ts'
import { openLink, type TransportUnderTest } from './transport.ts'

export interface LayerUnderTest extends Partial<Omit<TransportUnderTest, 'wrap'>> {
  /** Around both ends. */
  readonly wrap: Wrapper
}

/** What every layer keeps: it is a Connection, so every sentence of that contract, over a transport that keeps them too. */
export function verifyLayer(test: TestFunction, name: string, layer: LayerUnderTest): void {
  const below: TransportUnderTest = { transport: tcp, address: 'tcp://127.0.0.1:0', ...layer }
  verifyConnection(test, name, () => openLink(below))
}
