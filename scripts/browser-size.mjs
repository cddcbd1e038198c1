// What a page pays for hawser/browser: bundled from dist, minified, compressed. Ends with status 1 where what a page must
// load before its first message is above the limit, or where the bundle needs anything that is not in it.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { rollup } from 'rollup'
import { minify } from 'terser'

/** Of `connect` and `json`, as servers send it to every browser of today: by brotli. */
const LIMIT_BYTES = 15_000

/** Programs of pages: what they take of the package. */
const PAGES = {
  'connect and json': `
    import { connect } from './dist/src/browser/index.js'
    import { json } from './dist/codecs/index.js'
    globalThis.page = { connect, json }`,
  'all of hawser/browser, and json': `
    import * as browser from './dist/src/browser/index.js'
    import { json } from './dist/codecs/index.js'
    globalThis.page = { ...browser, json }`,
}

for (const [name, source] of Object.entries(PAGES)) {
  const { first, later } = await bundled(source)
  console.log(`hawser/browser, ${name}: ${kilobytes(first)} before the first message`)
  for (const { fileName, code } of later) console.log(`    and where it is asked for, ${fileName}: ${kilobytes(code)}`)
  if (name !== 'connect and json' || brotli(first) <= LIMIT_BYTES) continue
  console.error(`above the limit of ${LIMIT_BYTES / 1000} kB`)
  process.exitCode = 1
}

/** Minified: what a page loads at once, and the parts that few pages ask for. */
async function bundled(source) {
  const page = {
    name: 'page',
    resolveId: (id) => (id === 'page' ? `${process.cwd()}/page.js` : null),
    load: (id) => (id === `${process.cwd()}/page.js` ? source : null),
  }
  // What cannot be resolved would be left to the browser, which cannot, either.
  const onLog = (level, log, next) => (level === 'warn' ? next('error', log) : next(level, log))
  const bundle = await rollup({
    input: 'page',
    plugins: [page],
    onLog,
    treeshake: { moduleSideEffects: false },
    preserveEntrySignatures: 'allow-extension', // the later parts import from the page's own file, as in a page's bundle
  })
  const { output } = await bundle.generate({ format: 'es', chunkFileNames: '[name].js' })
  await bundle.close()
  const chunks = await Promise.all(output.map(async (chunk) => ({ ...chunk, code: await minified(chunk.code) })))
  const names = new Set(firstOf(chunks))
  return {
    first: chunks
      .filter(({ fileName }) => names.has(fileName))
      .map(({ code }) => code)
      .join('\n'),
    later: chunks.filter(({ fileName }) => !names.has(fileName)),
  }
}

/** The entry and all that it imports in any way but `import()`. */
function firstOf(chunks) {
  const names = chunks.filter(({ isEntry }) => isEntry).map(({ fileName }) => fileName)
  for (const name of names) {
    const { imports } = chunks.find(({ fileName }) => fileName === name)
    names.push(...imports.filter((fileName) => !names.includes(fileName)))
  }
  return names
}

async function minified(source) {
  const { code } = await minify(source, { module: true, ecma: 2022, compress: { passes: 3 } })
  return code
}

function kilobytes(code) {
  const gzip = gzipSync(code, { level: 9 }).length
  return `${(brotli(code) / 1000).toFixed(1)} kB minified and compressed (brotli; gzip: ${(gzip / 1000).toFixed(1)} kB)`
}

function brotli(code) {
  const params = {
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_SIZE_HINT]: code.length,
  }
  return brotliCompressSync(code, { params }).length
}
