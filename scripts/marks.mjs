// Refuses marks that are meant for a working copy: a test that keeps others from running or does not run itself
// (`npm test` would still say "0 failed"), and a TODO that nobody will find again.
import { readFileSync } from 'node:fs'
import { sourceFiles, withoutComments } from './files.mjs'

const TEST_MODIFIER = /\b(?:test|t)(?:\s*\.\s*\w+)*?\s*\.\s*(?:only|skip|todo|failing)\b/g
const TODO = /\b(?:TODO|FIXME)\b(?!\s*\(?#\d+)/g

const files = sourceFiles('src', 'codecs', 'test', 'examples')
const problems = []
for (const file of files) {
  const source = readFileSync(file, 'utf8')
  const report = (index, text) => problems.push(`${file}:${source.slice(0, index).split('\n').length}: ${text}`)
  for (const { 0: text, index } of withoutComments(source).matchAll(TEST_MODIFIER)) report(index, `${text} in a test`)
  for (const { 0: text, index } of source.matchAll(TODO)) report(index, `${text} without the number of an issue`)
}

for (const problem of problems) console.error(problem)
console.log(`marks: ${files.length} files, ${problems.length} problems`)
if (files.length === 0 || problems.length > 0) process.exitCode = 1
