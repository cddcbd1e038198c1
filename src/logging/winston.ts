import type { Logger as WinstonLogger } from 'winston'
import type { Logger } from '../core/logger.ts'

/**
 * Events of Hawser as entries of a winston logger, their fields as its metadata. Where the logger has no level of that
 * name, as with syslog's, `warn` becomes `warning`.
 */
export function winstonLogger(logger: WinstonLogger): Logger {
  const warn = 'warn' in logger.levels || !('warning' in logger.levels) ? 'warn' : 'warning'
  return {
    debug: (message, fields) => void logger.log('debug', message, fields),
    info: (message, fields) => void logger.log('info', message, fields),
    warn: (message, fields) => void logger.log(warn, message, fields),
    error: (message, fields) => void logger.log('error', message, fields),
  }
}
