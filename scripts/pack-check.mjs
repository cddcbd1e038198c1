// Checks the package as its users get it: packed, then installed in a folder of its own.
//
//   1. publint and attw read the tarball
//   2. each entry loads by import and by require(), and what is not an entry does not load
//   3. each entry needs the packages it may need and no other: `hawser` itself none
//   4. the type tests compile against the packed declarations; that of hawser/browser also without Node's types
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rollup } from 'rollup'
import { run } from './run.mjs'

/** Third-party packages that an entry may load; an entry which is not listed may load none. */
const MAY_LOAD = {
  'hawser/codecs/protobuf': ['protobufjs'],
  'hawser/codecs/msgpack': ['@msgpack/msgpack'],
  'hawser/winston': ['winston'],
}

/** Those that an entry may load by import() alone, when somebody asks for what they do. */
const MAY_LOAD_LATER = {
  'hawser/stages': ['ws'], // connectionRate asks Node's Env for the time
  hawser: ['ws'],
  'hawser/testing': ['ws'],
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const entries = Object.keys(manifest.exports)
  .filter((path) => path !== './package.json')
  .map((path) => path.replace('.', manifest.name))

const problems = []
const expect = (condition, text) => condition || problems.push(text)

const work = mkdtempSync(join(tmpdir(), `${manifest.name}-pack-`))
// Also after a tool has failed: run() ends the process at once.
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

const [{ filename, entryCount }] = JSON.parse(
  execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', work], { encoding: 'utf8' }),
)
const tarball = join(work, filename)
console.log(`packed ${entryCount} files`)

run('publint', '--strict', tarball)
run('attw', tarball, '--profile', 'esm-only', '--format', 'ascii')

// A user's project. The tools of the type tests are linked, not installed again.
const project = join(work, 'project')
mkdirSync(join(project, 'node_modules/@types'), { recursive: true })
writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
run('npm', 'install', '--prefix', project, '--no-audit', '--no-fund', '--silent', '--prefer-offline', tarball)
for (const name of ['@types/node', 'ava', 'expect-type', 'zod'])
  symlinkSync(resolve('node_modules', name), join(project, 'node_modules', name), 'dir')

await checkEntriesLoad()
await checkPackagesLoaded()
checkTypes()
checkBrowserTypes()

for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exit(1)

async function checkEntriesLoad() {
  const file = join(project, 'main.js')
  writeFileSync(
    file,
    `export const load = (name) => import(name)\n`, // so that names are resolved from inside the project
  )
  const { load } = await import(pathToFileURL(file).href)
  const require = createRequire(file)
  for (const entry of entries) {
    const namespace = await load(entry)
    expect(Object.keys(namespace).length > 0, `${entry} exports nothing`)
    expect(require(entry) === namespace, `${entry}: require() and import give two different modules`)
  }
  const inner = `${manifest.name}/dist/src/index.js`
  const refused = await load(inner).then(
    () => false,
    (error) => error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED',
  )
  expect(refused, `${inner} loads, though it is no entry`)
  console.log(`loaded ${entries.length} entries by import and by require()`)
}

async function checkPackagesLoaded() {
  const root = join(project, 'node_modules', manifest.name)
  for (const entry of entries) {
    const input = join(root, manifest.exports[entry.replace(manifest.name, '.')].default)
    const bundle = await rollup({ input, external: (id) => !id.startsWith('.') && !isAbsolute(id), logLevel: 'silent' })
    const { output } = await bundle.generate({ format: 'esm' })
    await bundle.close()
    const modules = bundle.watchFiles.length
    const own = output.map((chunk) => chunk.fileName)
    const packages = (ids) => [...new Set(ids)].filter((id) => !isBuiltin(id) && !own.includes(id))
    const atOnce = packages(output.flatMap((chunk) => chunk.imports))
    const later = packages(output.flatMap((chunk) => chunk.dynamicImports))
    for (const id of atOnce) expect(isOneOf(MAY_LOAD[entry], id), `${entry} loads the package ${id}`)
    for (const id of later) expect(isOneOf(MAY_LOAD_LATER[entry], id), `${entry} may load the package ${id} later`)
    const list = [...atOnce, ...later.map((id) => `${id} (when needed)`)].join(' ')
    console.log(`${entry}: ${modules} modules, packages: ${list || 'none'}`)
  }
}

function isOneOf(packages = [], id) {
  return packages.some((name) => id === name || id.startsWith(`${name}/`))
}

function checkTypes() {
  cpSync('test/types', join(project, 'types'), { recursive: true })
  const files = readdirSync(join(project, 'types'), { recursive: true }).filter((name) => name.endsWith('.ts'))
  expect(files.length > 0, 'test/types holds no type test')
  const { compilerOptions } = readTypeScriptConfig('tsconfig.json')
  delete compilerOptions.paths
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const config = join(project, `tsconfig.${moduleResolution}.json`)
    const options = { ...compilerOptions, module, moduleResolution, skipLibCheck: false }
    writeFileSync(config, JSON.stringify({ compilerOptions: options, include: ['types'] }))
    run('tsc', '-p', config)
    console.log(`compiled ${files.length} type tests with moduleResolution ${moduleResolution}`)
  }
}

/** The declarations that a page needs name nothing of Node. */
function checkBrowserTypes() {
  const { compilerOptions } = readTypeScriptConfig('tsconfig.json')
  delete compilerOptions.paths
  const options = { ...compilerOptions, module: 'esnext', moduleResolution: 'bundler', skipLibCheck: false }
  const { lib } = readTypeScriptConfig('tsconfig.browser.json').compilerOptions
  const config = join(project, 'tsconfig.page.json')
  const files = ['types/browser.ts']
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...options, lib, types: [] }, files }))
  run('tsc', '-p', config)
  console.log('compiled the type test of hawser/browser without the types of Node')
}

function readTypeScriptConfig(path) {
  return JSON.parse(readFileSync(path, 'utf8').replace(/^\s*\/\/.*$/gm, ''))
}
