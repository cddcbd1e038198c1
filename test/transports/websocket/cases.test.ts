import test from 'ava'
import type { CloseReason, Connection, ConnectionSink } from '../../../src/core/connection.ts'
import { systemEnv } from '../../../src/env/node/system-env.ts'
import { until } from '../../../src/testing/conformance/party.ts'
import { driveAsClient, DrivingServer, type WebSocketDriver } from '../../support/web-socket-driver.ts'
import { type Subject, subjectDial, subjectListen } from '../../support/web-socket-subject.ts'
import { BAD_DATA, type Case, CLOSE, PROTOCOL_ERROR } from './cases/case.ts'
import { closing } from './cases/closing.ts'
import { compression, type CompressedCase } from './cases/compression.ts'
import { fragmentation } from './cases/fragmentation.ts'
import { framing } from './cases/framing.ts'
import { limits } from './cases/limits.ts'
import { masks } from './cases/masks.ts'
import { misc } from './cases/misc.ts'
import { opcodes } from './cases/opcodes.ts'
import { pings } from './cases/pings.ts'
import { reservedBits } from './cases/reserved-bits.ts'
import { utf8 } from './cases/utf8.ts'

const GROUPS: Readonly<Record<string, readonly Case[]>> = {
  '1, framing': framing,
  '2, pings and pongs': pings,
  '3, reserved bits': reservedBits,
  '4, opcodes': opcodes,
  '5, fragmentation': fragmentation,
  '6, UTF-8': utf8,
  '7, closing': closing,
  '9, limits': limits,
  '10, miscellaneous': misc,
  'M, masks': masks,
}
const MAX_FRAME_BYTES = 16 * 1024 * 1024
const SUBJECTS: readonly Subject[] = [
  { engine: 'own', maxFrameBytes: MAX_FRAME_BYTES },
  { engine: 'ws', maxFrameBytes: MAX_FRAME_BYTES },
]
const COMPRESSING: Subject = { engine: 'ws', maxFrameBytes: MAX_FRAME_BYTES, compression: { thresholdBytes: 0 } }
const AT_ONCE = 8

/** Sends back what comes, and ends when the peer does. */
class Echo implements ConnectionSink {
  readonly #connection: Connection
  reason: CloseReason | undefined
  error: Error | undefined
  closes = 0

  constructor(connection: Connection) {
    this.#connection = connection
    connection.attach(this)
  }

  onChunk(chunk: Uint8Array, text?: boolean): void {
    this.#connection.write(chunk, undefined, text)
  }

  onActivity(): void {}

  onEnd(reason?: CloseReason): void {
    this.reason = reason
    this.#connection.end()
  }

  onClose(error?: Error): void {
    this.error = error
    this.closes++
  }

  /** The subject has learnt what happened to it. */
  async verify({ id, breaksRule, closes, sends }: Case): Promise<void> {
    await until(systemEnv, () => this.closes > 0, `case ${id}: onClose`)
    const { code } = (this.error ?? {}) as { readonly code?: string }
    const expected = breaksRule ? errorsFor(closes) : [undefined]
    if (!expected.includes(code)) throw new Error(`case ${id}: onClose with ${String(this.error)}`)
    const said = sends.find((step) => 'opcode' in step && step.opcode === CLOSE)
    if (breaksRule || said === undefined || !('payload' in said) || said.payload.length === 0) return
    if (this.reason?.code !== said.payload.readUInt16BE())
      throw new Error(`case ${id}: onEnd with ${this.reason?.code}`)
  }
}

function errorsFor(closes: Case['closes']): readonly (string | undefined)[] {
  const codes: Record<number, string> = { [PROTOCOL_ERROR]: 'ERR_BAD_FRAME', [BAD_DATA]: 'ERR_BAD_MESSAGE' }
  return (typeof closes === 'number' ? [closes] : closes).map((code) => codes[code])
}

/** Runs `run` for all, a few at a time. Gives what was thrown. */
async function each<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<string[]> {
  const complaints: string[] = []
  const queue = [...items]
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift())
      await run(item).catch((error: unknown) => complaints.push((error as Error).message))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return complaints
}

const pathOf = ({ id }: Case): string => `/?case=${id}`
const offerOf = (aCase: Case | CompressedCase, parameters: 'offer' | 'accepted'): string | undefined => {
  if (!('offer' in aCase)) return undefined
  return aCase[parameters] === '' ? 'permessage-deflate' : `permessage-deflate; ${aCase[parameters]}`
}
/** A server may ask its client to compress each message by itself. */
function asAgreed(aCase: Case | CompressedCase, agreed: string | undefined): Case {
  const apart = 'sendsApart' in aCase && agreed?.includes('client_no_context_takeover')
  return apart ? { ...aCase, sends: aCase.sendsApart } : aCase
}

/** The package looks at a text when it has come whole. */
const waits = ({ engine }: Subject): boolean => engine === 'own'

async function againstServer(subject: Subject, cases: readonly Case[]): Promise<string[]> {
  const echoes = new Map<string, Echo>()
  const server = await subjectListen(subject, (connection) => {
    echoes.set(connection.peer.request?.url ?? '', new Echo(connection))
  })
  const complaints = await each(cases, async (aCase) => {
    const driver = await driveAsClient(server.port, { path: pathOf(aCase), extensions: offerOf(aCase, 'offer') })
    await driver.play(asAgreed(aCase, driver.agreed), waits(subject))
    await echoes.get(pathOf(aCase))?.verify(aCase)
  })
  server.close()
  return complaints
}

async function againstClient(subject: Subject, cases: readonly Case[]): Promise<string[]> {
  const byPath = new Map(cases.map((aCase) => [pathOf(aCase), aCase]))
  const playing = new Map<string, Promise<void>>()
  const server = await DrivingServer.listen(
    (path) => offerOf(byPath.get(path) as Case, 'accepted'),
    (path, driver: WebSocketDriver) => {
      const played = driver.play(byPath.get(path) as Case, waits(subject))
      played.catch(() => undefined) // awaited below
      playing.set(path, played)
    },
  )
  const complaints = await each(cases, async (aCase) => {
    const echo = new Echo(await subjectDial(subject, server.port, pathOf(aCase)))
    await playing.get(pathOf(aCase))
    await echo.verify(aCase)
  })
  server.close()
  return complaints
}

for (const subject of SUBJECTS) {
  for (const [group, cases] of Object.entries(GROUPS)) {
    test.serial(`the ${subject.engine} engine as server: ${cases.length} cases of group ${group}`, async (t) => {
      t.deepEqual(await againstServer(subject, cases), [])
    })
    test.serial(`the ${subject.engine} engine as client: ${cases.length} cases of group ${group}`, async (t) => {
      t.deepEqual(await againstClient(subject, cases), [])
    })
  }
}

test.serial(`compression as server: ${compression.length} cases of groups 12 and 13`, async (t) => {
  t.deepEqual(await againstServer(COMPRESSING, compression), [])
})

test.serial(`compression as client: ${compression.length} cases of groups 12 and 13`, async (t) => {
  t.deepEqual(await againstClient(COMPRESSING, compression), [])
})

const plain = Object.values(GROUPS).flat().length - masks.length
test(`C-01: the catalogue: ${plain} cases × 2 roles × ${SUBJECTS.length} engines, ${compression.length} × 2 roles compressed`, (t) => {
  t.is(plain, 301)
  t.is(compression.length, 216)
})
