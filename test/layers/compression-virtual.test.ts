import test from 'ava'
import { compression } from '../../src/layers/compression.ts'
import { verifyLayer } from '../../src/testing/conformance/layer.ts'
import { text } from '../../codecs/text.ts'
import { line } from '../../codecs/framing/line.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'
import { runningEnv } from '../support/running-env.ts'
import { suite } from '../support/suite.ts'

const clock = runningEnv(1)
verifyLayer(suite, 'compression in a virtual Env', { wrap: compression({ algorithm: 'deflate' }), env: clock.env })

test('two worlds of one seed compress in the same order', async (t) => {
  const stories = await Promise.all([story(), story()])
  t.deepEqual(stories[0], stories[1])
  t.true(stories[0].length > 20)
})

test.after.always('nothing is left', (t) => {
  t.is(clock.stop(), 0)
})

/** What two sessions that compress hear of each other, and when. */
async function story(): Promise<string[]> {
  const world = new EndpointWorld(7)
  world.env.network.setFaults({ latencyMs: 3, jitterMs: 5, sliceBytes: 700 })
  const heard: string[] = []
  const setup = { codec: text(), framing: line(), wrap: [compression({ algorithm: 'gzip' })] }
  const note = (who: string, what: string) => void heard.push(`${world.env.now()} ${who} ${what}`)
  const server = await world.listen('tcp://*:7000', {
    ...setup,
    listener: {
      onMessage(session, message) {
        note('server', message.slice(0, 9))
        session.send(message)
      },
      onClose: (_session, cause) => note('server', cause.by),
    },
  })
  const dialing = world.dial('tcp://127.0.0.1:7000', {
    ...setup,
    listener: { onMessage: (_session, message) => note('client', message.slice(0, 9)) },
  })
  await world.env.advance(100)
  const session = await dialing
  for (let i = 0; i < 10; i++) session.send(`message ${i}${'.'.repeat(i * 300)}`)
  await world.env.advance(1_000)
  const closing = session.close()
  await world.env.advance(1_000)
  await closing
  await server.close()
  return heard
}
