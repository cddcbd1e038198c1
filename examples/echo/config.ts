import { readFile } from 'node:fs/promises'
import type { Limits, ReconnectOptions, TransportGroups } from 'hawser'

/** What a file says about the example; see config.json. */
export interface EchoConfig {
  /** Of tcp and udp; those of tls, ws and wss are the next ones. With 0 each takes any free one. */
  readonly port: number
  /** Between two heartbeats of a client. */
  readonly heartbeatMs: number
  /** A session that is silent for so many of them is closed. */
  readonly missedHeartbeats: number
  /** For a graceful stop; then what is left is destroyed. */
  readonly shutdownMs: number
  /** Options for `listen`: what Hawser does not know, or cannot be, is refused by its name. */
  readonly server: Limits & Pick<TransportGroups, 'tcp'> & { readonly maxSessions?: number }
  /** Options for `connect`. */
  readonly client: Limits &
    Pick<TransportGroups, 'tcp'> & { readonly connections?: number; readonly reconnect?: ReconnectOptions }
}

const NUMBERS = ['port', 'heartbeatMs', 'missedHeartbeats', 'shutdownMs'] as const

/** The file that comes with the example, and over it what `file` says, if there is one. */
export async function readConfig(file: string | undefined): Promise<EchoConfig> {
  const standard = await parse(new URL('config.json', import.meta.url))
  const own = file === undefined ? {} : await parse(file)
  const config = { ...standard, ...own } as unknown as EchoConfig
  const unknown = Object.keys(own).find((name) => !(name in standard))
  if (unknown !== undefined) throw new Error(`${file}: there is no ${unknown}`)
  for (const name of NUMBERS) {
    if (!(config[name] >= 0)) throw new Error(`${file}: ${name} is no number from 0 on`)
  }
  return config
}

async function parse(file: string | URL): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
}
