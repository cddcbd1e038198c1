/**
 * What is measured. Names say transport, kind, message size, connections x in flight, and codec.
 *
 * @typedef {object} Workload
 * @property {string} name
 * @property {'echo' | 'idle' | 'broadcast'} kind name of the file in kinds/ that knows how it is measured
 * @property {'tcp' | 'udp' | 'inproc'} transport
 * @property {number} connections
 * @property {number} [messageBytes]
 * @property {number} [inFlight] messages on the way, for each connection
 * @property {boolean} [latency] times every round trip; with one message in flight it costs nothing
 * @property {boolean} [talked] each connection has carried one message both ways before it falls silent
 * @property {readonly string[]} subjects names of files in subjects/; ratios are to the one named baseline
 * @property {boolean} [steady] its figures hardly vary: a few rounds, or one in the quick run, are enough
 * @property {boolean | readonly string[]} [quick] in the quick run with all subjects (true) or these
 */

/** @type {readonly Workload[]} */
export const workloads = [
  {
    name: 'tcp-idle-10000',
    kind: 'idle',
    transport: 'tcp',
    connections: 10_000,
    subjects: ['baseline', 'hawser'],
    quick: true,
    steady: true,
  },
  {
    name: 'tcp-idle-10000-after-echo',
    kind: 'idle',
    transport: 'tcp',
    connections: 10_000,
    talked: true,
    steady: true,
    subjects: ['baseline', 'hawser'],
  },
  {
    name: 'tcp-broadcast-64b-10000',
    kind: 'broadcast',
    transport: 'tcp',
    connections: 10_000,
    messageBytes: 64,
    subjects: ['baseline', 'hawser'],
    quick: true,
    steady: true,
  },
  {
    name: 'inproc-broadcast-64b-10000',
    kind: 'broadcast',
    transport: 'inproc',
    connections: 10_000,
    messageBytes: 64,
    subjects: ['hawser'],
    quick: true,
    steady: true,
  },
  {
    name: 'tcp-echo-64b-4x256-raw',
    kind: 'echo',
    transport: 'tcp',
    connections: 4,
    inFlight: 256,
    messageBytes: 64,
    subjects: ['baseline', 'hawser', 'naive'],
    quick: true,
  },
  {
    name: 'tcp-echo-64b-1x256-raw',
    kind: 'echo',
    transport: 'tcp',
    connections: 1,
    inFlight: 256,
    messageBytes: 64,
    subjects: ['baseline', 'hawser', 'naive'],
    quick: ['baseline', 'hawser'],
  },
  {
    name: 'tcp-echo-64b-64x4-raw',
    kind: 'echo',
    transport: 'tcp',
    connections: 64,
    inFlight: 4,
    messageBytes: 64,
    subjects: ['baseline', 'hawser', 'naive'],
    quick: ['baseline', 'hawser'],
  },
  {
    name: 'tcp-echo-64b-1x1-raw',
    kind: 'echo',
    transport: 'tcp',
    connections: 1,
    inFlight: 1,
    messageBytes: 64,
    latency: true,
    subjects: ['baseline', 'hawser'],
    quick: true,
  },
  {
    name: 'udp-echo-64b-1x256-raw',
    kind: 'echo',
    transport: 'udp',
    connections: 1,
    inFlight: 256,
    messageBytes: 64,
    subjects: ['baseline', 'hawser', 'naive'],
    quick: ['baseline', 'hawser'],
  },
]
