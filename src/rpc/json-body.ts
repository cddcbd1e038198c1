import { JsonText } from '../core/json-text.ts'
import type { RpcBody } from '../core/rpc-body.ts'

const json = /* @__PURE__ */ new JsonText()

/**
 * JSON, bounded as `json()` of hawser/codecs is, and no bytes at all for undefined: `void` methods have neither argument
 * nor result.
 */
export const jsonBody: RpcBody = {
  name: 'json',
  encode(value, out) {
    if (value !== undefined) out.utf8(json.toText(value))
  },
  decode: (bytes) => (bytes.length === 0 ? undefined : json.parse(bytes)),
}
