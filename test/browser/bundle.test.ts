import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import test from 'ava'
import { rollup } from 'rollup'
import { ScriptedWebSocket } from '../support/scripted-web-socket.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const ENTRIES = ['src/browser/index.js', 'codecs/index.js', 'codecs/framing/index.js']

/** All of these modules as one script; `external` is what it would ask its host for. */
async function bundle(): Promise<{ readonly code: string; readonly modules: string[]; readonly external: string[] }> {
  const main = `${ROOT}page.js`
  const source = ENTRIES.map((entry) => `export * from '${ROOT}${entry}'`).join('\n')
  const external: string[] = []
  const made = await rollup({
    input: main,
    plugins: [
      { name: 'page', resolveId: (id) => (id === main ? id : null), load: (id) => (id === main ? source : null) },
    ],
    onLog: (_level, { code, exporter, message }) => external.push(`${code} ${exporter ?? message}`),
  })
  const { output } = await made.generate({ format: 'iife', name: 'hawser', inlineDynamicImports: true })
  await made.close()
  const modules = Object.keys(output[0].modules).map((id) => id.replace(ROOT, ''))
  return { code: output[0].code, modules: modules.filter((id) => id !== 'page.js'), external }
}

test('hawser/browser, the codecs and the framings need core and each other, and no module of Node', async (t) => {
  const { modules, external } = await bundle()
  t.deepEqual(external, [])
  t.true(modules.length > 40)
  t.deepEqual(
    modules.filter((id) => !/^(src\/(core|browser)|codecs)\//.test(id)),
    [],
  )
})

test('a session lives where there is nothing but what browsers have', async (t) => {
  const { code } = await bundle()
  const sockets: ScriptedWebSocket[] = []
  class WebSocket extends ScriptedWebSocket {
    constructor(url: string, subprotocols: string[]) {
      super(url, subprotocols)
      sockets.push(this)
    }
  }
  // Of Node's globals only those that a browser has, too: no Buffer, no process, no setImmediate.
  const { performance, crypto, setTimeout, clearTimeout, queueMicrotask, MessageChannel, console } = globalThis
  const { TextEncoder, TextDecoder, AbortController, AbortSignal, URL } = globalThis
  const platform = { performance, crypto, setTimeout, clearTimeout, queueMicrotask, MessageChannel, console }
  const page = createContext({ ...platform, TextEncoder, TextDecoder, AbortController, AbortSignal, URL, WebSocket })
  runInContext(code, page)
  const heard = runInContext(
    `const heard = []
     const client = hawser.connect('wss://example.org/chat', {
       codec: hawser.json(),
       listener: {
         onOpen: (session) => { session.send({ name: 'änn' }) },
         onMessage: (_session, message) => { heard.push(message) },
       },
     })
     heard`,
    page,
  ) as unknown[]
  const [socket] = sockets
  t.is(socket?.url, 'wss://example.org:443/chat')
  t.is(socket?.binaryType, 'arraybuffer')
  socket?.opens()
  await new Promise((resolve) => setTimeout(resolve, 5))
  t.deepEqual(socket?.sent, ['{"name":"änn"}'])
  socket?.receives('{"text":"höllo"}')
  t.is(JSON.stringify(heard), '[{"text":"höllo"}]')
  t.true(runInContext(`typeof Buffer + typeof process === 'undefinedundefined'`, page))
  runInContext('client.destroy()', page) // its timers would keep this process
})
