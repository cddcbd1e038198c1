/**
 * What is measured. Names say transport, kind, message size, connections x in flight, and codec.
 *
 * @typedef {object} Workload
 * @property {string} name
 * @property {'echo' | 'oneway' | 'idle' | 'broadcast' | 'slow' | 'churn' | 'rpc'} kind name of the file in kinds/ that knows how
 *   it is measured
 * @property {'tcp' | 'tls' | 'ipc' | 'udp' | 'ws' | 'inproc'} transport
 * @property {number} [connections]
 * @property {number} [messageBytes]
 * @property {number} [inFlight] messages on the way, for each connection
 * @property {boolean} [streamed] RPC: items of one stream of the server, not calls
 * @property {'raw' | 'json' | 'protobuf' | 'numbers'} [codec] raw where it is not named
 * @property {boolean} [latency] times every round trip
 * @property {boolean} [talked] each connection has carried one message both ways before it falls silent
 * @property {number} [stalled] connections that read nothing, beside the others
 * @property {boolean} [isPlainDialer] plain sockets come and go, so that only the server differs
 * @property {string} [growth] what grows with the number of connections: its column in the table of growth
 * @property {readonly string[]} subjects names of files in subjects/, or URLs of modules like them
 * @property {string} [baseline] the subject that the ratios are to, where it is another one
 * @property {readonly Goal[]} [goals]
 * @property {boolean | readonly string[]} [quick] in the quick run with all subjects (true) or these
 */
/**
 * What a subject should reach: its median in a unit (the first, where none is named), divided by another subject's.
 *
 * @typedef {object} Goal
 * @property {string} subject
 * @property {string} [to] the figure itself, where no other subject is named
 * @property {string} [unit]
 * @property {number} [atLeast]
 * @property {number} [atMost]
 */

const CPU = 'CPU ns/message'

/** `subject` reaches so much of what `to` does. */
const atLeast = (share, to = 'baseline', subject = 'hawser') => ({ subject, to, atLeast: share })

const SIZES = { 64: '64b', 1024: '1k', 65536: '64k' }

/** An echo, named for what it is. */
function echo({ transport = 'tcp', bytes = 64, codec = 'raw', ...workload }) {
  const { connections, inFlight } = workload
  return {
    name: `${transport}-echo-${SIZES[bytes]}-${connections}x${inFlight}-${codec}`,
    kind: 'echo',
    transport,
    codec,
    messageBytes: bytes,
    subjects: ['baseline', 'hawser'],
    ...workload,
  }
}

const echoes = [
  echo({
    connections: 4,
    inFlight: 256,
    subjects: ['baseline', 'hawser', 'naive'],
    goals: [atLeast(0.9), atLeast(20, 'naive')],
    quick: true,
  }),
  echo({
    connections: 1,
    inFlight: 256,
    subjects: ['baseline', 'hawser', 'naive', 'zeromq', 'nats'],
    goals: [atLeast(0.9), atLeast(20, 'naive')],
    quick: ['baseline', 'hawser', 'naive'],
  }),
  {
    ...echo({ connections: 4, inFlight: 256, codec: 'numbers' }),
    name: 'tcp-echo-64b-4x256-borrowed',
    baseline: 'hawser',
    subjects: ['hawser', 'hawser-borrowed', 'baseline', 'baseline-onread'],
    goals: [atLeast(1.2, 'hawser', 'hawser-borrowed')],
    quick: ['hawser', 'hawser-borrowed'],
  },
  {
    ...echo({ connections: 1, inFlight: 256, codec: 'numbers' }),
    name: 'tcp-echo-64b-1x256-borrowed',
    baseline: 'hawser',
    subjects: ['hawser', 'hawser-borrowed', 'baseline', 'baseline-onread'],
    goals: [atLeast(1.2, 'hawser', 'hawser-borrowed')],
    quick: ['hawser', 'hawser-borrowed'],
  },
  echo({ connections: 64, inFlight: 4, goals: [atLeast(0.9)], quick: true }),
  echo({ connections: 1000, inFlight: 1, goals: [atLeast(0.9)], quick: true }),
  echo({
    connections: 1,
    inFlight: 1,
    latency: true,
    goals: [{ subject: 'hawser', to: 'baseline', unit: CPU, atMost: 1.1 }],
    quick: true,
  }),
  echo({ connections: 4, inFlight: 256, codec: 'json', goals: [atLeast(0.9)], quick: true }),
  echo({ connections: 4, inFlight: 256, codec: 'protobuf', goals: [atLeast(0.9)], quick: true }),
  {
    ...echo({ connections: 4, inFlight: 256 }),
    name: 'tcp-echo-64b-4x256-listeners',
    baseline: 'hawser',
    subjects: ['hawser', 'hawser-async', 'hawser-iterator', 'hawser-3-stages', 'hawser-8-stages'],
    goals: [
      atLeast(0.7, 'hawser', 'hawser-async'),
      atLeast(0.6, 'hawser', 'hawser-iterator'),
      atLeast(0.8, 'hawser', 'hawser-8-stages'),
    ],
    quick: ['hawser', 'hawser-async', 'hawser-iterator', 'hawser-8-stages'],
  },
  echo({ connections: 1, inFlight: 16 }),
  echo({ connections: 1, inFlight: 1024 }),
  echo({ connections: 64, inFlight: 1, latency: true }),
  echo({ connections: 4, inFlight: 64, bytes: 1024 }),
  echo({ connections: 4, inFlight: 4, bytes: 65536 }),
]

