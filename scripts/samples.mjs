// Takes the ```ts samples out of README.md and docs/: .samples/PAGE-N.ts, and where a ```text block follows at once,
// what the sample prints, as .samples/PAGE-N.out. They are compiled with everything else and run by test/docs.test.ts.
// Those for a page, marked "ts browser", become .samples/PAGE-N.browser.ts: `npm run types` checks them.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'

const pages = [
  'README.md',
  ...readdirSync('docs')
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]
const sample = /^```ts( browser)?\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?/gms

rmSync('.samples', { recursive: true, force: true })
mkdirSync('.samples')
for (const page of pages) {
  let number = 0
  for (const [, browser, code, output] of readFileSync(page, 'utf8').matchAll(sample)) {
    const name = `.samples/${basename(page, '.md').toLowerCase()}-${++number}`
    // A sample without imports would be a script, which has no top-level await.
    writeFileSync(`${name}${browser ? '.browser' : ''}.ts`, `${code}export {}\n`)
    if (output !== undefined) writeFileSync(`${name}.out`, output)
  }
}
