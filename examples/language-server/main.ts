// An editor's side of the Language Server Protocol: a language server in a process of its own, spoken to through its
// standard input and output. Ends by itself.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { attach } from 'hawser'
import { contentLength } from 'hawser/framing'
import { jsonRpc, rpc } from 'hawser/rpc'
import { type Diagnostic, Editor, LanguageServer } from './protocol.ts'

const uri = 'file:///Dockerfile'
const text = 'FROM node:20\nCOPY . /app\nRUNN npm ci\nEXP'

const program = fileURLToPath(import.meta.resolve('dockerfile-language-server-nodejs/bin/docker-langserver'))
const child = spawn(process.execPath, [program, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] })
const ended = once(child, 'exit')

let diagnose = (_diagnostics: readonly Diagnostic[]): void => {}
const diagnosed = new Promise<readonly Diagnostic[]>((resolve) => {
  diagnose = resolve
})
const session = await attach(
  { readable: child.stdout, writable: child.stdin },
  rpc({
    wire: jsonRpc({ framing: contentLength(), cancelMethod: '$/cancelRequest' }),
    timeoutMs: 10_000,
    onPeer: (peer) =>
      peer.serve(Editor, {
        'window/logMessage': ({ message }) => console.error(message),
        'textDocument/publishDiagnostics': ({ diagnostics }) => diagnose(diagnostics),
        'client/registerCapability': () => null,
        'workspace/configuration': ({ items }) => items.map(() => null),
      }),
  }),
)
const server = session.data.client(LanguageServer)

const { capabilities } = await server.initialize({
  processId: process.pid,
  rootUri: null,
  capabilities: { textDocument: { hover: { contentFormat: ['plaintext'] } } },
})
console.log(`hover: ${capabilities.hoverProvider === true}`)
server.initialized({})
server['textDocument/didOpen']({ textDocument: { uri, languageId: 'dockerfile', version: 1, text } })

for (const { range, message } of await diagnosed) console.log(`line ${range.start.line + 1}: ${message}`)

const hover = await server['textDocument/hover']({ textDocument: { uri }, position: { line: 1, character: 2 } })
console.log(`COPY: ${hover?.contents.value.split('\n')[0]}`)

const completion = await server['textDocument/completion']({
  textDocument: { uri },
  position: { line: 3, character: 3 },
})
console.log(`EXP: ${completion?.map(({ label }) => label).join(', ')}`)

await server.shutdown()
server.exit()
const [status] = (await ended) as [number]
await session.close()
console.log(`the server has ended with status ${status}`)
