// The soak test, after a build where one is needed: `npm run soak -- [--seconds N] [--cycles N] [--seed N]`.
import { spawnSync } from 'node:child_process'
import { buildIfStale } from './build-if-stale.mjs'

buildIfStale()
const args = ['--expose-gc', '--enable-source-maps', '.build/test/soak/main.js', ...process.argv.slice(2)]
process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