const otherTransports = [
  {
    ...echo({ transport: 'udp', connections: 1, inFlight: 64, subjects: ['baseline', 'hawser', 'naive'] }),
    name: 'udp-echo-64b-64',
    goals: [atLeast(0.9)],
    quick: ['baseline', 'hawser'],
  },
  {
    ...echo({ transport: 'ws', connections: 1, inFlight: 256 }),
    name: 'ws-echo-64b-1x256',
    subjects: ['baseline', 'hawser', 'hawser-ws', 'ws-plain', 'socket-io'],
    goals: [atLeast(0.7), atLeast(6, 'ws-plain'), atLeast(4, 'ws-plain', 'hawser-ws')],
    quick: ['baseline', 'hawser', 'hawser-ws', 'ws-plain'],
  },
  echo({
    transport: 'ws',
    connections: 1,
    inFlight: 1,
    latency: true,
    subjects: ['baseline', 'hawser', 'hawser-ws', 'ws-plain'],
    goals: [atLeast(0.9, 'ws-plain'), atLeast(0.9, 'ws-plain', 'hawser-ws')],
  }),
  echo({ transport: 'ipc', connections: 4, inFlight: 256 }),
  echo({ transport: 'ipc', connections: 1, inFlight: 1, latency: true }),
  echo({ transport: 'tls', connections: 4, inFlight: 256 }),
  echo({ transport: 'tls', connections: 1, inFlight: 1, latency: true }),
  echo({ transport: 'inproc', connections: 4, inFlight: 256 }),
]

const oneWays = [
  {
    name: 'tcp-oneway-64b-raw',
    kind: 'oneway',
    transport: 'tcp',
    messageBytes: 64,
    subjects: ['baseline', 'hawser', 'naive', 'zeromq', 'nats'],
    goals: [atLeast(0.8), atLeast(8, 'zeromq')],
    quick: ['baseline', 'hawser', 'zeromq'],
  },
  ...['tcp', 'ipc', 'tls'].map((transport) => ({
    name: `${transport}-bulk-64k`,
    kind: 'oneway',
    transport,
    messageBytes: 65536,
    subjects: ['baseline', 'hawser', 'until-false'],
    goals: [atLeast(0.8), atLeast(1.2, 'until-false')],
    quick: true,
  })),
]

