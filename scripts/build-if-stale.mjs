import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'

const changed = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)

/**
 * Builds unless the last build is newer than all it was made from. So a second example can start beside a running
 * one without pulling its files away.
 */
export function buildIfStale() {
  const built = Math.min(changed('dist/src/index.js'), changed('.build/src/index.js'))
  const folders = ['src', 'codecs', 'test', 'examples'].filter(existsSync)
  const files = folders.flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => `${folder}/${name}`))
  // Folders count like files: their time changes when something in them goes away.
  const sources = [...folders, ...files, 'package.json', 'rollup.config.mjs', 'tsconfig.json', 'tsconfig.build.json']
  if (sources.some((path) => changed(path) > built)) build(built === 0)
}

/**
 * Fills dist, and no more: a page's size budget is the business of `npm run build`, and keeps nobody from an example.
 * What it prints is of interest where it fails; elsewhere it would stand before what was asked for.
 */
function build(first) {
  console.error(first ? 'building: the first time this takes a minute or so …' : 'building, as something has changed …')
  const options = { stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' }
  const { status, stdout, error } = spawnSync('npm', ['run', '--silent', 'dist'], options)
  if (error) throw error
  if (status === 0) return
  process.stdout.write(stdout)
  process.exit(status ?? 1)
}
