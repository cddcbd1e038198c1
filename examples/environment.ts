import { isHawserError } from 'hawser'

/** A number from a variable of the environment. */
export function numberFrom(variable: string, otherwise: number): number {
  const text = process.env[variable]
  if (text === undefined || text === '') return otherwise
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new Error(`${variable} is no whole number: '${text}'`)
  return value
}

/** PORT, for an example that listens on several: the others follow it, and with 0 each takes any free one. */
export function portFrom(otherwise: number, offset = 0): number {
  const port = numberFrom('PORT', otherwise)
  return port === 0 ? 0 : port + offset
}

/** For what `listen`, Hawser's or Node's own, rejects with: where the port is taken, most likely by the same example, a line instead of a stack. */
export function explainTakenPort(error: unknown): never {
  const isTaken = isHawserError(error, 'ERR_ADDRESS_IN_USE') || (error as { code?: string }).code === 'EADDRINUSE'
  if (!isTaken) throw error
  console.error(`${(error as Error).message}\nThe variable PORT says which one to take instead.`)
  process.exit(1)
}
