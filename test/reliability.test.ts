import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { MUTANTS } from './simulation/mutants.ts'

interface Script {
  readonly PAGE: string
  page(text: string): string
}

test('docs/reliability.md says of each fault where it is tested (node scripts/reliability.mjs writes it)', async (t) => {
  const { PAGE, page } = (await import(pathToFileURL(resolve('scripts/reliability.mjs')).href)) as Script
  const text = readFileSync(PAGE, 'utf8')
  t.is(text, page(text))
})

test('docs/reliability.md lists every mutant, and no other (npm run sim -- --mutants --write)', (t) => {
  const text = readFileSync('docs/reliability.md', 'utf8')
  const listed = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name)
  t.deepEqual(
    listed,
    MUTANTS.map(({ name }) => name),
  )
})
