import type { Address } from './address.ts'
import type { Role } from './connection.ts'
import { HawserError } from './errors.ts'
import type { Bindings, SessionConfig } from './session-config.ts'
import type { Anteroom, LinkOptions, Transport } from './transport.ts'

/** Which transport speaks which scheme: the built-in ones and those of the option `transports`. */
export class TransportTable {
  readonly #byScheme: ReadonlyMap<string, Transport>

  constructor(bindings: Bindings, own: readonly Transport[] = []) {
    this.#byScheme = new Map([...bindings.transports, ...own].flatMap(bySchemes))
  }

  /** The transport of this scheme, if there is one. */
  get(scheme: string): Transport | undefined {
    return this.#byScheme.get(scheme)
  }

  /** @throws ERR_BAD_ADDRESS with the part 'scheme' where none speaks it */
  find(address: Address): Transport {
    const transport = this.#byScheme.get(address.scheme)
    if (transport !== undefined) return transport
    const schemes = [...this.#byScheme.keys()].join(', ')
    throw new HawserError(
      'ERR_BAD_ADDRESS',
      `address '${address.href}': no transport for ${address.scheme} (${schemes})`,
      {
        details: { part: 'scheme' },
      },
    )
  }

  /** The options that are named like a scheme: a transport's own come in the group of its name. */
  groupsOf(options: object): Record<string, unknown> {
    const groups = Object.entries(options).filter(([name, value]) => value !== undefined && this.#byScheme.has(name))
    return Object.fromEntries(groups)
  }
}

function bySchemes(transport: Transport): [scheme: string, transport: Transport][] {
  return transport.schemes.map((scheme) => [scheme, transport])
}

/** What the layers below are told about connections for sessions of this setup. */
export function linkOptions<In, Out, Data>(
  config: SessionConfig<In, Out, Data>,
  link: {
    readonly role: Role
    readonly timeoutMs: number
    readonly groups: Readonly<Record<string, unknown>>
    readonly signal?: AbortSignal | undefined
    readonly anteroom?: Anteroom | undefined
  },
): LinkOptions {
  const { setup, env, limits } = config
  const { codec, chunks = 'kept', boundary } = setup
  const text = typeof codec !== 'function' && codec.format === 'text' && boundary !== 'stream' // bytes of a stream are no texts
  return { env, chunks, maxFrameBytes: limits.maxFrameBytes, boundary, text, ...link }
}
