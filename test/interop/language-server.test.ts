import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { contentLength } from '../../codecs/framing/index.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { attach } from '../../src/node.ts'
import { jsonRpc, method, oneWay, rpc, service } from '../../src/rpc/index.ts'
import { until } from '../../src/testing/conformance/party.ts'

interface Place {
  readonly textDocument: { readonly uri: string }
  readonly position: { readonly line: number; readonly character: number }
}

const LanguageServer = service('', {
  initialize: method<{ processId: number; rootUri: null; capabilities: object }, { capabilities: object }>(),
  initialized: oneWay<object>(),
  'textDocument/didOpen': oneWay<{ textDocument: object }>(),
  'textDocument/hover': method<Place, { contents: { value: string } } | null>(),
  'textDocument/documentSymbol': method<{ textDocument: { uri: string } }, { name: string }[]>(),
  'textDocument/nothing': method<object, unknown>(),
  shutdown: method<void, null>(),
  exit: oneWay<void>(),
})
const Editor = service('', {
  'textDocument/publishDiagnostics': oneWay<{ uri: string; diagnostics: readonly { message: string }[] }>(),
})

const program = fileURLToPath(import.meta.resolve('dockerfile-language-server-nodejs/bin/docker-langserver'))

test('a language server over standard input and output: from initialize to exit', async (t) => {
  const child = spawn(process.execPath, [program, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const diagnosed = new Map<string, number>()
  const session = await attach(
    { readable: child.stdout, writable: child.stdin },
    {
      ...rpc({
        wire: jsonRpc({ framing: contentLength(), cancelMethod: '$/cancelRequest', maxKeys: 1_000_000 }),
        timeoutMs: 20_000,
        onPeer: (peer) =>
          peer.serve(Editor, {
            'textDocument/publishDiagnostics': ({ uri, diagnostics }) => diagnosed.set(uri, diagnostics.length),
          }),
      }),
      maxFrameBytes: 16 * 1024 * 1024,
    },
  )
  t.teardown(() => session.destroy())
  const server = session.data.client(LanguageServer)

  const { capabilities } = await server.initialize({
    processId: process.pid,
    rootUri: null,
    capabilities: { textDocument: { hover: { contentFormat: ['plaintext'] } } },
  })
  t.like(capabilities, { hoverProvider: true })
  server.initialized({})

  // A message that comes in many chunks, with letters of several bytes.
  const lines = 200
  const text = `FROM node:20\n# ${'grüße 漢字 '.repeat(20_000)}\n${'RUN echo "grüße 漢字"\n'.repeat(lines)}WRONG`
  const uri = 'file:///Dockerfile'
  server['textDocument/didOpen']({ textDocument: { uri, languageId: 'dockerfile', version: 1, text } })
  t.is((await server['textDocument/documentSymbol']({ textDocument: { uri } })).length, lines + 2)
  await until(systemEnv, () => diagnosed.has(uri), 'diagnostics have come')
  t.true((diagnosed.get(uri) ?? 0) > 0)

  const hovers = await Promise.all(
    Array.from({ length: 50 }, (_, at) => server['textDocument/hover'](place(uri, at === 0 ? 0 : at + 1))),
  )
  t.regex(hovers[0]?.contents.value ?? '', /baseImage/)
  t.true(hovers.slice(1).every((hover) => hover?.contents.value === hovers[1]?.contents.value))

  t.like(await t.throwsAsync(server['textDocument/nothing']({})), { status: 'unimplemented', jsonRpcCode: -32_601 })
  t.is(await server.shutdown(), null)
  server.exit()
  t.deepEqual(await exit, [0, null])
  t.is((await session.closed).by, 'remote')
})

function place(uri: string, line: number): Place {
  return { textDocument: { uri }, position: { line, character: 1 } }
}
