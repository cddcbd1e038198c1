import test from 'ava'
import fc from 'fast-check'
import { line } from '../../codecs/framing/line.ts'
import { text } from '../../codecs/text.ts'
import type { CloseCause } from '../../src/core/session.ts'
import { embed, type EmbeddedSession } from '../../src/testing/embed.ts'

const IDLE_MS = 10_000
const CLOSE_MS = 3_000
const logger = { debug() {}, info() {}, warn() {}, error() {} }

/** What a session is to its user, in a few fields. */
interface Model {
  now: number
  phase: 'open' | 'closing' | 'closed'
  /** `by`, and the code where it is an error. */
  cause: string | undefined
  paused: boolean
  peerEnded: boolean
  activeAt: number
  closingAt: number
  /** What the peer sent, and how much of it the listener must have got. */
  fed: string[]
  due: number
  sent: string[]
}

/** The session itself, and what was heard of it. */
interface Real {
  readonly embedded: EmbeddedSession<string, string, undefined>
  readonly got: string[]
  readonly causes: CloseCause[]
  readonly written: string[]
}

type Command = fc.AsyncCommand<Model, Real>

/** The peer's bytes and time may have made it close: what follows from the state, in the order in which it happens. */
function settle(model: Model): void {
  if (model.phase === 'open') {
    if (!model.paused) model.due = model.fed.length
    if (model.peerEnded) begin(model, 'remote')
  }
  if (model.phase === 'closing' && model.peerEnded) model.phase = 'closed'
}

function begin(model: Model, cause: string): void {
  if (model.phase !== 'open') return
  model.phase = 'closing'
  model.cause = cause
  model.closingAt = model.now
}

function die(model: Model, cause: string): void {
  if (model.phase === 'closed') return
  model.cause ??= cause
  model.phase = 'closed'
}

/** Moves to the next thing that time does, step by step. */
function pass(model: Model, ms: number): void {
  const until = model.now + ms
  for (;;) {
    const idleAt = model.phase === 'open' ? model.activeAt + IDLE_MS : Infinity
    const deadAt = model.phase === 'closing' ? model.closingAt + CLOSE_MS : Infinity
    const next = Math.min(idleAt, deadAt)
    if (next > until) break
    model.now = next
    if (next === deadAt) model.phase = 'closed'
    else begin(model, 'error ERR_IDLE_TIMEOUT')
    settle(model)
  }
  model.now = until
}

function command(
  name: string,
  change: (model: Model) => void,
  act: (real: Real) => unknown,
  applies: (model: Model) => boolean = () => true,
): Command {
  return {
    check: (model) => applies(model),
    async run(model, real) {
      change(model)
      settle(model)
      await act(real)
      await real.embedded.env.settle()
      compare(model, real)
    },
    toString: () => name,
  }
}

function named(cause: CloseCause | undefined): string | undefined {
  return cause?.by === 'error' ? `error ${cause.error.code}` : cause?.by
}

function expectSame(actual: unknown, expected: unknown, what: string): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (one !== other) throw new Error(`${what}: ${one} instead of ${other}`)
}

function compare(model: Model, real: Real): void {
  const { embedded, got, causes, written } = real
  const { session, env } = embedded
  for (const frame of embedded.takeFrames()) written.push(new TextDecoder().decode(frame))
  expectSame(session.phase, model.phase, 'phase')
  expectSame(got, model.fed.slice(0, model.due), 'messages')
  expectSame(causes.map(named), model.phase === 'closed' ? [model.cause] : [], 'onClose')
  expectSame(named(embedded.cause), model.phase === 'closed' ? model.cause : undefined, 'cause')
  expectSame(session.signal.aborted, model.phase === 'closed', 'signal')
  expectSame(written, model.sent, 'what was sent')
  if (model.phase === 'closed') expectSame(env.timers, 0, 'timers')
}

const open = (model: Model) => model.phase === 'open'
/** What a session lives through. */
const living: fc.Arbitrary<Command>[] = [
  fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.constantFrom(1, 3, 100)).map(([word, slice]) =>
    command(
      `feed ${word} by ${slice}`,
      (model) => {
        if (model.phase !== 'open') return
        model.fed.push(word)
        model.activeAt = model.now
      },
      ({ embedded }) => embedded.feed(new TextEncoder().encode(`${word}\n`), { slice }),
      (model) => !model.peerEnded,
    ),
  ),
  fc.stringMatching(/^[a-z]{1,8}$/).map((word) =>
    command(
      `send ${word}`,
      (model) => {
        if (open(model)) model.sent.push(word)
      },
      ({ embedded: { session } }) => {
        const isOpen = session.phase === 'open'
        expectSame(session.send(word), isOpen, 'send')
      },
    ),
  ),
  fc.constant(
    command(
      'pause',
      (model) => void (model.paused = true),
      ({ embedded }) => embedded.session.pause(),
      open,
    ),
  ),
  fc.constant(
    command(
      'resume',
      (model) => void (model.paused = false),
      ({ embedded }) => embedded.session.resume(),
      open,
    ),
  ),
  fc.constant(
    command(
      'touch',
      (model) => void (model.activeAt = model.now),
      ({ embedded }) => embedded.session.touch(),
      open,
    ),
  ),
  fc.constantFrom(1, 1_000, 2_999, 3_000, 9_999, 10_000).map((ms) =>
    command(
      `${ms} ms pass`,
      (model) => pass(model, ms),
      ({ embedded }) => embedded.advance(ms),
    ),
  ),
]
/** What ends it. */
const ending: fc.Arbitrary<Command>[] = [
  fc.constant(
    command(
      'close',
      (model) => begin(model, 'local'),
      ({ embedded }) => void embedded.session.close(),
    ),
  ),
  fc.constant(
    command(
      'destroy',
      (model) => die(model, 'local'),
      ({ embedded }) => embedded.session.destroy(),
    ),
  ),
  fc.constant(
    command(
      'peer ends',
      (model) => void (model.peerEnded = true),
      ({ embedded }) => embedded.end(),
      (model) =>
        !model.peerEnded && model.phase !== 'closed' && (model.phase !== 'open' || model.due === model.fed.length),
    ),
  ),
  fc.constant(
    command(
      'peer resets',
      (model) => die(model, 'error ERR_CONNECTION_RESET'),
      ({ embedded }) => embedded.reset(),
    ),
  ),
]
/** So that most lives are long. */
const commands = [...living, ...living, ...living, ...living, ...ending]

test('a session does what its model does, whatever is done to it', async (t) => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 40 }), async (list) => {
      runs++
      const got: string[] = []
      const causes: CloseCause[] = []
      const embedded = await embed({
        codec: text(),
        framing: line(),
        logger,
        idleTimeoutMs: IDLE_MS,
        closeTimeoutMs: CLOSE_MS,
        cronIntervalMs: 0,
        listener: {
          onMessage: (_session, message) => void got.push(message),
          onClose: (_session, cause) => void causes.push(cause),
        },
      })
      const model: Model = {
        now: 0,
        phase: 'open',
        cause: undefined,
        paused: false,
        peerEnded: false,
        activeAt: 0,
        closingAt: 0,
        fed: [],
        due: 0,
        sent: [],
      }
      await fc.asyncModelRun(() => ({ model, real: { embedded, got, causes, written: [] } }), list)
      embedded.session.destroy()
      await embedded.env.settle()
      expectSame(causes.length, 1, 'onClose')
      expectSame(embedded.env.timers, 0, 'timers')
    }),
    { numRuns: 300, seed: 1, includeErrorInReport: true },
  )
  t.true(runs >= 300)
})
