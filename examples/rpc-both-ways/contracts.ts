import { method, oneWay, service } from 'hawser/rpc'

/** What the office serves. */
export const Office = service('office', {
  /** Gives the worker its number. */
  join: method<{ name: string }, number>(),
  /** A chapter of the book that is being worked on. */
  chapter: method<{ number: number }, string>(),
})

/** What a worker serves, though it is the worker who dials. */
export const Worker = service('worker', {
  /** Words in these chapters. The worker asks the office for each of them. */
  countWords: method<{ chapters: readonly number[] }, number>(),
  goodbye: oneWay<string>(),
})
