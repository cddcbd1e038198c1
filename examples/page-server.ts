import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { extname } from 'node:path'

/** Where the package's modules are: a browser loads them one by one, as they are. For many visitors, bundle them with the page. */
const PACKAGE = new URL('../../', import.meta.resolve('hawser/browser'))
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

/**
 * Serves a page at `/`, and the package at `/hawser/`, where the page's import map looks for it.
 * @param page the folder of its index.html
 * @param more further folders, by the name that they have in a path
 */
export function pageServer(page: URL, more: Readonly<Record<string, URL>> = {}): Server {
  const folders = new Map([...Object.entries(more), ['hawser', PACKAGE] as const])
  return createServer((request, response) => {
    const file = fileFor(page, folders, request.url ?? '/')
    const type = file === undefined ? undefined : TYPES[extname(file.pathname)]
    if (request.method !== 'GET' || file === undefined || type === undefined) {
      response.writeHead(404).end()
      return
    }
    readFile(file).then(
      (bytes) => response.writeHead(200, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(bytes),
      () => response.writeHead(404).end(),
    )
  })
}

/** Nothing outside of the folders: between two dots there is always a name. */
function fileFor(page: URL, folders: ReadonlyMap<string, URL>, path: string): URL | undefined {
  const [, first = '', rest = ''] = /^\/([^/]*)\/(.*)$/.exec(path) ?? []
  const folder = folders.get(first)
  const name = folder !== undefined ? rest : path === '/' ? 'index.html' : path.slice(1)
  if (!/^[\w-]+(\/[\w-]+)*(\.[\w-]+)?\.(html|css|js)$/.test(name)) return undefined
  return new URL(name, folder ?? page)
}
