import { createServer } from 'node:http'
import test from 'ava'
import {
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  deflateSync,
  gunzipSync,
  gzipSync,
} from 'node:zlib'
import { raw } from '../../codecs/raw.ts'
import { compression, type CompressionOptions } from '../../src/layers/compression.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { isHawserError } from '../../src/core/errors.ts'
import { listen } from '../../src/node.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { HeldConnection } from '../../src/testing/held-connection.ts'

const ALGORITHMS = ['deflate', 'gzip', 'brotli'] as const
const MIB = 1024 * 1024
const env = systemEnv

/** A layer over a connection that the test holds, and what came up. */
function held(options: CompressionOptions, chunks: 'kept' | 'borrowed' = 'kept') {
  const below = new HeldConnection({ env, chunks })
  const layer = compression(options)(below, 'accepted', env)
  const heard: string[] = []
  const state = { bytes: 0, chunks: 0, pauseAtOnce: false, error: undefined as Error | undefined }
  layer.attach({
    onChunk(chunk) {
      state.bytes += chunk.length
      state.chunks++
      if (state.pauseAtOnce) layer.pause()
    },
    onActivity() {},
    onEnd: () => heard.push('end'),
    onClose(error) {
      state.error = error
      heard.push('close')
    },
  })
  const closed = () => until(env, () => heard.includes('close'), 'close')
  return { below, layer, heard, state, closed }
}

/** Highly compressible bytes, compressed; the stream is not ended. */
function bomb(algorithm: (typeof ALGORITHMS)[number], bytes: number): Promise<Buffer> {
  const stream = {
    deflate: () => createDeflate(),
    gzip: () => createGzip(),
    brotli: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  }[algorithm]()
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    const zeros = Buffer.alloc(MIB)
    for (let at = 0; at < bytes; at += MIB) stream.write(zeros)
    stream.flush(algorithm === 'brotli' ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH, () =>
      resolve(Buffer.concat(parts)),
    )
  })
}

for (const algorithm of ALGORITHMS) {
  test.serial(`A-11: ${algorithm}: a bomb closes its session, and what came out of it is bounded`, async (t) => {
    const { below, state, closed } = held({ algorithm, maxInflatedBytes: MIB })
    const wire = await bomb(algorithm, 128 * MIB)
    t.true(wire.length < 140_000, `${wire.length}`)
    for (let at = 0; at < wire.length; at += 65_536) below.feed(wire.subarray(at, at + 65_536))
    await closed()
    t.true(isHawserError(state.error, 'ERR_COMPRESSION'), `${state.error}`)
    t.true(state.bytes <= MIB + 100 * wire.length, `${state.bytes}`)
    t.true(below.isClosed)
  })

  test.serial(`A-11: ${algorithm}: many small bombs are one`, async (t) => {
    const { below, state, closed } = held({ algorithm, maxInflatedBytes: MIB })
    const wire = await bomb(algorithm, 128 * MIB)
    for (let at = 0; at < wire.length && state.error === undefined; at += 500) {
      below.feed(wire.subarray(at, at + 500))
      await new Promise<void>((resolve) => env.yield(resolve))
    }
    await closed()
    t.true(isHawserError(state.error, 'ERR_COMPRESSION'), `${state.error}`)
    t.true(state.bytes <= MIB + 100 * wire.length, `${state.bytes}`)
  })

  test.serial(
    `${algorithm}: asked to pause it stops within one chunk of output, and holds no more than a few`,
    async (t) => {
      const { below, layer, state } = held({ algorithm, maxInflatedBytes: 1024 * MIB })
      state.pauseAtOnce = true
      const wire = await bomb(algorithm, 64 * MIB)
      const before = process.memoryUsage().arrayBuffers
      below.feed(wire)
      await until(env, () => state.chunks > 0, 'a chunk')
      await new Promise<void>((resolve) => void env.setTimer(50, resolve, true))
      t.is(state.chunks, 1)
      t.true(state.bytes <= 16 * 1024, `${state.bytes}`)
      t.true(below.isPaused)
      t.true(process.memoryUsage().arrayBuffers - before < 4 * MIB, 'memory')
      layer.resume()
      await until(env, () => state.chunks === 2, 'one more')
      state.pauseAtOnce = false
      layer.resume()
      await until(env, () => state.bytes === 64 * MIB, `all of it, not ${state.bytes}`)
      layer.destroy()
    },
  )

  test.serial(
    `${algorithm}: bytes that are no such stream, cut short, or followed by others end the session with an error`,
    async (t) => {
      const whole = await roundTrip(algorithm)
      const cases: [Uint8Array, string][] = [
        [Buffer.alloc(40, 0xff), 'ERR_COMPRESSION'],
        [whole.subarray(0, whole.length - 1), 'ERR_TRUNCATED'],
        [whole.subarray(0, 7), 'ERR_TRUNCATED'],
        [Buffer.concat([whole, Buffer.from('more')]), 'ERR_COMPRESSION'],
      ]
      for (const [at, [wire, code]] of cases.entries()) {
        const { below, state, closed, heard } = held({ algorithm })
        below.feed(wire)
        below.feedEnd()
        await closed()
        t.is((state.error as { code?: string } | undefined)?.code, code, `case ${at}: ${state.error}`)
        t.false(heard.includes('end'))
      }
    },
  )

  test.serial(`${algorithm}: a clean end is told after all that came before it`, async (t) => {
    const { below, layer, state, heard } = held({ algorithm }, 'borrowed')
    const wire = await roundTrip(algorithm)
    for (const byte of wire) below.feed(Uint8Array.of(byte))
    below.feedEnd()
    await until(env, () => heard.length > 0, 'end')
    t.deepEqual(heard, ['end'])
    t.is(state.bytes, 2 * 5_000)
    layer.destroy()
  })
}

