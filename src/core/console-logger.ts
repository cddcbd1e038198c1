import type { Logger } from './logger.ts'

/** Warnings and errors to the console's standard error; the rest is dropped. */
export const consoleLogger: Logger = {
  debug() {},
  info() {},
  warn(message, fields) {
    // oxlint-disable-next-line no-console -- the default of a program that chose no logger
    console.warn(`hawser: ${message}`, ...said(fields))
  },
  error(message, fields) {
    // oxlint-disable-next-line no-console -- as above
    console.error(`hawser: ${message}`, ...said(fields))
  },
}

/** The fields that say something, as one argument or none: what is undefined does not, nor that nothing was suppressed. */
function said(fields: object = {}): object[] {
  const entries = Object.entries(fields).filter(
    ([name, value]) => value !== undefined && !(name === 'suppressed' && value === 0),
  )
  return entries.length === 0 ? [] : [Object.fromEntries(entries)]
}