const manySessions = [
  {
    name: 'tcp-broadcast-64b-1000',
    kind: 'broadcast',
    transport: 'tcp',
    connections: 1_000,
    messageBytes: 64,
    subjects: ['baseline', 'hawser'],
    goals: [atLeast(0.8)],
    quick: true,
  },
  {
    name: 'inproc-broadcast-64b-10000',
    kind: 'broadcast',
    transport: 'inproc',
    connections: 10_000,
    messageBytes: 64,
    subjects: ['hawser'],
  },
  {
    name: 'tcp-idle-10000',
    kind: 'idle',
    transport: 'tcp',
    connections: 10_000,
    subjects: ['baseline', 'hawser'],
    goals: [
      { subject: 'hawser', to: 'baseline', atMost: 2 },
      { subject: 'hawser', atMost: 7 },
    ],
    quick: true,
  },
  {
    name: 'tcp-idle-10000-after-echo',
    kind: 'idle',
    transport: 'tcp',
    connections: 10_000,
    talked: true,
    subjects: ['baseline', 'hawser'],
  },
  {
    name: 'tcp-accept-close',
    kind: 'churn',
    transport: 'tcp',
    isPlainDialer: true,
    subjects: ['baseline', 'hawser'],
    goals: [atLeast(0.8)],
    quick: true,
  },
  { name: 'tcp-dial-close', kind: 'churn', transport: 'tcp', subjects: ['baseline', 'hawser'] },
  ...[0, 16].map((stalled) => ({
    name: `tcp-slow-consumers-1k-${stalled}-of-${64 + stalled}`,
    kind: 'slow',
    transport: 'tcp',
    connections: 64,
    stalled,
    messageBytes: 1024,
    subjects: ['baseline', 'hawser'],
  })),
]

/** The same three at 1, 10, 100, 1,000 and 10,000 sessions: the cost of a message and of a session should not grow. */
const growth = [1, 10, 100, 1_000, 10_000].flatMap((connections) => [
  {
    name: `growth-echo-${connections}`,
    kind: 'echo',
    transport: 'tcp',
    connections,
    messageBytes: 64,
    inFlight: 1,
    growth: CPU,
    subjects: ['baseline', 'hawser'],
  },
  {
    name: `growth-broadcast-${connections}`,
    kind: 'broadcast',
    transport: 'tcp',
    connections,
    messageBytes: 64,
    growth: 'us/delivery',
    subjects: ['baseline', 'hawser'],
  },
  {
    name: `growth-idle-${connections}`,
    kind: 'idle',
    transport: 'tcp',
    connections,
    growth: 'heap KiB/session',
    subjects: ['baseline', 'hawser'],
  },
])

/** Calls on one connection, each with a deadline, which are answered with their argument. */
function calls({ codec = 'raw', bytes = 64, inFlight, ...workload }) {
  return {
    name: `rpc-unary-${codec}-${inFlight}`,
    kind: 'rpc',
    transport: 'tcp',
    codec,
    messageBytes: bytes,
    inFlight,
    subjects: ['baseline', 'hawser'],
    ...workload,
  }
}

const rpcs = [
  calls({
    inFlight: 1,
    subjects: ['baseline', 'hawser', 'grpc-js'],
    goals: [{ subject: 'hawser', to: 'baseline', unit: CPU, atMost: 1.2 }],
  }),
  calls({
    inFlight: 64,
    subjects: ['baseline', 'hawser', 'grpc-js', 'nats', 'socket-io', 'moleculer', 'zeromq', 'rsocket', 'json-rpc-2.0'],
    goals: [
      atLeast(0.7),
      atLeast(30, 'grpc-js'),
      atLeast(8, 'nats'),
      atLeast(3.5, 'socket-io'),
      atLeast(3.5, 'moleculer'),
      atLeast(3.5, 'zeromq'),
      atLeast(3.5, 'json-rpc-2.0'),
      atLeast(2.5, 'rsocket'),
    ],
    quick: ['baseline', 'hawser'],
  }),
  calls({ inFlight: 256, goals: [atLeast(0.7)] }),
  calls({
    codec: 'json',
    bytes: 100,
    inFlight: 64,
    subjects: ['baseline', 'hawser', 'hawser-json-rpc', 'socket-io', 'moleculer', 'jayson', 'json-rpc-2.0'],
    goals: [atLeast(0.7)],
  }),
  calls({ codec: 'protobuf', bytes: 100, inFlight: 64, goals: [atLeast(0.7)] }),
  {
    ...calls({ inFlight: 1 }),
    name: 'rpc-stream-raw',
    streamed: true,
    subjects: ['baseline', 'hawser', 'grpc-js'],
    goals: [atLeast(15, 'grpc-js')],
  },
]

/**
 * What takes longest whatever the time that is left comes first: the others then share what remains.
 * @type {readonly Workload[]}
 */
export const workloads = [...manySessions, ...growth, ...echoes, ...otherTransports, ...oneWays, ...rpcs]