/** What the layer itself makes of two writes and an end. */
async function roundTrip(algorithm: (typeof ALGORITHMS)[number]): Promise<Uint8Array> {
  const { below, layer } = held({ algorithm })
  const text = new TextEncoder().encode('hello '.repeat(1_000)).subarray(0, 5_000)
  layer.write(text)
  await until(env, () => below.writes.length > 0, 'the first write')
  layer.write(text)
  layer.end()
  await until(env, () => below.ended !== undefined, 'the end')
  const wire = below.takeBytes()
  layer.destroy()
  return wire
}

test.serial('what leaves is what other programs read: zlib and gzip', async (t) => {
  const wire = await roundTrip('gzip')
  t.is(gunzipSync(wire).length, 10_000)
  const { below, layer, state } = held({ algorithm: 'deflate' })
  below.feed(deflateSync('from elsewhere'))
  await until(env, () => state.bytes === 14, 'all of it')
  layer.destroy()
  const other = held({ algorithm: 'gzip' })
  other.below.feed(gzipSync('from elsewhere'))
  await until(env, () => other.state.bytes === 14, 'all of it')
  other.layer.destroy()
})

test.serial('a write is taken when what became of it is, not before; meanwhile it is buffered', async (t) => {
  const { below, layer } = held({ algorithm: 'deflate' })
  below.stall()
  const taken: number[] = []
  layer.write(new Uint8Array(1_000), () => taken.push(1))
  layer.write(new Uint8Array(500), () => taken.push(2))
  await until(env, () => below.writes.length > 0, 'it left')
  await new Promise<void>((resolve) => void env.setTimer(20, resolve, true))
  t.deepEqual(taken, [])
  t.is(layer.bufferedBytes, 1_500)
  below.drain()
  await until(env, () => taken.length === 2, 'both taken')
  t.deepEqual(taken, [1, 2])
  t.is(layer.bufferedBytes, 0)
  layer.destroy()
})

test.serial('while below takes nothing, little is compressed ahead', async (t) => {
  const { below, layer } = held({ algorithm: 'deflate' })
  below.stall()
  const noise = Buffer.from(Array.from({ length: 65_536 }, () => Math.floor(env.random() * 256)))
  for (let i = 0; i < 64; i++) layer.write(noise.map((byte) => byte ^ i))
  await until(env, () => below.bufferedBytes > 0, 'it left')
  await new Promise<void>((resolve) => void env.setTimer(50, resolve, true))
  t.true(below.bufferedBytes < 256 * 1024, `${below.bufferedBytes}`)
  t.is(layer.bufferedBytes, 64 * 65_536)
  layer.destroy()
})

test.serial('many small writes of a turn leave as one', async (t) => {
  const { below, layer } = held({ algorithm: 'deflate' })
  layer.cork()
  for (let i = 0; i < 1_000; i++) layer.write(Uint8Array.of(i))
  layer.uncork()
  await until(env, () => layer.bufferedBytes === 0, 'all taken')
  t.true(below.writes.length <= 2, `${below.writes.length}`)
  layer.destroy()
})

test.serial('it needs a byte stream, and bad options are refused by name', (t) => {
  const messages = new HeldConnection({ env, boundary: 'message' })
  t.throws(() => compression({ algorithm: 'gzip' })(messages, 'accepted', env), { code: 'ERR_BAD_OPTION' } as never)
  t.throws(() => compression({ algorithm: 'zip' } as never), { code: 'ERR_BAD_OPTION', message: /algorithm/ } as never)
  t.throws(() => compression({ algorithm: 'gzip', maxInflatedBytes: 0 }), {
    code: 'ERR_BAD_OPTION',
    message: /maxInflatedBytes/,
  } as never)
})

test.serial('listen refuses it where connections carry messages, beside others too', async (t) => {
  const setup = { codec: raw(), wrap: [compression({ algorithm: 'gzip' })] }
  const expected = { code: 'ERR_BAD_OPTION', message: /option wrap .*byte stream.*messages/ } as never
  await t.throwsAsync(listen(['tcp://127.0.0.1:0', 'udp://127.0.0.1:0'], setup), expected)
  await t.throwsAsync(listen('ws://127.0.0.1:0', setup), expected)
  await t.throwsAsync(listen({ http: createServer() }, setup), expected)
  const server = await listen('tcp://127.0.0.1:0', setup)
  await server.close()
})
