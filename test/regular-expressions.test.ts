import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'

/** Literals in code: after what cannot end an expression. */
const LITERAL = /(?<=[(,=:[!&|?{};\s])\/(?![/*])((?:\\.|\[(?:\\.|[^\]\n])*\]|[^/\\\n[])+)\/[dgimsuvy]*/g

/** What a repeated group repeats: `(…)*`, `(…)+`, `(…){n,}`, classes and escapes taken out before. */
function repeatedGroups(pattern: string): string[] {
  const plain = pattern.replaceAll(/\\./g, 'x').replaceAll(/\[[^\]]*\]/g, 'c')
  const open: number[] = []
  const found: string[] = []
  for (let at = 0; at < plain.length; at++) {
    if (plain[at] === '(') open.push(at)
    if (plain[at] !== ')') continue
    const from = open.pop() ?? 0
    if (/^(?:[*+]|\{\d+,\d*\})/.test(plain.slice(at + 1))) found.push(plain.slice(from + 1, at))
  }
  return found
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`)
}

test('a repetition inside of a repeated group is found', (t) => {
  t.deepEqual(repeatedGroups('^(a+)+$'), ['a+'])
  t.deepEqual(repeatedGroups('(?:a|b)*c\\(d+\\)*[(x+)]+'), ['?:a|b'])
})

test('J-10: no regular expression repeats what repeats itself, so none takes exponential time on what a peer sends', (t) => {
  let looked = 0
  for (const file of [...sources('src'), ...sources('codecs')]) {
    for (const [, pattern = ''] of readFileSync(file, 'utf8').matchAll(LITERAL)) {
      looked++
      for (const group of repeatedGroups(pattern)) t.notRegex(group, /[*+]|\{\d+,/, `${file}: /${pattern}/`)
    }
  }
  t.true(looked > 15, `${looked} expressions`)
})
