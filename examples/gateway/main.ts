// Devices over UDP and TCP, operators in their browsers, services over RPC, in one process; and a simulation of 200 devices
// in another one, so that there is something to see.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { closeOnSignals, systemEnv } from 'hawser'
import { explainTakenPort, numberFrom, portFrom } from '../environment.ts'
import { journal } from '../journal.ts'
import { Gateway, type Identity } from './gateway.ts'
import { SimulationProcess } from './simulation/simulation-process.ts'

const HOST = '127.0.0.1'
const FIRST_PORT = 7_000
const SUMMARY_MS = 60_000
const CLOSE_MS = 10_000

const say = journal('gateway')
const secret = process.env['SECRET'] ?? randomBytes(16).toString('hex')
const silenceMs = numberFrom('SILENCE_MS', 8_000)
const devices = numberFrom('DEVICES', 200)

const gateway = new Gateway({
  host: HOST,
  ports: {
    page: portFrom(FIRST_PORT),
    lines: portFrom(FIRST_PORT, 1),
    protobuf: portFrom(FIRST_PORT, 2),
    services: portFrom(FIRST_PORT, 3),
    certified: portFrom(FIRST_PORT, 4),
  },
  identity: identityIn(process.env['CERTIFICATES']),
  secret,
  pace: { pingMs: silenceMs / 4, silenceMs },
  say,
})
const { page, lines, protobuf, services } = await gateway.start().catch(explainTakenPort)

console.log(`
The gateway is up. Open its page in a browser:

${page}

Be a device, from a terminal:

  nc ${HOST} ${lines.tcp.port}
  hello my-lamp ${gateway.tokens.issue('device', 'my-lamp')}
  report temperature=21.5 load=0.3

  and "answer 1 all is well" when the page sends a command. The same over UDP: nc -u ${HOST} ${lines.udp.port}

Be one in your own language, by Protobuf (telemetry.proto):  ${protobuf.tcp}, ${protobuf.udp}
${
  protobuf.tls === undefined
    ? ''
    : `With a certificate instead of a token:                       ${protobuf.tls}
`
}Attach a service by RPC (service-contract.ts):               ${services}
  its name is my-service, its token ${gateway.tokens.issue('service', 'my-service')}

${devices > 0 ? `${devices} simulated devices are on their way. ` : ''}Ctrl-C drains and ends.
`)

const simulation =
  devices > 0 &&
  new SimulationProcess({
    tcp: protobuf.tcp.href,
    udp: protobuf.udp.href,
    services: services.href,
    secret,
    devices,
    intervalMs: numberFrom('INTERVAL_MS', 1_000),
    isBreakable: true,
  })
const summing = systemEnv.every(SUMMARY_MS, () => say(gateway.summary))

await closeOnSignals([gateway, ...(simulation ? [simulation] : [])], { timeoutMs: CLOSE_MS })
summing[Symbol.dispose]()
say(`${gateway.summary}; all is closed`)

/** A folder with ca.crt, gateway.crt and gateway.key. */
function identityIn(folder: string | undefined): Identity | undefined {
  if (folder === undefined) return undefined
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  return { ca: read('ca.crt'), cert: read('gateway.crt'), key: read('gateway.key') }
}
