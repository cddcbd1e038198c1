import { type Codec, mapCodec } from 'hawser'
import { text } from 'hawser/codecs'
import { type DeviceMessage, type GatewayMessage, objectionTo } from './device-messages.ts'

const HOW = 'try: report temperature=21.5 load=0.3'

/**
 * What `nc` can type, a message a line (over UDP: a datagram):
 *
 *     hello DEVICE TOKEN           →  welcome | denied WHY
 *     report NAME=NUMBER …         →  accepted COUNT
 *     answer ID TEXT               ←  command ID TEXT
 *     pong NUMBER                  ←  ping NUMBER
 *                                  ←  goodbye COUNT
 */
export const lineCodec: Codec<DeviceMessage, GatewayMessage> = mapCodec(text(), { in: readLine, out: writeLine })

function readLine(typed: string): DeviceMessage {
  const [word = '', ...rest] = typed.trim().split(/\s+/)
  const [first = '', second = ''] = rest
  switch (word.toLowerCase()) {
    case 'hello':
      return { type: 'hello', device: first, token: second }
    case 'report':
      return readReport(rest)
    case 'answer':
      return { type: 'answer', id: Number(first), text: rest.slice(1).join(' ') }
    case 'pong':
      return { type: 'pong', at: Number(first) }
    default:
      return { type: 'unreadable', why: `no such word: ${HOW}` }
  }
}

/** The gateway counts the reports of lines itself: 0 is as good as any number. */
function readReport(pairs: readonly string[]): DeviceMessage {
  const readings: Record<string, number> = Object.create(null)
  for (const pair of pairs) {
    const [name = '', value = ''] = pair.split('=', 2)
    readings[name] = value === '' ? Number.NaN : Number(value)
  }
  const objection = objectionTo(readings)
  return objection === undefined
    ? { type: 'report', number: 0, readings }
    : { type: 'unreadable', why: `${objection}: ${HOW}` }
}

function writeLine(message: GatewayMessage): string {
  switch (message.type) {
    case 'welcome':
      return 'welcome'
    case 'denied':
      return `denied ${message.reason}`
    case 'command':
      return `command ${message.id} ${message.text}`
    case 'ping':
      return `ping ${message.at}`
    case 'accepted':
      return `accepted ${message.number}`
    case 'goodbye':
      return `goodbye ${message.accepted}`
    case 'error':
      return `error ${message.why}`
  }
}
