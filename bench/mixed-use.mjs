import { dial, json, line, listen, text } from './hawser.mjs'

const WARM_MESSAGES = 1_500
const IN_FLIGHT = 50

/**
 * Carries messages of other codecs over other framings and transports first, and leaves those sessions open: in a real
 * program the call sites of the core have seen more than one shape, and inline caches that have not would flatter.
 */
export async function mixedUse() {
  await exchange('inproc://bench-json', { codec: json() }, { number: 1, name: 'warm', tags: ['a', 'b'] })
  await exchange('inproc://bench-lines', { codec: text(), framing: line() }, 'a line of text')
  await exchange('tcp://127.0.0.1:0', { codec: text(), framing: line() }, 'a line of text')
  await exchange('ws://127.0.0.1:0', { codec: json() }, { number: 2, name: 'warm', tags: [] })
}

async function exchange(where, setup, message) {
  const server = await listen(where, {
    ...setup,
    listener: { onMessage: (session, echoed) => void session.send(echoed) },
  })
  await new Promise((resolve, reject) => {
    let left = WARM_MESSAGES
    const listener = {
      onMessage(session) {
        if (--left === 0) resolve()
        else if (left >= IN_FLIGHT) session.send(message)
      },
    }
    const fill = async () => {
      const session = await dial(server.address, { ...setup, listener })
      for (let i = 0; i < IN_FLIGHT; i++) session.send(message)
    }
    fill().catch(reject)
  })
}
