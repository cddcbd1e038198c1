import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'

interface Script {
  readonly PAGE: string
  page(text: string): Promise<string>
  complaintAbout(option: {
    readonly meaning: string
    readonly isRequired: boolean
    readonly told?: string
    readonly real?: unknown
  }): string | undefined
}

const script = (): Promise<Script> => import(pathToFileURL(resolve('scripts/options.mjs')).href) as Promise<Script>

test('docs/options.md has every option as the source has it (npm run compile && node scripts/options.mjs writes it)', async (t) => {
  const { PAGE, page } = await script()
  const text = readFileSync(PAGE, 'utf8')
  t.is(text, await page(text))
  t.true((text.match(/^\| `/gm) ?? []).length > 100)
})

test('an option says what it is, and its default as the code has it', async (t) => {
  const { complaintAbout } = await script()
  const about = (told?: string, real?: unknown, isRequired = false): string | undefined =>
    complaintAbout({ meaning: 'How long.', isRequired, ...(told === undefined ? {} : { told }), real })

  t.is(complaintAbout({ meaning: '', isRequired: true }), 'has no docstring')
  t.is(about(), 'has no @defaultValue')
  t.is(about(undefined, undefined, true), undefined)
  t.is(about('5', undefined, true), 'is required and has a default')

  t.is(about('30 000', 30_000), undefined)
  t.is(about('30 000', 3_000), 'says 30000, and the code has 3000')
  t.is(about('30 000', undefined), 'says 30000, and the code has undefined')
  t.is(about('1 MiB', 1024 * 1024), undefined)
  t.is(about('1 MiB', 1024 * 1000), 'says 1048576, and the code has 1024000')
  t.is(about('0.2', 0.2), undefined)
  t.is(about('0o600', 0o600), undefined)
  t.is(about("'\\n', which takes both", '\n'), undefined)
  t.is(about("'own'", 'ws'), 'says "own", and the code has "ws"')
  t.is(about('false', true), 'says false, and the code has true')
  t.is(about("['a', 'b']", ['a', 'b']), undefined)
  t.is(about("['a', 'b']", ['a']), 'says ["a","b"], and the code has ["a"]')
  t.is(about('{}: see elsewhere', {}), undefined)
  t.is(about('Infinity: one chunk', Infinity), undefined)

  t.is(about('the dialed host', undefined), undefined)
  t.is(about('the dialed host', 'localhost'), "says 'the dialed host', and the code has localhost")
})
