import test from 'ava'
import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { virtualEnv, type VirtualEnv } from '../../src/testing/virtual-env.ts'
import { inproc } from '../../src/transports/memory.ts'
import { ipc } from '../../src/transports/ipc.ts'
import { tcp } from '../../src/transports/tcp.ts'
import { tls } from '../../src/transports/tls.ts'
import { udp } from '../../src/transports/udp.ts'
import { websocket } from '../../src/transports/websocket/websocket.ts'
import { answered } from '../support/answered.ts'
import { suite } from '../support/suite.ts'

let done = false

/** An Env whose clock runs, as fast as it can. */
function running(seed: number): VirtualEnv {
  const env = virtualEnv({ seed })
  const tick = () => {
    if (!done) void env.advance(1).then(() => systemEnv.yield(tick))
  }
  tick()
  return env
}

const env = running(1)
let paths = 0
const address = () => `ipc:///run/place-${++paths}`

verifyTransport(suite, 'tcp on the virtual network', { transport: tcp, address: 'tcp://127.0.0.1:0', env })
verifyTransport(suite, 'ipc on the virtual network', { transport: ipc, address, env })
verifyTransport(suite, 'tls on the virtual network', {
  transport: tls,
  address: 'tls://127.0.0.1:0',
  groups: { tls: { cert: 'server', key: 'key' } },
  env,
})
verifyTransport(suite, 'inproc in a virtual Env', {
  transport: inproc,
  address: () => `inproc://place-${++paths}`,
  env,
})

verifyTransport(suite, 'udp on the virtual network', {
  transport: udp,
  address: 'udp://127.0.0.1:0',
  reliable: false,
  env,
})

const rough = running(2)
rough.network.setFaults({ latencyMs: 2, jitterMs: 3, sliceBytes: 9000, windowBytes: 20_000 })
for (const [name, where] of [
  ['ws on the virtual network', env],
  ['ws on a rough virtual network', rough],
] as const) {
  verifyTransport(suite, name, { transport: websocket, address: 'ws://127.0.0.1:0', env: where, wrap: answered })
}
verifyTransport(suite, 'tcp on a rough virtual network', { transport: tcp, address: 'tcp://127.0.0.1:0', env: rough })

test.after.always('nothing is left', (t) => {
  done = true
  t.deepEqual([env.timers, rough.timers], [0, 0])
})
