import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { ipc } from '../../src/transports/ipc.ts'
import { suite } from '../support/suite.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'

const folder = mkdtempSync(join(tmpdir(), 'hawser-ipc-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const address = (): string => `ipc://${folder}/${++files}.sock`

verifyTransport(suite, 'ipc', { transport: ipc, address })
verifyTransport(suite, 'ipc inside a pass-through layer', { transport: ipc, address, wrap: passThrough })
