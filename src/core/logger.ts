/** Where life-cycle events go. `console` is one; `hawser/winston` makes one of a winston logger. Messages and payloads are never logged. */
export interface Logger {
  /** `fields` are for the machine; what is undefined in them says nothing. */
  debug(message: string, fields?: object): void
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
}

/**
 * `loggers`, the first of them that does not throw: to log must not cost a session, let alone the process. Where all of
 * them throw the line is lost.
 */
export function guardedLogger(...loggers: readonly Logger[]): Logger {
  const log = (level: keyof Logger, message: string, fields: object | undefined): void => {
    for (const logger of loggers) {
      try {
        logger[level](message, fields)
        return
      } catch {} // the next one is there for that
    }
  }
  return {
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
  }
}
