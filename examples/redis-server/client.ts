import type { Store } from './store.ts'

/** What all clients share. */
export interface ServerFacts {
  /** The version of Redis whose commands are imitated. */
  readonly version: string
  /** The text of INFO. */
  describe(): string
}

/** What the server knows of one client: `session.data`. */
export class Client {
  readonly id: number
  readonly address: string
  readonly store: Store
  readonly server: ServerFacts
  /** As CLIENT SETNAME said. */
  name = ''
  /** It has said QUIT. */
  leaving = false

  constructor(id: number, address: string, store: Store, server: ServerFacts) {
    this.id = id
    this.address = address
    this.store = store
    this.server = server
  }
}
