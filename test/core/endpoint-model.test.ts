import test from 'ava'
import fc from 'fast-check'
import { text } from '../../codecs/text.ts'
import type { Client, ClientStatus } from '../../src/core/client.ts'
import { isHawserError } from '../../src/core/errors.ts'
import type { Server, ServerStatus } from '../../src/core/server.ts'
import type { Session } from '../../src/core/session.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'

const MAX_SESSIONS = 3
const ADDRESS = 'tcp://10.0.0.1:7000'
const logger = { debug() {}, info() {}, warn() {}, error() {} }
const setup = { codec: text(), logger, cronIntervalMs: 0 }

function expectSame(actual: unknown, expected: unknown, what: string): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (one !== other) throw new Error(`${what}: ${one} instead of ${other}`)
}

// ── A server and its peers ────────────────────────────────────────────────────────────────────────────────

interface ServerModel {
  /** Peers whose session is open at both ends. */
  peers: number
  phase: 'listening' | 'closed'
}

interface ServerReal {
  readonly world: EndpointWorld
  readonly server: Server<string, string>
  readonly statuses: ServerStatus[]
  readonly opened: Set<unknown>
  readonly closed: unknown[]
  readonly peers: Session<string, string, undefined>[]
}

type ServerCommand = fc.AsyncCommand<ServerModel, ServerReal>

function onServer(
  name: string,
  change: (model: ServerModel) => void,
  act: (real: ServerReal, model: Readonly<ServerModel>) => unknown,
): ServerCommand {
  return {
    check: () => true,
    async run(model, real) {
      const before = { ...model }
      change(model)
      await act(real, before)
      await real.world.env.advance(10)
      const { server, opened, closed, peers } = real
      expectSame(server.sessions.size, model.peers, 'sessions')
      expectSame(peers.filter(({ phase }) => phase === 'open').length, model.peers, 'open peers')
      expectSame(opened.size - closed.length, model.peers, 'opened and not closed')
      expectSame(new Set(closed).size, closed.length, 'onClose twice')
      expectSame(server.stats.openSessions, model.peers, 'stats')
    },
    toString: () => name,
  }
}

const lastPeer = ({ peers }: ServerReal) => peers.findLast(({ phase }) => phase === 'open')
const oneLess = (model: ServerModel) => void (model.peers = Math.max(0, model.peers - 1))

const peerDials = onServer(
  'a peer dials',
  (model) => {
    if (model.phase === 'listening' && model.peers < MAX_SESSIONS) model.peers++
  },
  async ({ world, peers }, { peers: count, phase }) => {
    const dialed = world.dial(ADDRESS, { ...setup, timeoutMs: 1_000 })
    const outcome = Promise.allSettled([dialed])
    await world.env.advance(1_001)
    const [result] = await outcome
    if (result.status === 'fulfilled') peers.push(result.value)
    else {
      if (!isHawserError(result.reason)) throw result.reason
      if (phase === 'closed') expectSame(result.reason.code, 'ERR_CONNECTION_REFUSED', 'dial')
      else if (count < MAX_SESSIONS) throw result.reason
    }
  },
)

const serverCommands: fc.Arbitrary<ServerCommand>[] = [
  peerDials,
  peerDials,
  peerDials,
  peerDials,
  onServer('a peer closes', oneLess, (real) => void lastPeer(real)?.close()),
  onServer('a peer vanishes', oneLess, (real) => lastPeer(real)?.destroy()),
  onServer('the server closes a session', oneLess, ({ server }) => void [...server.sessions].at(-1)?.close()),
  onServer('the server destroys a session', oneLess, ({ server }) => [...server.sessions].at(-1)?.destroy()),
  onServer(
    'all links are reset',
    (model) => void (model.peers = 0),
    ({ world }) => world.env.network.reset(),
  ),
  onServer(
    'the server closes',
    (model) => Object.assign(model, { phase: 'closed', peers: 0 }),
    ({ server }) => void server.close(),
  ),
  onServer(
    'the server is destroyed',
    (model) => Object.assign(model, { phase: 'closed', peers: 0 }),
    ({ server }) => server.destroy(),
  ),
  onServer(
    'time passes',
    () => undefined,
    ({ world }) => world.env.advance(60_000),
  ),
].map((command) => fc.constant(command))

test('a server has the sessions that its model has, and closes with all of them', async (t) => {
  let most = 0
  await fc.assert(
    fc.asyncProperty(fc.commands(serverCommands, { maxCommands: 25 }), async (commands) => {
      const world = new EndpointWorld()
      const statuses: ServerStatus[] = []
      const opened = new Set<unknown>()
      const closed: unknown[] = []
      const server = await world.listen(ADDRESS, {
        ...setup,
        maxSessions: MAX_SESSIONS,
        onStatus: (status) => void statuses.push(status),
        listener: {
          onOpen(session) {
            opened.add(session)
            most = Math.max(most, opened.size - closed.length)
          },
          onClose: (session) => void closed.push(session),
        },
      })
      const real = { world, server, statuses, opened, closed, peers: [] }
      await fc.asyncModelRun(() => ({ model: { peers: 0, phase: 'listening' as const }, real }), commands)
      server.destroy()
      await world.env.advance(60_000)
      await server.closed
      expectSame(closed.length, opened.size, 'onClose')
      expectSame(statuses.at(-1)?.type, 'closed', 'last status')
      expectSame(statuses.filter(({ type }) => type === 'closed').length, 1, 'closed once')
      expectSame(world.env.timers, 0, 'timers')
    }),
    { numRuns: 100, seed: 1, includeErrorInReport: true },
  )
  t.is(most, MAX_SESSIONS)
})

