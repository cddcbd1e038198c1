import { type Case, fails, ping, text } from './case.ts'

/** Not in the catalogue, which keeps these rules itself. */
export const masks: readonly Case[] = [
  fails('M.1', 'text that is masked by a server or not masked by a client', [text('Hello', { maskedWrongly: true })]),
  fails('M.2', 'such text after good text', [text('Hello'), text('Hello', { maskedWrongly: true })], [text('Hello')]),
  fails('M.3', 'such a ping', [ping('Hello', { maskedWrongly: true })]),
]
