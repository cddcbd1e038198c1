/** Who keeps a record of one connection. Never throws. */
export interface WireRecord {
  opened(): void
  sent(bytes: Uint8Array): void
  received(bytes: Uint8Array): void
  /** We send no more. */
  ended(): void
  /** The peer sends no more. */
  endReceived(): void
  closed(error: Error | undefined): void
}
