import { method, oneWay, service } from 'hawser/rpc'

/** Where in a document; both count from 0. */
export interface Position {
  readonly line: number
  readonly character: number
}

interface Place {
  readonly textDocument: { readonly uri: string }
  readonly position: Position
}

/** What is wrong with a document. */
export interface Diagnostic {
  readonly range: { readonly start: Position }
  readonly message: string
}

/** What a language server serves: of the Language Server Protocol, the part that is used here. */
export const LanguageServer = service('', {
  initialize: method<
    { processId: number; rootUri: string | null; capabilities: object },
    { capabilities: { hoverProvider?: boolean; completionProvider?: object } }
  >(),
  initialized: oneWay<object>(),
  'textDocument/didOpen': oneWay<{
    textDocument: { uri: string; languageId: string; version: number; text: string }
  }>(),
  'textDocument/hover': method<Place, { contents: { kind: string; value: string } } | null>(),
  'textDocument/completion': method<Place, readonly { label: string }[] | null>(),
  shutdown: method<void, null>(),
  exit: oneWay<void>(),
})

/** What an editor serves: the server calls, too. */
export const Editor = service('', {
  'window/logMessage': oneWay<{ type: number; message: string }>(),
  'textDocument/publishDiagnostics': oneWay<{ uri: string; diagnostics: readonly Diagnostic[] }>(),
  'client/registerCapability': method<object, null>(),
  'workspace/configuration': method<{ items: readonly { section: string }[] }, readonly unknown[]>(),
})
