// Takes the ```ts samples out of README.md and docs/: .samples/PAGE-N.ts, and where a ```text block follows at once,
// what the sample prints, as .samples/PAGE-N.out. They are compiled with everything else and run by test/docs.test.ts.
// Commands that a page has its reader type first, marked "sh setup", become .samples/PAGE.sh, which is run before each of
// its samples. Samples for a page, marked "ts browser", become .samples/PAGE-N.browser.ts: `npm run types` checks them.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const pages = [
  'README.md',
  ...readdirSync('docs', { recursive: true })
    .map((file) => `docs/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.md')),
]
const sample = /^```ts( browser)?\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?/gms
const setup = /^```sh setup\n(.*?)^```$/gms

/** docs/guides/tls.md is guides-tls. The two README.md keep apart. */
function nameOf(page) {
  return page
    .replace(/^docs\/(?!README)/, '')
    .replace(/\.md$/, '')
    .replaceAll('/', '-')
    .toLowerCase()
}

rmSync('.samples', { recursive: true, force: true })
mkdirSync('.samples')
for (const page of pages) {
  const text = readFileSync(page, 'utf8')
  const commands = [...text.matchAll(setup)].map(([, lines]) => lines)
  if (commands.length > 0) writeFileSync(`.samples/${nameOf(page)}.sh`, commands.join(''))
  let number = 0
  for (const [, browser, code, output] of text.matchAll(sample)) {
    const name = `.samples/${nameOf(page)}-${++number}`
    // A sample without imports would be a script, which has no top-level await.
    writeFileSync(`${name}${browser ? '.browser' : ''}.ts`, `${code}export {}\n`)
    if (output !== undefined) writeFileSync(`${name}.out`, output)
  }
}
