// dist: one ES module for each source module, made from the compiler's output in .build. What is public is what
// "exports" in package.json names.
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'

const manifest = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'))
const BUILD = '.build'
const packages = Object.keys(manifest.dependencies)
const input = Object.values(manifest.exports)
  .filter((entry) => entry.default)
  .map((entry) => entry.default.replace('./dist', BUILD))

/** Hands rollup the compiler's source maps along with its JavaScript. */
const maps = {
  name: 'maps',
  async load(id) {
    if (!id.includes(`${sep}${BUILD}${sep}`)) return null
    const [code, map] = await Promise.all([readFile(id, 'utf8'), readFile(`${id}.map`, 'utf8')])
    return { code: code.replace(/\n\/\/# sourceMappingURL=\S*\s*$/, '\n'), map }
  },
}

/** Puts the compiler's declarations beside the modules they describe. */
const types = {
  name: 'types',
  async generateBundle() {
    for (const top of ['src', 'codecs'])
      for (const entry of await readdir(join(BUILD, top), { recursive: true })) {
        if (!/\.d\.ts(\.map)?$/.test(entry)) continue
        let source = await readFile(join(BUILD, top, entry), 'utf8')
        // The compiler rewrites `./x.ts` in JavaScript only.
        if (entry.endsWith('.d.ts'))
          source = source.replace(/((?:from|import)\s*\(?\s*['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2')
        this.emitFile({ type: 'asset', fileName: join(top, entry).replaceAll(sep, '/'), source })
      }
  },
}

export default {
  input,
  external: (id) => id.startsWith('node:') || packages.some((name) => id === name || id.startsWith(`${name}/`)),
  // An import that is unresolved or unused must not be shipped: every warning is an error.
  onLog: (level, log, next) => (level === 'warn' ? next('error', log) : next(level, log)),
  treeshake: { moduleSideEffects: false },
  plugins: [maps, types],
  output: {
    dir: 'dist',
    format: 'esm',
    preserveModules: true,
    preserveModulesRoot: BUILD,
    sourcemap: true,
    generatedCode: { constBindings: true },
  },
}
