// Turns each test/proto/NAME.proto into .gen/NAME.js with its types: the static modules that tests compare with.
// What is newer than its source is left as it is.
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { run } from './run.mjs'

const changed = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)
const names = existsSync('test/proto')
  ? readdirSync('test/proto')
      .filter((file) => file.endsWith('.proto'))
      .map((file) => file.slice(0, -'.proto'.length))
  : []

mkdirSync('.gen', { recursive: true })
for (const file of readdirSync('.gen')) if (!names.includes(file.replace(/(\.d\.ts|\.js)$/, ''))) rmSync(`.gen/${file}`)
for (const name of names) {
  const [source, code, types] = [`test/proto/${name}.proto`, `.gen/${name}.js`, `.gen/${name}.d.ts`]
  if (Math.min(changed(code), changed(types)) > changed(source)) continue
  run('pbjs', '-t', 'static-module', '-w', 'esm', '-o', code, source)
  run('pbts', '-o', types, code)
}
