import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import test from 'ava'

const SAMPLES = '.samples'
const COMPILED = '.build/.samples'
/** Samples end by themselves. */
const TOO_LONG_MS = 20_000

/** Below the ports that the kernel gives to dialers, so that nobody else takes it meanwhile. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000)
    const server = createServer()
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, () => resolve(true))
    })
    if (!free) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

/** Runs a sample as it stands in the text, but on ports that are free here. */
async function runSample(name: string): Promise<{ code: number | null; output: string; errors: string }> {
  const port = await freePort()
  const code = readFileSync(`${COMPILED}/${name}.js`, 'utf8').replaceAll(':7000', `:${port}`)
  const folder = mkdtempSync(`${COMPILED}/run-`)
  writeFileSync(`${folder}/${name}.js`, code)
  const child = spawn(process.execPath, [`${folder}/${name}.js`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (errors += chunk))
  const stop = setTimeout(() => child.kill('SIGKILL'), TOO_LONG_MS)
  const exit = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(stop)
  rmSync(folder, { recursive: true })
  return { code: exit, output: output.replaceAll(`:${port}`, ':7000'), errors }
}

const names = readdirSync(SAMPLES).filter((file) => file.endsWith('.ts'))

test('the pages have samples', (t) => {
  t.true(names.length > 5)
})

for (const file of names) {
  const name = file.replace(/\.ts$/, '')
  test.serial(`the sample ${name} runs and ends well`, async (t) => {
    const { code, output, errors } = await runSample(name)
    t.is(code, 0, `${output}${errors}`)
    t.is(errors, '')
    const expected = `${SAMPLES}/${name}.out`
    if (existsSync(expected)) t.is(output, readFileSync(expected, 'utf8'))
  })
}
