// Runs the package in bench/ against the current build: `npm run bench -- [arguments]`. What it compares with are
// dependencies of its own, installed on first use and whenever its lock changes.
import { existsSync, statSync } from 'node:fs'
import { buildIfStale } from './build-if-stale.mjs'
import { run } from './run.mjs'

const installed = 'bench/node_modules/.package-lock.json'
const lock = 'bench/package-lock.json'

buildIfStale()
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs)
  run('npm', 'ci', '--prefix', 'bench')
run('npm', 'start', '--silent', '--prefix', 'bench', '--', ...process.argv.slice(2))
