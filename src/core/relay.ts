import type { Body } from './broadcast.ts'

/** A broadcast on its way to servers in other processes: encoded where one codec serves all sessions, else as it is. */
export type Relayed =
  | { readonly body: Body; readonly skipSlow: boolean }
  | { readonly message: unknown; readonly skipSlow: boolean }

/** Takes it there. @throws ERR_ENCODE where the message cannot travel */
export type Relay = (relayed: Relayed) => void
