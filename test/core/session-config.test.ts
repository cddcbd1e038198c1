import test, { type ExecutionContext } from 'ava'
import { line } from '../../codecs/framing/line.ts'
import { sized } from '../../codecs/framing/sized.ts'
import { text } from '../../codecs/text.ts'
import { isHawserError } from '../../src/core/errors.ts'
import { throws } from '../../src/testing/conformance/check.ts'
import { embed } from '../../src/testing/embed.ts'
import { EndpointWorld, outcome } from '../support/endpoint-world.ts'

const codec = text()

/** What plain JavaScript may write. */
const untyped = (options: object): never => ({ codec, ...options }) as never

async function named(t: ExecutionContext, options: object, option: string, complaint = /./): Promise<void> {
  const { error } = await outcome(new EndpointWorld().listen('inproc://x', untyped(options)))
  if (!isHawserError(error, 'ERR_BAD_OPTION')) return t.fail(`${option}: ${String(error)}`)
  t.is(error.option, option)
  t.regex(error.message, complaint)
}

class Listener {
  readonly online = 5
  readonly onlooker = true
  onMessage(): void {}
}

test('a misspelt option is an error at once, and says what was probably meant', async (t) => {
  await named(t, { maxFrameByte: 5 }, 'maxFrameByte', /did you mean maxFrameBytes\?/)
  await named(t, { idletimeoutms: 5 }, 'idletimeoutms', /did you mean idleTimeoutMs\?/)
  await named(t, { farming: line() }, 'farming', /did you mean framing\?/)
  await named(t, { colour: 1 }, 'colour', /is unknown$/)
  await named(t, { reconnect: false }, 'reconnect', /is unknown/) // a client's, not a server's
  await named(t, { heartbeat: { interval: 1, timeoutMs: 2 } }, 'heartbeat.interval', /intervalMs\?/)
  await named(t, { heartbeat: { every: 1 } }, 'heartbeat.every', /there are intervalMs, timeoutMs/)
  await named(t, { heartbeat: 5 }, 'heartbeat', /must be an object/)
  await named(t, { listener: { onmessage: () => {} } }, 'listener.onmessage', /did you mean onMessage\?/)
  await named(t, { listener: { onMesage: () => {} } }, 'listener.onMesage', /did you mean onMessage\?/)
  await named(t, { listener: { onConnect: () => {} } }, 'listener.onConnect', /there are onOpen, onMessage/)
  const world = new EndpointWorld()
  const wrong = { reconnect: { maxAttempt: 3 } }
  t.regex(throws(() => world.connect('inproc://x', untyped(wrong)), 'ERR_BAD_OPTION').message, /maxAttempts\?/)
  const dialed = await outcome(world.dial('inproc://x', untyped({ timeoutMS: 3 })))
  t.regex(String(dialed.error), /did you mean timeoutMs\?/)
})

test('what an option is made of is looked at before anybody listens', async (t) => {
  await named(t, { listener: { onMessage: 'log' } }, 'listener.onMessage', /must be a function/)
  await named(t, { listener: Listener }, 'listener', /is a class/)
  await named(t, { listener: null }, 'listener', /object with hooks/)
  await named(t, { framing: { next: () => {} } }, 'framing', /such as line\(\)/)
  await named(t, { codec: 'json' }, 'codec', /must be an object/)
  await named(t, { codec: { encode() {} } }, 'codec.decode', /must be a function/)
  await named(t, { logger: { warn() {} } }, 'logger.debug', /must be a function/)
  await named(t, { stages: [undefined] }, 'stages', /must be a function/)
  await named(t, { heartbeat: { intervalMs: 1, timeoutMs: 2, message: undefined } }, 'heartbeat.message', /required/)
  await named(t, { highWaterMarkBytes: 6, maxBufferedBytes: 5 }, 'highWaterMarkBytes', /maxBufferedBytes/)
  throws(() => sized(5 as never), 'ERR_BAD_OPTION')
  const { error } = await outcome(embed(untyped({ framing: () => 5 })))
  t.regex(String(error), /framing .*did you forget to call it/)
  t.regex(String((await outcome(embed(untyped({ framing: sized })))).error), /option sizeOf/)
  const staged = await outcome(embed(untyped({ stages: [() => {}] })))
  t.regex(String(staged.error), /option stages has a function that gave undefined/)
})

test('no options at all, and none that are an object, are errors of ours', async (t) => {
  const world = new EndpointWorld()
  for (const options of [undefined, null, 5, 'json'] as never[]) {
    for (const { error } of [
      await outcome(world.listen('inproc://x', options)),
      await outcome(world.dial('inproc://x', options)),
    ]) {
      t.true(isHawserError(error, 'ERR_BAD_OPTION'), String(error))
    }
    throws(() => world.connect('inproc://x', options), 'ERR_BAD_OPTION')
  }
})

test('frozen options, getters, explicit undefined, groups and members of a class are all fine', async (t) => {
  const world = new EndpointWorld()
  const frozen = Object.freeze({
    codec,
    listener: Object.freeze(new Listener()),
    data: undefined,
    handle: undefined,
    heartbeat: undefined,
    limits: undefined,
    colour: undefined,
    tcp: Object.freeze({ noDelay: false }),
    get maxFrameBytes() {
      return 5
    },
  })
  const server = await world.listen('inproc://x', frozen)
  const session = await world.dial('inproc://x', { codec, listener: { onMessage() {}, online: true } as object })
  t.is(session.phase, 'open')
  const embedded = await embed(untyped({ tcp: {}, tls: {} }))
  t.is(embedded.session.phase, 'open')
  await server.close()
})

test('an address that is none is ERR_BAD_ADDRESS, whatever it is', async (t) => {
  const world = new EndpointWorld()
  for (const where of [undefined, null, 5, {}, new URL('tcp://host:1'), [undefined]] as never[]) {
    for (const { error } of [
      await outcome(world.listen(where, { codec })),
      await outcome(world.dial(where, { codec })),
    ]) {
      t.true(isHawserError(error, 'ERR_BAD_ADDRESS'), String(error))
    }
    throws(() => world.connect(where, { codec }), 'ERR_BAD_ADDRESS')
  }
  const { error } = await outcome(world.dial('tcp://localhost:0', { codec }))
  t.true(isHawserError(error, 'ERR_BAD_ADDRESS') && error.part === 'port', String(error))
})
