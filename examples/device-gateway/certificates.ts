import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** A certificate with its key, as PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

/** The factory's authority, which signs what devices and gateway show each other. Made anew at each start, by `openssl`. */
export class Authority {
  readonly cert: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'device-gateway-'))

  constructor() {
    this.#openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      '-days',
      '1',
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
      '-subj',
      '/CN=Factory',
    )
    this.cert = readFileSync(join(this.#folder, 'ca.crt'), 'utf8')
  }

  /** @param names as in subjectAltName: `DNS:localhost,IP:127.0.0.1` */
  issue(commonName: string, names = 'DNS:localhost,IP:127.0.0.1'): Identity {
    this.#openssl('req', ...NEW_KEY, '-keyout', 'key', '-out', 'csr', '-subj', `/CN=${commonName}`)
    writeFileSync(join(this.#folder, 'ext'), `subjectAltName=${names}`)
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'ext']
    this.#openssl('x509', '-req', '-in', 'csr', ...signed, '-out', 'crt')
    return {
      cert: readFileSync(join(this.#folder, 'crt'), 'utf8'),
      key: readFileSync(join(this.#folder, 'key'), 'utf8'),
    }
  }

  /** The keys are in memory now. */
  forget(): void {
    rmSync(this.#folder, { recursive: true })
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#folder, stdio: 'pipe' })
  }
}
