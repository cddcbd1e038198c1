import type { Env, Net } from '../core/env.ts'
import { badOption } from '../core/errors.ts'

/** The Env's sockets. @throws ERR_BAD_OPTION where it has none, as in a browser */
export function requiredNet(env: Env): Net {
  if (env.net === undefined) throw badOption('env', 'has no sockets')
  return env.net
}
