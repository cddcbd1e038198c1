import type { Readings } from './page/messages.ts'

/** What devices say, in whichever protocol. */
export type DeviceMessage =
  | { readonly type: 'hello'; readonly device: string; readonly token: string }
  | { readonly type: 'report'; readonly number: number; readonly readings: Readings }
  | { readonly type: 'answer'; readonly id: number; readonly text: string }
  | { readonly type: 'pong'; readonly at: number }
  /** A line that says nothing we know. A person typed it, who is told so, and stays. */
  | { readonly type: 'unreadable'; readonly why: string }

/** What devices are told. */
export type GatewayMessage =
  | { readonly type: 'welcome' }
  | { readonly type: 'denied'; readonly reason: string }
  | { readonly type: 'command'; readonly id: number; readonly text: string }
  | { readonly type: 'ping'; readonly at: number }
  /** Of a report over lines: this one is taken care of. */
  | { readonly type: 'accepted'; readonly number: number }
  /** Going down: reports up to this number are taken care of. */
  | { readonly type: 'goodbye'; readonly accepted: number }
  | { readonly type: 'error'; readonly why: string }

/** The name of a device. */
export const DEVICE_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/i
const READING_NAME = /^[a-z][a-z0-9_]{0,23}$/i
const MAX_READINGS = 16
const MAX_TEXT = 500

/** What is wrong with the readings of a report, if anything: whoever sends them may be anybody's program. */
export function objectionTo(readings: Readings): string | undefined {
  let count = 0
  for (const name in readings) {
    if (++count > MAX_READINGS) return `a report has at most ${MAX_READINGS} readings`
    if (!READING_NAME.test(name)) return 'the name of a reading is a letter, then letters, digits and _, 24 at most'
    if (!Number.isFinite(readings[name])) return `${name} is no number`
  }
  return count === 0 ? 'a report has at least one reading' : undefined
}

/** Text of a device that a terminal or a page will show: one line, without control characters. */
export function shown(text: string): string {
  return text
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT)
}
