// Refuses marks that are meant for a working copy: a test that keeps others from running or does not run itself
// (`npm test` would still say "0 failed"), and a TODO that nobody will find again. And asks that whatever is exported
// says in a comment what it is.
import { readFileSync } from 'node:fs'
import { sourceFiles, withoutComments } from './files.mjs'

const TEST_MODIFIER = /\b(?:test|t)(?:\s*\.\s*\w+)*?\s*\.\s*(?:only|skip|todo|failing)\b/g
const TODO = /\b(?:TODO|FIXME)\b(?!\s*\(?#\d+)/g
const EXPORT = /^export (?:async |abstract )?(?:class|function|interface|const|type) (\w+)/gm
/** A docstring right above, or an overload or a lint exception between the two. */
const DOCUMENTED = /(?:\*\/|^export function .*|^\/\/ oxlint.*)\n$/m

const files = sourceFiles('src', 'codecs', 'test', 'examples')
const problems = []
for (const file of files) {
  const source = readFileSync(file, 'utf8')
  const report = (index, text) => problems.push(`${file}:${source.slice(0, index).split('\n').length}: ${text}`)
  for (const { 0: text, index } of withoutComments(source).matchAll(TEST_MODIFIER)) report(index, `${text} in a test`)
  for (const { 0: text, index } of source.matchAll(TODO)) report(index, `${text} without the number of an issue`)
  if (!/^(src|codecs)\//.test(file)) continue
  for (const { 1: name, index } of source.matchAll(EXPORT)) {
    const above = source.slice(0, index).split('\n').slice(-2).join('\n')
    if (!DOCUMENTED.test(above)) report(index, `${name} is exported without a docstring`)
  }
}

for (const problem of problems) console.error(problem)
console.log(`marks: ${files.length} files, ${problems.length} problems`)
if (files.length === 0 || problems.length > 0) process.exitCode = 1
