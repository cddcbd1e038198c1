import { parseAddress } from '../../core/address.ts'
import { copy } from '../../core/bytes.ts'
import type { Env } from '../../core/env.ts'
import { Random } from '../random.ts'
import { equal, equalBytes, ok } from './check.ts'
import { pattern } from './pattern.ts'
import { type Party, pause, until } from './party.ts'
import type { Sentences } from './sentences.ts'

/** Two ends of one connection, nobody attached yet. */
export interface Link {
  readonly env: Env
  readonly dialed: Party
  readonly accepted: Party
  /** Lets go of what the link stands on. */
  close(): Promise<void>
}

const MIB = 1024 * 1024
/** Long enough that what must not happen could have happened. */
const A_WHILE_MS = 20

/** Every sentence of the Connection contract that applies, over links that `open` makes. */
export function verifyConnection(sentences: Sentences, open: () => Promise<Link>): void {
  const sentence = (title: string, run: (link: Link) => Promise<void>): void =>
    sentences.add(title, async () => {
      const link = await open()
      const { dialed, accepted } = link
      try {
        await run(link)
        for (const party of [dialed, accepted]) {
          party.call(() => party.connection.destroy())
          party.verify()
        }
        await until(
          link.env,
          () => dialed.closed && accepted.closed,
          'both ends say onClose once attached and destroyed',
        )
        await pause(link.env, 0)
        for (const party of [dialed, accepted]) {
          equal(party.closeCount, 1, 'onClose, exactly once')
          party.verify()
        }
      } finally {
        dialed.connection.destroy()
        accepted.connection.destroy()
        await link.close()
      }
    })
  const attached = (title: string, run: (link: Link) => Promise<void>): void =>
    sentence(title, async (link) => {
      link.dialed.attach()
      link.accepted.attach()
      await run(link)
    })

  attached('bytes arrive in order, whatever the sizes of the writes, both ways at once', async (link) => {
    await Promise.all([
      exchange(link.dialed, link.accepted, 300 * 1024, 1),
      exchange(link.accepted, link.dialed, 300 * 1024, 2),
    ])
  })

  attached('taken comes once for each write, in order, and then nothing is buffered', async ({ env, dialed }) => {
    for (let size = 1; size <= 100; size++) dialed.write(pattern(size))
    await until(env, () => dialed.taken.length === 100, '100 times taken')
    await pause(env, A_WHILE_MS)
    equal(
      dialed.taken,
      Array.from({ length: 100 }, (_, number) => number),
      'the writes that were taken',
    )
    equal(dialed.connection.bufferedBytes, 0, 'bufferedBytes')
  })

  attached('memory of writes is left alone, or was copied where copiesWrites says so', async ({ dialed, accepted }) => {
    const { connection } = dialed
    const sent: number[] = []
    let memory = new Uint8Array(1000)
    for (let size = 100; size <= 1000; size += 100) {
      memory.set(pattern(size))
      sent.push(...pattern(size))
      dialed.write(memory.subarray(0, size))
      if (connection.copiesWrites === true && connection.bufferedBytes === 0) memory.fill(0xdb)
      else memory = new Uint8Array(1000)
    }
    await accepted.receives(Uint8Array.from(sent), 'what was written')
  })

  sentence('nothing is read before attach, and what arrived waits', async ({ env, dialed, accepted }) => {
    const text = pattern(1000)
    accepted.attach()
    accepted.write(text)
    dialed.write(text)
    await pause(env, A_WHILE_MS)
    equal(dialed.receivedBytes, 0, 'bytes received by nobody')
    dialed.attach()
    await dialed.receives(text, 'what arrived before attach')
    await accepted.receives(text, 'what was written before attach')
  })

  sentence('an end that came before attach is told after it', async ({ env, dialed, accepted }) => {
    accepted.attach()
    accepted.write(pattern(10))
    accepted.call(() => accepted.connection.end())
    await pause(env, A_WHILE_MS)
    dialed.attach()
    await dialed.hasEnded()
    equalBytes(dialed.received, pattern(10), 'what was sent before the end')
  })

  sentence('a connection that was destroyed before attach still says onClose', async ({ env, dialed, accepted }) => {
    dialed.connection.destroy()
    await pause(env, A_WHILE_MS)
    dialed.attach()
    accepted.attach()
    await dialed.hasClosed()
    await until(env, () => accepted.ended || accepted.closed, 'the other end hears of it')
  })

  attached('A-13: attached again, the new sink gets the unread bytes first, then what follows', async (link) => {
    const { dialed, accepted } = link
    accepted.whenChunk = (chunk) => {
      // Everything but the first byte was not for this sink.
      accepted.whenChunk = undefined
      accepted.chunks.length = 0
      accepted.receivedBytes = 0
      accepted.attach(chunk.subarray(1))
    }
    const sent = pattern(200_000)
    for (let at = 0; at < sent.length; at += 20_000) dialed.write(sent.subarray(at, at + 20_000))
    dialed.connection.end()
    await accepted.receives(sent.subarray(1), 'all but the first byte')
    await accepted.hasEnded()
  })

  attached('attached again from outside with unread bytes, these come first', async ({ env, dialed, accepted }) => {
    dialed.write(Uint8Array.of(3))
    await until(env, () => accepted.receivedBytes === 1, 'the first byte')
    accepted.chunks.length = 0
    accepted.receivedBytes = 0
    accepted.attach(Uint8Array.of(1, 2, 3))
    dialed.write(Uint8Array.of(4, 5))
    await accepted.receives(Uint8Array.of(1, 2, 3, 4, 5), 'unread bytes and what followed')
  })

  attached(
    'detached in the middle of a chunk, it is read no more until the next attach, which gets the rest first',
    async ({ env, dialed, accepted }) => {
      if (accepted.connection.detach === undefined) return // as it may
      let isDetached = false
      accepted.whenChunk = (chunk) => {
        accepted.whenChunk = undefined
        accepted.chunks.length = 0
        accepted.receivedBytes = 0
        accepted.detach(copy(chunk.subarray(1)))
        isDetached = true
      }
      const sent = pattern(200_000)
      for (let at = 0; at < sent.length; at += 20_000) dialed.write(sent.subarray(at, at + 20_000))
      dialed.connection.end()
      await until(env, () => isDetached, 'the first chunk')
      await pause(env, A_WHILE_MS)
      equal(accepted.receivedBytes, 0, 'bytes received by nobody')
      accepted.attach()
      await accepted.receives(sent.subarray(1), 'all but the first byte')
      await accepted.hasEnded()
    },
  )

  sentence('destroyed while detached, it says so to the next sink', async ({ env, dialed, accepted }) => {
    if (accepted.connection.detach === undefined) {
      dialed.attach()
      accepted.attach()
      return
    }
    let isDetached = false
    accepted.whenChunk = (chunk) => {
      accepted.detach(copy(chunk))
      isDetached = true
    }
    accepted.attach()
    dialed.attach()
    dialed.write(pattern(10))
    await until(env, () => isDetached, 'the first chunk')
    accepted.whenChunk = undefined
    accepted.connection.destroy()
    await pause(env, A_WHILE_MS)
    equal(accepted.closeCount, 0, 'onClose heard by nobody')
    accepted.attach()
    await accepted.hasClosed()
  })

  attached(
    'pause is a request: in the end nothing more comes, and nothing is lost',
    async ({ env, dialed, accepted }) => {
      const sent = pattern(4 * MIB)
      accepted.whenChunk = () => accepted.connection.pause()
      for (const chunk of slices(sent, 64 * 1024)) dialed.write(chunk)
      await until(env, () => accepted.receivedBytes > 0, 'the first chunk')
      const stopped = await standsStill(env, () => accepted.receivedBytes)
      ok(stopped < sent.length, `${stopped} bytes came while paused`)
      accepted.whenChunk = undefined
      accepted.call(() => accepted.connection.resume())
      await accepted.receives(sent, 'everything, after resume')
    },
  )

  attached('cork nests: writes come in order, and all of them after the last uncork', async ({ dialed, accepted }) => {
    dialed.write(Uint8Array.of(0))
    dialed.call(() => {
      dialed.connection.cork()
      dialed.connection.write(Uint8Array.of(1))
      dialed.connection.cork()
      dialed.connection.write(Uint8Array.of(2))
      dialed.connection.uncork()
      dialed.connection.write(Uint8Array.of(3))
      dialed.connection.uncork()
    })
    dialed.write(Uint8Array.of(4))
    await accepted.receives(Uint8Array.of(0, 1, 2, 3, 4), 'what was written around and under cork')
  })

  attached('end flushes what was written, also under cork, and may be repeated', async ({ dialed, accepted }) => {
    const sent = pattern(MIB)
    for (const chunk of slices(sent, 10_000)) dialed.write(chunk)
    dialed.call(() => {
      dialed.connection.cork()
      dialed.connection.write(Uint8Array.of(1, 2))
      dialed.connection.end()
      dialed.connection.end()
      dialed.connection.uncork()
    })
    await accepted.hasEnded()
    equal(accepted.receivedBytes, MIB + 2, 'bytes before the end')
    equalBytes(accepted.received.subarray(0, MIB), sent, 'what was written before the end')
    ok(!dialed.closed && !accepted.closed, 'the other direction stays open')
  })

  for (const first of ['dialed', 'accepted'] as const) {
    attached(`B-05: when the ${first} side ends, the other goes on, and both close when it ends too`, async (link) => {
      const [one, other] = first === 'dialed' ? [link.dialed, link.accepted] : [link.accepted, link.dialed]
      one.write(pattern(10))
      one.call(() => one.connection.end())
      await other.hasEnded()
      other.write(pattern(50_000))
      await one.receives(pattern(50_000), 'what the other side sent after our end')
      other.write(pattern(5))
      other.call(() => other.connection.end())
      await one.hasEnded()
      equal(one.receivedBytes, 50_005, 'bytes of the other side')
      await one.hasClosed()
      await other.hasClosed()
    })
  }

  attached('destroy gives one onClose and nothing after it; the peer hears an end or a close', async (link) => {
    const { env, dialed, accepted } = link
    dialed.write(pattern(10))
    accepted.write(pattern(10))
    await dialed.receives(pattern(10), 'before destroy')
    accepted.write(pattern(100_000))
    dialed.write(pattern(100_000))
    dialed.call(() => {
      dialed.connection.destroy()
      dialed.connection.destroy(new Error('again'))
    })
    const received = dialed.receivedBytes
    await dialed.hasClosed()
    await until(env, () => accepted.ended || accepted.closed, 'the peer hears of it')
    equal(dialed.receivedBytes, received, 'bytes received after destroy')
    equal(dialed.connection.bufferedBytes, 0, 'bufferedBytes after close')
  })

  attached(
    'what was not taken when a connection is destroyed is never said to be',
    async ({ env, dialed, accepted }) => {
      accepted.whenChunk = () => accepted.connection.pause()
      for (const chunk of slices(pattern(8 * MIB), 256 * 1024)) dialed.write(chunk)
      await standsStill(env, () => dialed.connection.bufferedBytes)
      const taken = dialed.taken.length
      dialed.call(() => dialed.connection.destroy())
      await dialed.hasClosed()
      equal(dialed.taken.length, taken, 'writes taken')
      ok(taken < 32, 'some were not')
    },
  )

  attached('destroy from inside onChunk is as good as any other', async ({ dialed, accepted }) => {
    accepted.whenChunk = () => accepted.call(() => accepted.connection.destroy())
    for (const chunk of slices(pattern(MIB), 1000)) dialed.write(chunk)
    await accepted.hasClosed()
    equal(accepted.chunks.length, 1, 'chunks')
  })

  attached('8 MiB arrive whole, and bufferedBytes tells whether the peer reads', async ({ env, dialed, accepted }) => {
    const sent = pattern(8 * MIB)
    accepted.whenChunk = () => accepted.connection.pause()
    for (const chunk of slices(sent, 256 * 1024)) dialed.write(chunk)
    const buffered = await standsStill(env, () => dialed.connection.bufferedBytes)
    ok(buffered > 0, 'bufferedBytes while the peer does not read')
    ok(dialed.taken.length < 32, 'not everything was taken by a peer that does not read')
    accepted.whenChunk = undefined
    accepted.connection.resume()
    await accepted.receives(sent, '8 MiB')
    await until(env, () => dialed.connection.bufferedBytes === 0, 'nothing is buffered when the peer has read')
    await until(env, () => dialed.taken.length === 32, 'every write was taken')
  })

  attached('addresses are URLs, those of one end mirror the other, and are known after close', async (link) => {
    const { dialed, accepted } = link
    const ends = (): string[] => [dialed, accepted].flatMap(({ connection: c }) => [c.localAddress, c.remoteAddress])
    const before = ends()
    for (const url of before) parseAddress(url)
    equal(before[0], before[3], 'where the dialed end is, as each of them sees it')
    dialed.connection.end()
    accepted.connection.end()
    await dialed.hasClosed()
    await accepted.hasClosed()
    equal(ends(), before, 'the addresses after close')
  })

  attached(
    'in message mode one write is one chunk, an empty one too; in a stream an empty one is nothing',
    async (link) => {
      const { dialed, accepted } = link
      const sizes = [1, 0, 1000, 3]
      dialed.call(() => dialed.connection.cork())
      for (const size of sizes) dialed.write(pattern(size))
      dialed.call(() => dialed.connection.uncork())
      await until(link.env, () => accepted.receivedBytes >= 1004, 'all bytes')
      await pause(link.env, A_WHILE_MS)
      if (dialed.connection.boundary === 'message')
        equal(
          accepted.chunks.map((chunk) => chunk.length),
          sizes,
          'chunks',
        )
      else equal(accepted.receivedBytes, 1004, 'bytes')
    },
  )

  attached('any method after end or close is harmless', async ({ env, dialed, accepted }) => {
    dialed.connection.end()
    dialed.write(pattern(3))
    if (accepted.connection.reliable) await accepted.hasEnded()
    else await pause(env, A_WHILE_MS)
    equal(accepted.receivedBytes, 0, 'bytes written after end')
    accepted.connection.end()
    await dialed.hasClosed()
    for (const party of [dialed, accepted]) {
      party.write(pattern(3))
      party.call(() => {
        const { connection } = party
        connection.cork()
        connection.uncork()
        connection.pause()
        connection.resume()
        connection.end()
        connection.destroy(new Error('late'))
      })
    }
    await pause(env, A_WHILE_MS)
    equal(dialed.taken, [], 'writes taken after end')
  })
}

/** `from` sends `length` bytes in pieces of all sizes. */
async function exchange(from: Party, to: Party, length: number, seed: number): Promise<void> {
  const generator = new Random(seed)
  const sent = pattern(length)
  for (const chunk of generator.cut(sent, 10_000)) {
    from.write(chunk)
    if (chunk.length % 5 === 0) await pause(from.env, 0)
  }
  await to.receives(sent, 'what was written')
}

/** Waits until a figure no longer changes; gives it. */
async function standsStill(env: Env, figure: () => number): Promise<number> {
  let last = -1
  while (last !== figure()) {
    last = figure()
    await pause(env, A_WHILE_MS)
  }
  return last
}

function slices(whole: Uint8Array, length: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < whole.length; at += length) parts.push(whole.subarray(at, at + length))
  return parts
}
