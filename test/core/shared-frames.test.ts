import test from 'ava'
import fc from 'fast-check'
import { raw } from '../../codecs/raw.ts'
import { copy } from '../../src/core/bytes.ts'
import { Outbound } from '../../src/core/outbound.ts'
import { PLAIN } from '../../src/core/plain-framing.ts'
import { runtimeOf } from '../../src/core/runtime.ts'
import { LIMIT_DEFAULTS } from '../../src/core/session-options.ts'
import { HeldConnection } from '../../src/testing/held-connection.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'

/** As a socket: unless it is full, the kernel takes at once what is written, and nobody here looks at that memory any more. */
class Kernel extends HeldConnection {
  readonly copiesWrites = true
  #isFull = false

  override get bufferedBytes(): number {
    return this.#isFull ? super.bufferedBytes : 0
  }

  override write(chunk: Uint8Array, taken?: () => void, text?: boolean): void {
    super.write(this.#isFull ? chunk : copy(chunk), taken, text)
  }

  override stall(): void {
    this.#isFull = true
    super.stall()
  }

  override drain(): void {
    super.drain()
    this.#isFull = false
  }
}

const nobody = { outboundDrained() {}, outboundFailed() {}, outboundBehind() {} }

/** A sending half on a connection that is a socket, and what it should have sent. */
function receiver(env: VirtualEnv) {
  const connection = new Kernel({ env })
  const outbound = new Outbound<Uint8Array>(connection, raw(), PLAIN, LIMIT_DEFAULTS, runtimeOf(env), nobody)
  return { connection, outbound, expected: [] as Uint8Array[] }
}

function framed(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.length)
  new DataView(frame.buffer).setUint32(0, body.length)
  frame.set(body, 4)
  return frame
}

/** Whether that and nothing else was written; no diff of megabytes. */
function isAsExpected({ connection, expected }: ReturnType<typeof receiver>): boolean {
  return Buffer.concat(connection.writes.map(({ bytes }) => bytes)).equals(Buffer.concat(expected))
}

test('frames of several broadcasts in a turn leave in one piece for each receiver, which is the same memory for all', async (t) => {
  const env = virtualEnv()
  const receivers = [receiver(env), receiver(env), receiver(env)]
  const places = new Set<ArrayBufferLike>()
  for (const { connection } of receivers) {
    const write = connection.write.bind(connection)
    connection.write = (chunk, taken, text) => {
      places.add(chunk.buffer)
      t.is(chunk.length, 10 * 1004)
      write(chunk, taken, text)
    }
  }
  for (let number = 0; number < 10; number++) {
    const body = new Uint8Array(1000).fill(number)
    for (const { outbound, expected } of receivers) {
      t.true(outbound.putBody(body, false))
      expected.push(framed(body))
    }
  }
  await env.settle()
  t.is(places.size, 1)
  for (const { connection } of receivers) t.is(connection.writes.length, 1)
  t.true(receivers.every(isAsExpected))
})

test('a slab that is full of shared frames is not written anew when the first of its receivers has flushed it', async (t) => {
  const env = virtualEnv()
  const receivers = [receiver(env), receiver(env), receiver(env)]
  for (let number = 0; number < 65; number++) {
    const body = new Uint8Array(1020).fill(number) // 64 such frames are a slab, and flushed at once
    for (const { outbound, expected } of receivers) {
      outbound.putBody(body, false)
      expected.push(framed(body))
    }
  }
  await env.settle()
  t.true(receivers.every(isAsExpected))
})

test('whatever is broadcast, sent and flushed in between, at whatever pace peers take it, each gets its own', async (t) => {
  const who = fc.nat(3)
  const command = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        broadcast: fc.oneof(fc.nat(400), fc.integer({ min: 1, max: 40_000 })),
        between: fc.constantFrom(0, 0, 30_000),
      }),
    },
    { weight: 2, arbitrary: fc.record({ send: fc.nat(20_000), who }) },
    { weight: 1, arbitrary: fc.record({ stall: who }) },
    { weight: 1, arbitrary: fc.record({ drain: who }) },
    { weight: 2, arbitrary: fc.constant('settle' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
      const env = virtualEnv()
      const receivers = Array.from({ length: 4 }, () => receiver(env))
      let number = 0
      for (const next of commands) {
        if (next === 'settle') await env.settle()
        else if ('stall' in next) receivers[next.stall]?.connection.stall()
        else if ('drain' in next) receivers[next.drain]?.connection.drain()
        else {
          const isBroadcast = 'broadcast' in next
          const body = new Uint8Array(isBroadcast ? next.broadcast : next.send).fill(++number)
          for (const [index, { outbound, expected }] of receivers.entries()) {
            if (!isBroadcast && index !== next.who) continue
            if (isBroadcast) outbound.putBody(body, false)
            else outbound.put(body)
            expected.push(framed(body))
            if (isBroadcast && next.between > 0) {
              const aside = new Uint8Array(next.between).fill(number ^ 0x55)
              outbound.put(aside) // such as an answer of a hook: perhaps more than is left of the slab
              expected.push(framed(aside))
            }
          }
        }
      }
      for (const { connection } of receivers) connection.drain()
      await env.settle()
      for (const { connection } of receivers) connection.drain()
      await env.settle()
      t.true(receivers.every(isAsExpected))
    }),
    { numRuns: 100 },
  )
})
