import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import test from 'ava'

const FOLDERS = ['docs', 'examples', 'bench']
const pages = [
  ...readdirSync('.'),
  ...FOLDERS.flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, String(file)))),
].filter((file) => file.endsWith('.md') && !file.includes('node_modules'))

/** A page without its code, in which brackets are no links and # no headings. */
function prose(page: string): string {
  return readFileSync(page, 'utf8')
    .replace(/^```.*?^```$/gms, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]]/g, ' '))
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of prose(page).matchAll(/^#{1,6} (.*)$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1') // a link counts by its text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let number = 1; anchors.has(anchor); number++) anchor = `${slug}-${number}`
    anchors.add(anchor)
  }
  return anchors
}

function linksOf(page: string): string[] {
  return [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((to) => !/^\w+:/.test(to))
}

/** What is wrong with a link, or undefined. */
function fault(page: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : normalize(join(dirname(page), path))
  if (!existsSync(target)) return `${page}: ${link}: there is no ${target}`
  if (anchor === undefined) return undefined
  if (!statSync(target).isFile() || !target.endsWith('.md')) return `${page}: ${link}: ${target} has no headings`
  return anchorsOf(target).has(anchor) ? undefined : `${page}: ${link}: ${target} has no heading for #${anchor}`
}

test('every link of a page to another, or to a heading, leads somewhere', (t) => {
  const links = pages.flatMap((page) => linksOf(page).map((link) => fault(page, link)))
  t.true(pages.length > 30 && links.length > 150, `${pages.length} pages, ${links.length} links`)
  t.deepEqual(
    links.filter((found) => found !== undefined),
    [],
  )
})

test('every page of docs is reached from its index', (t) => {
  const seen = new Set<string>()
  const visit = (page: string): void => {
    if (seen.has(page) || !page.endsWith('.md') || !existsSync(page)) return
    seen.add(page)
    for (const link of linksOf(page)) visit(normalize(join(dirname(page), link.split('#')[0] ?? '')))
  }
  visit('docs/README.md')
  t.deepEqual(
    pages.filter((page) => page.startsWith('docs/') && !seen.has(page)),
    [],
  )
})
