/** Figures of one session. Bytes are those of the wire as the session sees it, framing included. */
export interface SessionStats {
  /** What the connection brought, decoded or not. */
  readonly receivedBytes: number
  /** What the connection was given. */
  readonly sentBytes: number
  /** Decoded, heartbeats included. */
  readonly receivedMessages: number
  /** Taken by `send`, heartbeats included. */
  readonly sentMessages: number
  /** `send` did not take them: closed, or dropped by `overflow: 'drop'`. */
  readonly droppedMessages: number
  /** Received while the session was behind and 64 others waited: lost. Always 0 where the connection is reliable. */
  readonly droppedDatagrams: number
  /** Sent and not yet taken. */
  readonly bufferedBytes: number
  /** Received and not yet decoded. */
  readonly undecodedBytes: number
  /** Env time; 0 before it is open. */
  readonly openedAt: number
}

/** Of a Server or Client: its sessions' figures added up, closed ones included. */
export interface EndpointStats extends SessionStats {
  /** Open now. */
  readonly openSessions: number
  /** Opened so far. */
  readonly totalSessions: number
  /** Turned away so far; of a Client: attempts that failed. */
  readonly refusedSessions: number
}
