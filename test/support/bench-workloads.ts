import type { Fault } from './bench-fault.ts'

const faulty = new URL('bench-fault.js', import.meta.url).href
const subjects = ['baseline', 'hawser']
const tcp = { transport: 'tcp', messageBytes: 64 }

/** One of each kind, as small as they go; and those with a subject that has a fault. */
export const workloads: readonly object[] = [
  {
    ...tcp,
    name: 'tiny-echo',
    kind: 'echo',
    connections: 2,
    inFlight: 4,
    subjects,
    goals: [{ subject: 'hawser', atLeast: 1 }],
  },
  { ...tcp, name: 'tiny-latency', kind: 'echo', connections: 1, inFlight: 1, latency: true, subjects },
  { ...tcp, name: 'tiny-json', kind: 'echo', connections: 1, inFlight: 4, codec: 'json', subjects },
  { ...tcp, name: 'tiny-protobuf', kind: 'echo', connections: 1, inFlight: 4, codec: 'protobuf', subjects },
  { ...tcp, name: 'tiny-numbers', kind: 'echo', connections: 1, inFlight: 4, codec: 'numbers', subjects },
  { ...tcp, name: 'tiny-inproc', kind: 'echo', connections: 1, inFlight: 4, subjects, transport: 'inproc' },
  { ...tcp, name: 'tiny-udp', kind: 'echo', connections: 1, inFlight: 4, subjects, transport: 'udp' },
  { ...tcp, name: 'tiny-ws', kind: 'echo', connections: 1, inFlight: 4, subjects, transport: 'ws' },
  { ...tcp, name: 'tiny-tls', kind: 'echo', connections: 1, inFlight: 4, subjects, transport: 'tls' },
  { ...tcp, name: 'tiny-bulk', kind: 'oneway', messageBytes: 65536, subjects, transport: 'ipc' },
  { ...tcp, name: 'tiny-broadcast', kind: 'broadcast', connections: 3, subjects },
  { ...tcp, name: 'tiny-slow', kind: 'slow', connections: 2, stalled: 1, messageBytes: 1024, subjects },
  { ...tcp, name: 'tiny-idle', kind: 'idle', connections: 5, talked: true, subjects },
  { ...tcp, name: 'tiny-churn', kind: 'churn', subjects },
  ...(['changed', 'lost', 'twice', 'swapped'] satisfies Fault[]).flatMap((fault) => [
    {
      ...tcp,
      name: `echo-${fault}`,
      kind: 'echo',
      connections: 1,
      inFlight: 8,
      fault,
      subjects: fault === 'changed' ? ['baseline', faulty] : [faulty],
    },
    { ...tcp, name: `oneway-${fault}`, kind: 'oneway', fault, subjects: [faulty] },
  ]),
]
