// Takes the ```ts samples out of README.md and docs/: the Nth of a page becomes .samples/PAGE/N.ts, one marked "ts NAME.ts"
// .samples/PAGE/NAME.ts, which the others of its page may import; where a ```text block follows at once, what the sample
// prints, it becomes .samples/PAGE/N.out. They are compiled with everything else and run by test/docs.test.ts.
// Commands that a page has its reader type first, marked "sh setup", become .samples/PAGE/setup.sh, which is run before each
// of its samples. Samples for a browser, marked "ts browser", become N.browser.ts: `npm run types` checks them.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const pages = [
  'README.md',
  ...readdirSync('docs', { recursive: true })
    .map((file) => `docs/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.md')),
]
const sample = /^```ts(?: (browser|[\w.-]+\.ts))?\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?/gms
const setup = /^```sh setup\n(.*?)^```$/gms

/** docs/guides/tls.md is guides-tls; the two README.md keep apart. */
function nameOf(page) {
  const path = page.replace(/^docs\/(?!README)/, '').replace(/\.md$/, '')
  return path.replaceAll('/', '-').toLowerCase()
}

rmSync('.samples', { recursive: true, force: true })
for (const page of pages) {
  const text = readFileSync(page, 'utf8')
  const folder = `.samples/${nameOf(page)}`
  mkdirSync(folder, { recursive: true })
  const commands = [...text.matchAll(setup)].map(([, lines]) => lines)
  if (commands.length > 0) writeFileSync(`${folder}/setup.sh`, commands.join(''))
  let number = 0
  for (const [, mark = '', code, output] of text.matchAll(sample)) {
    number++
    const name = mark === 'browser' ? `${number}.browser` : mark.replace(/\.ts$/, '') || String(number)
    // A sample without imports would be a script, which has no top-level await.
    writeFileSync(`${folder}/${name}.ts`, `${code}export {}\n`)
    if (output !== undefined) writeFileSync(`${folder}/${name}.out`, output)
  }
}
