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
  readonly #key: string

  constructor() {
    const made = ['-keyout', 'ca.key', '-out', 'ca.crt', '-days', '1', '-subj', '/CN=Factory']
    const folder = new Folder()
    try {
      folder.openssl('req', '-x509', ...NEW_KEY, ...made)
      this.cert = folder.read('ca.crt')
      this.#key = folder.read('ca.key')
    } finally {
      folder.remove()
    }
  }

  /** @param names as in subjectAltName: `DNS:localhost,IP:127.0.0.1` */
  issue(commonName: string, names = 'DNS:localhost,IP:127.0.0.1'): Identity {
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'ext']
    const folder = new Folder()
    try {
      folder.write('ca.crt', this.cert)
      folder.write('ca.key', this.#key)
      folder.write('ext', `subjectAltName=${names}`)
      folder.openssl('req', ...NEW_KEY, '-keyout', 'key', '-out', 'csr', '-subj', `/CN=${commonName}`)
      folder.openssl('x509', '-req', '-in', 'csr', ...signed, '-out', 'crt')
      return { cert: folder.read('crt'), key: folder.read('key') }
    } finally {
      folder.remove()
    }
  }
}

/** Where `openssl` finds and leaves its files, for as long as it runs: keys stay in memory. */
class Folder {
  readonly #path = mkdtempSync(join(tmpdir(), 'device-gateway-'))

  openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#path, stdio: 'pipe' })
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.#path, name), text, { mode: 0o600 })
  }

  read(name: string): string {
    return readFileSync(join(this.#path, name), 'utf8')
  }

  remove(): void {
    rmSync(this.#path, { recursive: true })
  }
}
