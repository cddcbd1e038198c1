/** Where life-cycle events go. `console` is one; `hawser/winston` makes one of a winston logger. Messages and payloads are never logged. */
export interface Logger {
  /** `fields` are for the machine; what is undefined in them says nothing. */
  debug(message: string, fields?: object): void
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
}
