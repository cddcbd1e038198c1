/**
 * @typedef {object} RpcWorkload
 * @property {string} name
 * @property {'unary' | 'stream'} kind
 * @property {'raw' | 'json' | 'protobuf'} body of arguments and results alike: the server gives back what it got
 * @property {number} inFlight calls; of a stream the server sends on its own, as credit allows
 */

/** @type {readonly RpcWorkload[]} */
export const WORKLOADS = [
  { name: 'rpc-unary-raw-1', kind: 'unary', body: 'raw', inFlight: 1 },
  { name: 'rpc-unary-raw-64', kind: 'unary', body: 'raw', inFlight: 64 },
  { name: 'rpc-unary-raw-256', kind: 'unary', body: 'raw', inFlight: 256 },
  { name: 'rpc-unary-json-64', kind: 'unary', body: 'json', inFlight: 64 },
  { name: 'rpc-unary-protobuf-64', kind: 'unary', body: 'protobuf', inFlight: 64 },
  { name: 'rpc-stream-raw', kind: 'stream', body: 'raw', inFlight: 1 },
]

/** What each subject can do. `by-hand` is what the others are compared with. */
export const SUBJECTS = {
  'by-hand': ['raw', 'json', 'protobuf', 'stream'],
  hawser: ['raw', 'json', 'protobuf', 'stream'],
  'hawser-json-rpc': ['json'],
  'grpc-js': ['raw', 'stream'],
  nats: ['raw'],
  'socket-io': ['raw', 'json'],
  moleculer: ['json'],
  zeromq: ['raw'],
  rsocket: ['raw'],
  jayson: ['json'],
  'json-rpc-2.0': ['json'],
}

/** Every call has this deadline, where the subject has deadlines. */
export const DEADLINE_MS = 10_000
