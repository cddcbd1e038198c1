import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { extname } from 'node:path'

/** Where the package's modules are: a browser loads them one by one, as they are. For many visitors, bundle them with the page. */
const PACKAGE = new URL('../../', import.meta.resolve('hawser/browser'))
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

const MOST_CONNECTIONS = 2_000
/** Until a visitor has asked for something: who is silent keeps no other one out for long. */
const TIMES = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 }
/** Of one connection, and not answered. Browsers send one request after the other; whoever does not wait may read nothing, either. */
const MOST_REQUESTS = 8

/**
 * Serves a page at `/`, and the package at `/hawser/`, where the page's import map looks for it.
 * @param page the folder of its index.html
 * @param more further folders, by the name that they have in a path
 */
export function pageServer(page: URL, more: Readonly<Record<string, URL>> = {}): Server {
  const folders = new Map([...Object.entries(more), ['hawser', PACKAGE] as const])
  const files = new Map<string, Promise<Buffer>>()
  const read = (file: URL): Promise<Buffer> => {
    const known = files.get(file.href)
    if (known !== undefined) return known
    const bytes = readFile(file)
    files.set(file.href, bytes) // once, however many ask for it at a time; visitors make up any number of names that are none
    bytes.catch(() => files.delete(file.href))
    return bytes
  }
  const unanswered = new WeakMap<Socket, number>()
  const server = createServer(TIMES, (request, response) => {
    const { socket } = request
    if (socket.destroyed) return
    const count = (unanswered.get(socket) ?? 0) + 1
    if (count > MOST_REQUESTS) {
      socket.destroy()
      return
    }
    unanswered.set(socket, count)
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1))
    const file = fileFor(page, folders, request.url ?? '/')
    const type = file === undefined ? undefined : TYPES[extname(file.pathname)]
    if (request.method !== 'GET' || file === undefined || type === undefined) {
      response.writeHead(404).end()
      return
    }
    read(file).then(
      (bytes) => response.writeHead(200, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(bytes),
      () => response.writeHead(404).end(),
    )
  })
  server.maxConnections = MOST_CONNECTIONS // each is a file of the process: devices and services need some, too
  return server
}

/** Nothing outside of the folders: between two dots there is always a name. */
function fileFor(page: URL, folders: ReadonlyMap<string, URL>, path: string): URL | undefined {
  const [, first = '', rest = ''] = /^\/([^/]*)\/(.*)$/.exec(path) ?? []
  const folder = folders.get(first)
  const name = folder !== undefined ? rest : path === '/' ? 'index.html' : path.slice(1)
  if (!/^[\w-]+(\/[\w-]+)*(\.[\w-]+)?\.(html|css|js)$/.test(name)) return undefined
  return new URL(name, folder ?? page)
}
