// The simulation is a process of its own: what the gateway's page says of CPU and memory is then the gateway's alone.
// It gets its setup from the process that forks it, and ends with it.
import { once } from 'node:events'
import { type Closable, closeOnSignals, connect, parseAddress, systemEnv } from 'hawser'
import { rpc, RpcError } from 'hawser/rpc'
import { Attached, Simulation } from '../service-contract.ts'
import { Tokens } from '../tokens.ts'
import { Fleet } from './fleet.ts'
import type { SimulationSetup } from './setup.ts'
import { Watchman } from './watchman.ts'

const NAME = 'simulation'

process.on('SIGINT', () => {}) // Ctrl-C reaches the whole group: who forked us tells us when
process.on('disconnect', () => process.exit())

const [setup] = (await once(process, 'message')) as [SimulationSetup]
const tokens = new Tokens(setup.secret)
const fleet = await Fleet.start({
  env: systemEnv,
  tcp: parseAddress(setup.tcp),
  udp: parseAddress(setup.udp),
  tokens,
  count: setup.devices,
  intervalMs: setup.intervalMs,
  isBreakable: setup.isBreakable,
})
const services =
  setup.services === undefined ? [] : [attach(setup.services), new Watchman().attach(setup.services, tokens)]

const whole: Closable = { close: () => fleet.close(), destroy: () => process.exit(1) }
await closeOnSignals([whole, ...services], { signals: ['SIGTERM'] })
process.disconnect()

/** As a service, so that the gateway's pages can break links. */
function attach(gateway: string): Closable {
  return connect(gateway, {
    ...rpc({
      onPeer(peer) {
        peer.serve(Attached, {
          introduce: () => ({ name: NAME, token: tokens.issue('service', NAME), answers: false, simulates: true }),
          ask: () => '',
        })
        peer.serve(Simulation, {
          inflict({ device, fault }) {
            if (fleet.has(device)) return fleet.inflict(device, fault)
            throw new RpcError('not_found', `${device} is not simulated: its link is out of reach`)
          },
        })
      },
    }),
    onStatus() {},
  })
}
