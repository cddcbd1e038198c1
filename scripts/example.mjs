// Runs one example, after a build where one is needed: `npm run example -- NAME [arguments]`. The script in package.json
// begins with `exec`: a shell in between would neither pass on npm's SIGTERM nor end with our status on Ctrl-C.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { buildIfStale } from './build-if-stale.mjs'

const names = readdirSync('examples').filter((name) => existsSync(`examples/${name}/main.ts`))
const [name, ...args] = process.argv.slice(2)
if (!names.includes(name)) {
  console.error(name === undefined ? 'npm run example -- NAME' : `There is no example "${name}".`)
  console.error(`Examples: ${names.join(', ')}`)
  process.exit(1)
}

// Examples import the package by its name, which leads to dist. Tests set NO_BUILD: they run from what a build replaces.
if (!process.env.NO_BUILD) buildIfStale()

const main = `.build/examples/${name}/main.js`
const child = spawn(process.execPath, ['--enable-source-maps', main, ...args], { stdio: 'inherit' })
// Ctrl-C reaches the whole group by itself (and npm passes it on a second time), a plain kill only this process.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
