import type { Wrapper } from '../../core/connection.ts'
import { inproc } from '../../transports/memory.ts'
import { verifyConnection } from './connection.ts'
import { Sentences } from './sentences.ts'
import type { TestFunction } from './test-function.ts'
import { openLink, type TransportUnderTest } from './transport.ts'

/** What `verifyLayer` takes: the layer, and the transport to put it on. */
export interface LayerUnderTest extends Partial<Omit<TransportUnderTest, 'wrap'>> {
  /** Around both ends. */
  readonly wrap: Wrapper
}

let places = 0

/** What every layer keeps: it is a Connection, so every sentence of that contract, over memory
 * unless told otherwise. */
export function verifyLayer(test: TestFunction, name: string, layer: LayerUnderTest): void {
  const below: TransportUnderTest = { transport: inproc, address: () => `inproc://layer-${++places}`, ...layer }
  verifyConnection(new Sentences(test, name, true), () => openLink(below))
}
