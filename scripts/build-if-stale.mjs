import { existsSync, readdirSync, statSync } from 'node:fs'
import { run } from './run.mjs'

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
  if (sources.some((path) => changed(path) > built)) run('npm', 'run', '--silent', 'build')
}
