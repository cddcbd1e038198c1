import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import test from 'ava'
import { verifySession } from '../../../src/testing/conformance/session.ts'
import { Authority } from '../../support/certificates.ts'
import { suite } from '../../support/suite.ts'

const authority = new Authority('Hawser test authority')
const own = authority.issue('localhost', 'IP:127.0.0.1')

const http = createServer().listen(0, '127.0.0.1')
const https = createSecureServer(own).listen(0, '127.0.0.1')
await Promise.all([once(http, 'listening'), once(https, 'listening')])
let paths = 0
test.after.always(() => {
  http.close()
  https.close()
})

verifySession(suite, 'ws on a path of an HTTP server', { address: () => ({ http, path: `/place/${++paths}` }) })
verifySession(suite, 'wss on a path of an HTTPS server', {
  address: () => ({ http: https, path: `/place/${++paths}` }),
  clientSetup: { tls: { ca: authority.cert } },
})
