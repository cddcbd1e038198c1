import type { Logger } from '../../core/logger.ts'

/** Warnings and errors to the console's standard error; the rest is dropped. */
export const consoleLogger: Logger = {
  debug() {},
  info() {},
  warn(message, fields) {
    // oxlint-disable-next-line no-console -- the default of a program that chose no logger
    console.warn(`hawser: ${message}`, ...(fields === undefined ? [] : [fields]))
  },
  error(message, fields) {
    // oxlint-disable-next-line no-console -- as above
    console.error(`hawser: ${message}`, ...(fields === undefined ? [] : [fields]))
  },
}
