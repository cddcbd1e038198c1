import { badOption } from './errors.ts'
import { ipText, parseIp } from './ip-address.ts'

/** The networks of one family that have one length of prefix. */
interface Prefix {
  /** Of an address: 4 or 16. */
  readonly bytes: number
  readonly bits: number
  /** Their first `bits`, as text. */
  readonly networks: Set<string>
}

/**
 * Networks in CIDR notation, `10.0.0.0/8` or `2001:db8::/32`, and single addresses. IPv4 that comes as IPv6
 * (`::ffff:10.0.0.1`) is IPv4; otherwise the families stay apart, so that `::/0` is all of IPv6 and nothing of IPv4.
 * Looking one up takes a step for each different length of prefix, however many networks there are.
 */
export class NetworkList {
  readonly #prefixes: Prefix[] = []

  /**
   * @param option whose value `networks` is, for the error
   * @throws ERR_BAD_OPTION where it is no list of networks; also for bits set behind the prefix (`10.1.2.3/8`), of which
   *   nobody knows what was meant
   */
  constructor(option: string, networks: readonly string[]) {
    if (!Array.isArray(networks)) throw badOption(option, "must be a list of networks, such as '10.0.0.0/8'")
    for (const network of networks) this.#add(option, network)
  }

  /** @param host an IP address, perhaps with a zone (`fe80::1%eth0`); anything else is in no network */
  has(host: string): boolean {
    const address = addressOf(host)
    if (address === undefined) return false
    return this.#prefixes.some(
      ({ bytes, bits, networks }) => bytes === address.length && networks.has(leading(address, bits).join()),
    )
  }

  #add(option: string, network: unknown): void {
    const { address, bits } = parseNetwork(option, network)
    const first = leading(address, bits)
    if (first.join() !== address.join()) {
      throw badOption(option, `has ${String(network)}; did you mean ${ipText(first)}/${bits}?`)
    }
    let prefix = this.#prefixes.find((known) => known.bytes === address.length && known.bits === bits)
    if (prefix === undefined) {
      prefix = { bytes: address.length, bits, networks: new Set() }
      this.#prefixes.push(prefix)
    }
    prefix.networks.add(first.join())
  }
}

function addressOf(host: string): Uint8Array | undefined {
  const zone = host.indexOf('%')
  return parseIp(zone < 0 ? host : host.slice(0, zone))
}

function parseNetwork(option: string, network: unknown): { readonly address: Uint8Array; readonly bits: number } {
  if (typeof network === 'string') {
    const slash = network.indexOf('/')
    const text = slash < 0 ? network : network.slice(0, slash)
    const address = parseIp(text)
    const given = slash < 0 ? undefined : network.slice(slash + 1)
    if (address !== undefined && given === undefined) return { address, bits: 8 * address.length }
    // The prefix of an address that was written as IPv6 counts the 96 bits before the IPv4 ones.
    const skipped = text.includes(':') && address?.length === 4 ? 96 : 0
    const bits = /^(0|[1-9]\d{0,2})$/.test(given ?? '') ? Number(given) - skipped : -1
    if (address !== undefined && bits >= 0 && bits <= 8 * address.length) return { address, bits }
  }
  throw badOption(option, `has ${String(network)}, which is no network such as 10.0.0.0/8 or 2001:db8::/32`)
}

/** The address with all but its first `bits` cleared. */
function leading(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, at) => {
    const kept = Math.min(8, Math.max(0, bits - 8 * at))
    return byte & (0xff00 >> kept)
  })
}
