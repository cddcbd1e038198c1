import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** An authority made for this run, which the `openssl` command signs certificates with. Its files are there only while that runs. */
export class Authority {
  readonly cert: string
  readonly #key: string

  constructor(name: string) {
    const { cert, key } = inFolder((openssl, folder) => {
      openssl(`req -x509 ${NEW_KEY} -days 2 -keyout ca.key -out ca.crt -subj`, `/CN=${name}`)
      return { cert: read(folder, 'ca.crt'), key: read(folder, 'ca.key') }
    })
    this.cert = cert
    this.#key = key
  }

  /** `names` as in subjectAltName: `DNS:localhost`, `IP:127.0.0.1`. */
  issue(commonName: string, ...names: string[]): Certificate {
    return inFolder((openssl, folder) => {
      writeFileSync(join(folder, 'ca.crt'), this.cert)
      writeFileSync(join(folder, 'ca.key'), this.#key)
      writeFileSync(join(folder, 'leaf.ext'), names.length === 0 ? '' : `subjectAltName=${names.join(',')}`)
      openssl(`req ${NEW_KEY} -keyout leaf.key -out leaf.csr -subj`, `/O=Hawser/CN=${commonName}`)
      openssl('x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile leaf.ext -out leaf.crt')
      return { cert: read(folder, 'leaf.crt'), key: read(folder, 'leaf.key') }
    })
  }
}

type OpenSsl = (words: string, ...more: string[]) => void

function inFolder<T>(use: (openssl: OpenSsl, folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-ca-'))
  try {
    return use(
      (words, ...more) => execFileSync('openssl', [...words.split(' '), ...more], { cwd: folder, stdio: 'pipe' }),
      folder,
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function read(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8')
}
