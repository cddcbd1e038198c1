import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { rollup } from 'rollup'

const EXECUTABLE = '/usr/bin/chromium'
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--ignore-certificate-errors', // of the authorities that tests make up
]
/** What the page's program names so is given by this module: the package's own build for browsers. */
const PROTOBUFJS = `import '/protobuf.js'; export default globalThis.protobuf`
/** Its modules, which a bundler takes; Node would be given another kind. */
const MSGPACK = resolve('node_modules/@msgpack/msgpack/dist.esm/index.mjs')
const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Debian's Chromium with a profile of its own, and an HTTP server for pages. */
export class Chromium {
  readonly origin: string
  readonly #server: Server
  readonly #context: BrowserContext
  readonly #profile: string

  private constructor(server: Server, context: BrowserContext, profile: string) {
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.#server = server
    this.#context = context
    this.#profile = profile
  }

  /**
   * @param program of the page that `open` opens by itself; it imports from the package's sources, as `src/x.js`, and from the tests
   * @param files further ones, by their path
   */
  static async start(program = '', files: Readonly<Record<string, string>> = {}): Promise<Chromium> {
    const served = new Map(Object.entries(files))
    for (const [name, code] of program === '' ? [] : await bundled(program)) served.set(`/${name}`, code)
    served.set('/protobuf.js', readFileSync('node_modules/protobufjs/dist/protobuf.js', 'utf8'))
    served.set('/protobufjs.js', PROTOBUFJS)
    served.set('/', PAGE)
    const server = createServer(({ url = '' }, response) => {
      const text = served.get(url)
      const type = url === '/' ? 'text/html' : url.endsWith('.js') ? 'text/javascript' : 'text/plain'
      response.writeHead(text === undefined ? 404 : 200, { 'content-type': `${type}; charset=utf-8` }).end(text)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const profile = mkdtempSync(join(tmpdir(), 'hawser-chromium-'))
    const context = await chromium.launchPersistentContext(profile, { executablePath: EXECUTABLE, args: FLAGS })
    return new Chromium(server, context, profile)
  }

  /** A page on which the program has run. What it throws fails the test that looks at `errors`. */
  async open(url = `${this.origin}/`): Promise<{ readonly page: Page; readonly errors: readonly string[] }> {
    const page = await this.#context.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.goto(url)
    return { page, errors }
  }

  /** The page, once its program has said so, closed when the test is over. Nothing in it may have thrown. */
  async ready(t: ExecutionContext): Promise<Page> {
    const { page, errors } = await this.open()
    t.teardown(async () => {
      await page.close()
      if (errors.length > 0) throw new Error(`the page threw: ${errors.join('; ')}`)
    })
    await page.waitForFunction('globalThis.ready')
    return page
  }

  async stop(): Promise<void> {
    await this.#context.close()
    this.#server.closeAllConnections()
    this.#server.close()
    rmSync(this.#profile, { recursive: true, force: true })
  }
}

/** Runs an async function's body in the page; gives what it returns. */
export function run(page: Page, body: string): Promise<unknown> {
  return page.evaluate(`(async () => { ${body} })()`)
}

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>hawser/browser</title>
<link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "protobufjs": "/protobufjs.js" } }</script>
<script type="module" src="/page.js"></script>
`

/** `page.js`, the program with all of ours that it imports, and what it may load later, by name. @throws where it needs a module of Node */
async function bundled(program: string): Promise<[name: string, code: string][]> {
  const main = `${ROOT}page.js`
  const bundle = await rollup({
    input: main,
    plugins: [
      {
        name: 'program',
        resolveId: (id) => (id === main ? id : id === '@msgpack/msgpack' ? MSGPACK : null),
        load: (id) => (id === main ? program.replaceAll(/'((?:src|codecs|test)\/[^']+)'/g, `'${ROOT}$1'`) : null),
      },
    ],
    external: ['protobufjs'],
    onLog: (level, log, next) => (level === 'warn' ? next('error', log) : next(level, log)),
  })
  const { output } = await bundle.generate({ format: 'es' })
  await bundle.close()
  return output.map((made) => [made.fileName, 'code' in made ? made.code : ''])
}
