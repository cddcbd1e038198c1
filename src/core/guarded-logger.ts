import type { Logger } from './logger.ts'

/** A logger that never throws: what logs must not fail because the log does. */
export function guardLogger(logger: Logger): Logger {
  const guard =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields?: object): void => {
      try {
        logger[level](message, fields)
      } catch {
        // There is no other place to say it.
      }
    }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}
