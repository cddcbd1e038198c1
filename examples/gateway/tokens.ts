import { createHmac, timingSafeEqual } from 'node:crypto'

const TOKEN_LENGTH = 16

/**
 * Says who may call itself what. A token is made from a name and a secret of the gateway's, so that nobody has to keep a list.
 * Here they travel as they are; beyond one machine, listen on `tls://`.
 */
export class Tokens {
  readonly #secret: string

  constructor(secret: string) {
    this.#secret = secret
  }

  /** @param kind so that a device's token is of no use to a service of that name */
  issue(kind: 'device' | 'service', name: string): string {
    return createHmac('sha256', this.#secret).update(`${kind} ${name}`).digest('hex').slice(0, TOKEN_LENGTH)
  }

  /** Takes as long for a wrong token as for a right one. */
  accepts(kind: 'device' | 'service', name: string, token: string): boolean {
    const given = Buffer.from(token)
    const right = Buffer.from(this.issue(kind, name))
    return given.length === right.length && timingSafeEqual(given, right)
  }
}
