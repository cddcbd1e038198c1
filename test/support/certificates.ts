import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** An authority made for this run, which the `openssl` command signs certificates with. */
export class Authority {
  readonly #folder = mkdtempSync(join(tmpdir(), 'hawser-ca-'))
  readonly cert: string

  constructor(name: string) {
    this.#openssl(`req -x509 ${NEW_KEY} -days 2 -keyout ca.key -out ca.crt -subj`, `/CN=${name}`)
    this.cert = this.#read('ca.crt')
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }))
  }

  /** `names` as in subjectAltName: `DNS:localhost`, `IP:127.0.0.1`. */
  issue(commonName: string, ...names: string[]): Certificate {
    this.#openssl(`req ${NEW_KEY} -keyout leaf.key -out leaf.csr -subj`, `/O=Hawser/CN=${commonName}`)
    writeFileSync(join(this.#folder, 'leaf.ext'), names.length === 0 ? '' : `subjectAltName=${names.join(',')}`)
    this.#openssl(
      'x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out leaf.crt',
    )
    return { cert: this.#read('leaf.crt'), key: this.#read('leaf.key') }
  }

  #openssl(words: string, ...more: string[]): void {
    execFileSync('openssl', [...words.split(' '), ...more], { cwd: this.#folder, stdio: 'pipe' })
  }

  #read(file: string): string {
    return readFileSync(join(this.#folder, file), 'utf8')
  }
}
