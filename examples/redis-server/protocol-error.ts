import { HawserError } from 'hawser'
import { RespError } from './reply.ts'

/** What ends a session whose peer does not speak RESP; its `cause` is the answer to send before. */
export function protocolError(code: 'ERR_BAD_FRAME' | 'ERR_BAD_MESSAGE', complaint: string): HawserError {
  return new HawserError<'ERR_BAD_FRAME' | 'ERR_BAD_MESSAGE'>(code, complaint, {
    cause: new RespError(`ERR Protocol error: ${complaint}`),
  })
}
