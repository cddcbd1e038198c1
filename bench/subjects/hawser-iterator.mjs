// The server pulls its messages with `for await`.
import { hawserSubject } from '../hawser-subject.mjs'

async function handle(session) {
  for await (const message of session) session.send(message)
}

export const { echo } = hawserSubject({}, { listener: undefined, handle })
