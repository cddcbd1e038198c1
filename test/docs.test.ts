import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { basename, dirname, resolve } from 'node:path'
import test from 'ava'
import { LIMIT_DEFAULTS } from '../src/core/session-options.ts'
import { RPC_STATUSES } from '../src/rpc/rpc-status.ts'

const SAMPLES = '.samples'
const COMPILED = '.build/.samples'
/** Samples end by themselves. */
const TOO_LONG_MS = 20_000

/** Below the ports that the kernel gives to dialers, so that nobody else takes it meanwhile. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000)
    const server = createServer()
    const free = await new Promise<boolean>((told) => {
      server.once('error', () => told(false))
      server.listen(port, () => told(true))
    })
    if (!free) continue
    await new Promise((closed) => server.close(closed))
    return port
  }
}

/**
 * Runs a sample, `PAGE/NAME`, as it stands in the text, beside the others of its page, but on ports that are free here. Where the
 * page has commands to type first, they are run in the same folder.
 */
async function runSample(sample: string): Promise<{ code: number | null; output: string; errors: string }> {
  const port = await freePort()
  const page = dirname(sample)
  const folder = resolve(mkdtempSync(`${COMPILED}/run-`))
  for (const file of readdirSync(`${COMPILED}/${page}`)) {
    if (!file.endsWith('.js')) continue
    writeFileSync(
      `${folder}/${file}`,
      readFileSync(`${COMPILED}/${page}/${file}`, 'utf8').replaceAll(':7000', `:${port}`),
    )
  }
  const setup = resolve(SAMPLES, page, 'setup.sh')
  const cwd = existsSync(setup) ? folder : '.'
  if (cwd === folder) execFileSync('sh', ['-e', setup], { cwd, stdio: 'pipe' })
  // Without compiling beside the main thread: a process that ends meanwhile may wait for ever (nodejs/node#54918).
  const args = ['--no-concurrent-recompilation', `${folder}/${basename(sample)}.js`]
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (errors += chunk))
  const stop = setTimeout(() => child.kill('SIGKILL'), TOO_LONG_MS)
  const exit = await new Promise<number | null>((done) => child.on('close', done))
  clearTimeout(stop)
  rmSync(folder, { recursive: true })
  return { code: exit, output: output.replaceAll(`:${port}`, ':7000'), errors }
}

/** A default as the page writes it. */
function shown(value: number | string): string {
  if (typeof value === 'string') return `'${value}'`
  if (value >= 1024 * 1024 && value % (1024 * 1024) === 0) return `${value / (1024 * 1024)} MiB`
  if (value >= 1024 && value % 1024 === 0) return `${value / 1024} KiB`
  return String(value).replace(/(\d)(\d{3})$/, '$1 $2')
}

function codes(text: string): string[] {
  return [...new Set(text.match(/\bERR_[A-Z_]+\b/g))].toSorted()
}

test('docs/errors.md has every code, and no other', (t) => {
  const [, union = ''] = /export type ErrorCode =(.*?)\n\n/s.exec(readFileSync('src/core/errors.ts', 'utf8')) ?? []
  const table = readFileSync('docs/errors.md', 'utf8').match(/^\| ERR_[A-Z_]+ /gm) ?? []
  t.true(codes(union).length > 20)
  t.deepEqual(codes(table.join('')), codes(union))
  t.notRegex(readFileSync('docs/errors.md', 'utf8'), /^\| ERR_.*\| *\|$/m, 'each says what to do')
})

test('docs/rpc.md has every status, and no other', (t) => {
  const [, errors = ''] = /^## Errors\n(.*?)^## /ms.exec(readFileSync('docs/rpc.md', 'utf8')) ?? []
  const listed = [...errors.matchAll(/^\| `(\w+)` \|/gm)].map(([, status]) => status)
  t.deepEqual(listed, [...RPC_STATUSES])
})

test('docs/backpressure.md tells each limit with its default', (t) => {
  const page = readFileSync('docs/backpressure.md', 'utf8')
  for (const [name, value] of Object.entries(LIMIT_DEFAULTS)) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\``))
    t.true(row?.split('|')[2]?.includes(shown(value)), `${name}: ${shown(value)} in ${row}`)
  }
})

const samples = readdirSync(SAMPLES, { recursive: true })
  .map((file) => String(file).replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.browser.ts'))
  .map((file) => file.replace(/\.ts$/, ''))
  .toSorted()

test('the pages have samples', (t) => {
  t.true(samples.length > 50, `${samples.length} samples`)
})

for (const sample of samples) {
  test.serial(`the sample ${sample} runs and ends well`, async (t) => {
    const { code, output, errors } = await runSample(sample)
    t.is(code, 0, `${output}${errors}`)
    t.is(errors, '')
    const expected = `${SAMPLES}/${sample}.out`
    if (existsSync(expected)) t.is(output, readFileSync(expected, 'utf8'))
  })
}
