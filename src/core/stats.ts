/** Figures of one session. Bytes are those of the wire as the session sees it, framing included. */
export interface SessionStats {
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly receivedMessages: number
  readonly sentMessages: number
  /** `send` did not take them: closed, or dropped by `overflow: 'drop'`. */
  readonly droppedMessages: number
  /** Sent and not yet taken. */
  readonly bufferedBytes: number
  /** Received and not yet decoded. */
  readonly undecodedBytes: number
  /** Env time; 0 before it is open. */
  readonly openedAt: number
}

/** Of a Server or Client: its sessions' figures added up, closed ones included. */
export interface EndpointStats extends SessionStats {
  readonly openSessions: number
  readonly totalSessions: number
  readonly refusedSessions: number
}
