// Chaos, after a build where one is needed: `npm run chaos -- [--seconds N] [--seed N]`.
import { spawnSync } from 'node:child_process'
import { buildIfStale } from './build-if-stale.mjs'

buildIfStale()
const args = ['--enable-source-maps', '.build/test/chaos/main.js', ...process.argv.slice(2)]
process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