// ── A client and what befalls it ──────────────────────────────────────────────────────────────────────────

interface ClientModel {
  wanted: boolean
  /** What a dial meets. */
  dials: 'answer' | 'refuse' | 'ignore'
}

interface ClientReal {
  readonly world: EndpointWorld
  readonly client: Client<string, string>
  readonly statuses: ClientStatus[]
  readonly opened: unknown[]
  readonly closed: unknown[]
}

type ClientCommand = fc.AsyncCommand<ClientModel, ClientReal>

function onClient(
  name: string,
  change: (model: ClientModel) => void,
  act: (real: ClientReal) => unknown,
): ClientCommand {
  return {
    check: () => true,
    async run(model, real) {
      change(model)
      await act(real)
      await real.world.env.settle()
      const { client, opened, closed, statuses } = real
      if (client.sessions.size > 1) throw new Error(`${client.sessions.size} sessions`)
      expectSame(opened.length - closed.length, client.sessions.size, 'opened and not closed')
      expectSame(
        client.send('x'),
        [...client.sessions].some(({ phase }) => phase === 'open'),
        'send',
      )
      checkStory(statuses)
    },
    toString: () => name,
  }
}

const AFTER: Readonly<Record<ClientStatus['type'], readonly ClientStatus['type'][]>> = {
  dialing: ['open', 'failed'],
  open: ['closed'],
  closed: ['dialing', 'gave-up'],
  failed: ['dialing', 'gave-up'],
  'gave-up': [],
}

/** Each status follows from the one before, and generations count the sessions. */
function checkStory(statuses: readonly ClientStatus[]): void {
  let generation = 0
  let last: ClientStatus['type'] = 'closed'
  for (const status of statuses) {
    if (!AFTER[last].includes(status.type)) throw new Error(`${status.type} after ${last}`)
    if (status.type === 'open') expectSame(status.generation, generation++, 'generation')
    last = status.type
  }
}

const weather = (dials: ClientModel['dials']) =>
  onClient(
    `dials are met by ${dials}`,
    (model) => void (model.dials = dials),
    ({ world }) => (dials === 'answer' ? world.env.network.setFaults({}) : world.env.network.setFaults({ dials })),
  )

const clientCommands: fc.Arbitrary<ClientCommand>[] = [
  weather('answer'),
  weather('refuse'),
  weather('ignore'),
  onClient(
    'the session closes',
    () => undefined,
    ({ client }) => void [...client.sessions].at(0)?.close(),
  ),
  onClient(
    'the session is destroyed',
    () => undefined,
    ({ client }) => [...client.sessions].at(0)?.destroy(),
  ),
  onClient(
    'the link is reset',
    () => undefined,
    ({ world }) => world.env.network.reset(),
  ),
  onClient(
    'a moment passes',
    () => undefined,
    ({ world }) => world.env.advance(50),
  ),
  onClient(
    'a minute passes',
    () => undefined,
    ({ world }) => world.env.advance(60_000),
  ),
  onClient(
    'the client closes',
    (model) => void (model.wanted = false),
    ({ client }) => void client.close(),
  ),
].map((command) => fc.constant(command))

test('a client tells a story that follows, comes back whenever it can, and leaves nothing', async (t) => {
  let returns = 0
  await fc.assert(
    fc.asyncProperty(fc.commands(clientCommands, { maxCommands: 25 }), async (commands) => {
      const world = new EndpointWorld()
      const server = await world.listen(ADDRESS, { ...setup, listener: {} })
      const statuses: ClientStatus[] = []
      const opened: unknown[] = []
      const closed: unknown[] = []
      const client = world.connect(ADDRESS, {
        ...setup,
        onStatus: (status) => void statuses.push(status),
        listener: {
          onOpen: (session) => void opened.push(session),
          onClose: (session) => void closed.push(session),
        },
      })
      const model: ClientModel = { wanted: true, dials: 'answer' }
      await fc.asyncModelRun(() => ({ model, real: { world, client, statuses, opened, closed } }), commands)
      world.env.network.setFaults({})
      world.env.network.heal()
      await world.env.advance(120_000)
      expectSame(client.sessions.size, model.wanted ? 1 : 0, 'sessions once all is well again')
      returns = Math.max(returns, opened.length)
      client.destroy()
      server.destroy()
      await world.env.advance(60_000)
      await client.closed
      expectSame(new Set(closed).size, opened.length, 'onClose once for each')
      expectSame(closed.length, opened.length, 'onClose')
      expectSame(world.env.timers, 0, 'timers')
    }),
    { numRuns: 100, seed: 1, includeErrorInReport: true },
  )
  t.true(returns > 2)
})
