import { readFile } from 'node:fs/promises'

/** A certificate with its key, as PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** One for `localhost` that signed itself, for trying out only: its key is public. */
export async function localCertificate(): Promise<Certificate> {
  const [cert, key] = await Promise.all([read('localhost.crt'), read('localhost.key')])
  return { cert, key }
}

function read(file: string): Promise<string> {
  return readFile(new URL(`echo/certificates/${file}`, import.meta.url), 'utf8')
}
