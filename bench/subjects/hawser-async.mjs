// The server's listener is an async function.
import { hawserSubject } from '../hawser-subject.mjs'

const listener = {
  async onMessage(session, message) {
    session.send(message)
  },
}

export const { echo } = hawserSubject({}, { listener })
