// The soak test, after a build where one is needed: `npm run soak -- [--seconds N] [--cycles N] [--seed N]`.
import { spawnSync } from 'node:child_process'
import { buildIfStale } from './build-if-stale.mjs'

buildIfStale()
// The heap holds V8's own things, too: compiled code, and lists of what depends on it. They come and go by tens of KiB for as long as V8
// changes its mind about what is worth compiling, and a leak of ours would have to be as large to be seen. Interpreted code has none. Nor are
// there source maps, for which V8 makes a table of a script's lines when the first error comes out of it.
const interpreted = ['--no-opt', '--no-maglev', '--no-sparkplug', '--no-flush-bytecode']
const args = ['--expose-gc', ...interpreted, '.build/test/soak/main.js', ...process.argv.slice(2)]
process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
