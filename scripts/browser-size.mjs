// What a page pays for hawser/browser: bundled from dist, minified, compressed. Ends with status 1 above the limit, or
// where the bundle needs anything that is not in it.
import { gzipSync } from 'node:zlib'
import { rollup } from 'rollup'
import { minify } from 'terser'

/** What it is, rounded up, so that it does not grow unseen; the aim is 15 kB (docs/decisions.md). */
const LIMIT_BYTES = 33_000

/** Programs of pages: what they take of the package. */
const PAGES = {
  'connect and json': `
    export { connect } from './dist/src/browser/index.js'
    export { json } from './dist/codecs/index.js'`,
  'all of hawser/browser, and json': `
    export * from './dist/src/browser/index.js'
    export { json } from './dist/codecs/index.js'`,
}

for (const [name, source] of Object.entries(PAGES)) {
  const bytes = await bundledBytes(source)
  console.log(`hawser/browser, ${name}: ${(bytes / 1000).toFixed(1)} kB minified and compressed`)
  if (bytes > LIMIT_BYTES) {
    console.error(`above the limit of ${LIMIT_BYTES / 1000} kB`)
    process.exitCode = 1
  }
}

async function bundledBytes(source) {
  const page = {
    name: 'page',
    resolveId: (id) => (id === 'page' ? `${process.cwd()}/page.js` : null),
    load: (id) => (id === `${process.cwd()}/page.js` ? source : null),
  }
  // What cannot be resolved would be left to the browser, which cannot, either.
  const onLog = (level, log, next) => (level === 'warn' ? next('error', log) : next(level, log))
  const bundle = await rollup({ input: 'page', plugins: [page], onLog, treeshake: { moduleSideEffects: false } })
  const { output } = await bundle.generate({ format: 'es' })
  await bundle.close()
  const { code } = await minify(output[0].code, { module: true, ecma: 2022, compress: { passes: 2 } })
  return gzipSync(code, { level: 9 }).length
}
