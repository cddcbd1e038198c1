import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import { text } from '../../codecs/text.ts'
import { dial, listen } from '../../src/node.ts'
import { type DatagramFaults, faultyDatagrams } from '../../src/testing/faulty-datagrams.ts'
import { noLeaks, resources } from '../support/leaks.ts'

const COUNT = 200
const texts = { codec: text() }

/** A server that notes the numbers that it hears, and where they come from. */
async function hearing(answers = false) {
  const heard: string[] = []
  const ports = new Set<number>()
  const server = await listen('udp://127.0.0.1:0', {
    ...texts,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    listener: {
      onMessage(session, message) {
        heard.push(message)
        ports.add(session.remoteAddress.port)
        if (answers) session.send(message)
      },
      onError() {},
    },
  })
  return { server, heard, ports }
}

/** What is heard of the numbers from 0 on. */
async function passed(faults: DatagramFaults & { readonly seed?: number }): Promise<string[]> {
  const { server, heard } = await hearing()
  const link = await faultyDatagrams(server.address, faults)
  const session = await dial(link.address, texts)
  for (let i = 0; i < COUNT; i++) {
    await session.deliver(`${i}`)
    if (i % 20 === 0) await delay(1) // a socket's buffer has room for some
  }
  for (let before = -1; before < heard.length; ) {
    before = heard.length
    await delay(100)
  }
  session.destroy()
  server.destroy()
  await link[Symbol.asyncDispose]()
  return heard
}

test.serial('D-04: without faults all datagrams pass, and answers find their way back', async (t) => {
  const before = resources()
  const { server, heard } = await hearing(true)
  const link = await faultyDatagrams(server.address)
  const sessions = await Promise.all([1, 2].map(() => dial(link.address, texts)))
  for (const [at, session] of sessions.entries()) {
    session.send(`to ${at}`)
    t.is(await session.receive({ timeoutMs: 5_000 }), `to ${at}`)
  }
  t.deepEqual(heard, ['to 0', 'to 1'])
  for (const session of sessions) session.destroy()
  server.destroy()
  await link[Symbol.asyncDispose]()
  await noLeaks(t, before)
})

test.serial('D-04: loss, doubles and changes are as the faults say, and the same for the same seed', async (t) => {
  const faults = { lossRatio: 0.2, duplicateRatio: 0.1, corruptRatio: 0.1, seed: 7 }
  const heard = await passed(faults)
  const right = new Set(heard.filter((message) => /^(0|[1-9]\d*)$/.test(message) && Number(message) < COUNT))
  t.true(heard.length > COUNT * 0.6 && heard.length < COUNT * 1.1, `${heard.length} came`)
  t.true(right.size < COUNT * 0.95, `${right.size} came as they were`)
  t.deepEqual(await passed(faults), heard, 'again')
  t.notDeepEqual(await passed({ ...faults, seed: 8 }), heard)
})

test.serial('D-04: with jitter they overtake each other, and all arrive', async (t) => {
  const heard = await passed({ latencyMs: 1, jitterMs: 40 })
  const numbers = heard.map(Number)
  t.true(numbers.some((number, at) => number < (numbers[at - 1] ?? 0)))
  t.deepEqual(
    numbers.toSorted((one, other) => one - other),
    Array.from({ length: COUNT }, (_, i) => i),
  )
})

test.serial(
  'D-06: after rebind the target meets the same peer at another port; a cut loses what is sent',
  async (t) => {
    const { server, heard, ports } = await hearing(true)
    const link = await faultyDatagrams(server.address)
    const session = await dial(link.address, texts)
    const ask = async (question: string): Promise<void> => {
      session.send(question)
      t.is(await session.receive({ timeoutMs: 5_000 }), question)
    }
    await ask('one')
    link.rebind()
    await ask('two')
    t.is(ports.size, 2)
    t.is(server.sessions.size, 2)
    link.cut()
    session.send('lost')
    await delay(50)
    link.heal()
    await ask('three')
    t.deepEqual(heard, ['one', 'two', 'three'])
    link.setFaults({ lossRatio: 1 })
    session.send('lost')
    await delay(50)
    link.setFaults({})
    await ask('four')
    session.destroy()
    server.destroy()
    await link[Symbol.asyncDispose]()
  },
)

test('what is for streams is refused, and so is a target that is none', async (t) => {
  const refused = (options: object, target = 'udp://127.0.0.1:9') =>
    t.throwsAsync(faultyDatagrams(target, options), { code: 'ERR_BAD_OPTION' })
  for (const name of ['sliceBytes', 'windowBytes', 'cutAfterBytes', 'bytesPerSecond'])
    t.regex((await refused({ [name]: 1 })).message, /is for streams/)
  await refused({ dials: 'refuse' })
  await refused({ lossRatio: 2 })
  await refused({ losRatio: 0.2 })
  await refused({}, 'tcp://127.0.0.1:9')
})
