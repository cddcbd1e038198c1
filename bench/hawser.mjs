import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The built package, or the build that `--against` names. */
const dist = pathToFileURL(
  resolve(process.env.HAWSER_BUILD ?? fileURLToPath(new URL('../dist', import.meta.url))) + '/',
)

export const { dial, listen } = await import(new URL('src/index.js', dist).href)
export const { json, raw, text } = await import(new URL('codecs/index.js', dist).href)
export const { loadProto, protobuf, protobufBody, protobufServiceFrom } = await import(
  new URL('codecs/protobuf.js', dist).href
)
export const { line } = await import(new URL('codecs/framing/index.js', dist).href)
export const { binary, jsonBody, jsonRpc, method, rawBody, rpc, serverStream, service } = await import(
  new URL('src/rpc/index.js', dist).href
)
