import test from 'ava'
import type { Env } from '../../src/core/env.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { requiredNet } from '../../src/transports/required-net.ts'
import { tcp } from '../../src/transports/tcp.ts'
import { Diary, dialing, linkOptions, listening, textBytes } from '../support/accepting.ts'
import { verifyTransport } from '../../src/testing/conformance/transport.ts'
import { passThrough } from '../../src/testing/pass-through.ts'
import { tls } from '../../src/transports/tls.ts'
import { Authority } from '../support/certificates.ts'
import { suite } from '../support/suite.ts'

const authority = new Authority('Hawser test authority')
const server = authority.issue('localhost', 'DNS:localhost', 'IP:127.0.0.1')
const groups = { tls: { ...server, ca: authority.cert } }

verifyTransport(suite, 'tls', { transport: tls, address: 'tls://127.0.0.1:0', groups })
verifyTransport(suite, 'tls inside a pass-through layer', {
  transport: tls,
  address: 'tls://127.0.0.1:0',
  groups,
  wrap: passThrough,
})

// All of them here: `openssl` holds up the whole process while it runs, and with it the handshakes of other tests.
const foreign = new Authority('Somebody else')
const client = authority.issue('a client')
const stranger = foreign.issue('a stranger')
const reloaded = authority.issue('reloaded', 'IP:127.0.0.1')

test('the certificate of the server is verified: its authority and its name, unless insecure', async (t) => {
  const { acceptor, sink } = await listening(tls, 'tls://127.0.0.1:0', { tls: server })
  const byName = acceptor.address.replace('127.0.0.1', 'localhost')
  const refusedWith = async (address: string, group: object): Promise<string> =>
    (await t.throwsAsync(dialing(tls, address, { tls: group }))).message

  t.regex(await refusedWith(acceptor.address, {}), /UNABLE_TO_VERIFY_LEAF_SIGNATURE|self.signed|unable to/i)
  t.regex(
    await refusedWith(acceptor.address, { ca: foreign.cert }),
    /(UNABLE_TO|unable to).*\(the option tls\.ca says whom to trust\)$/i,
  )
  t.regex(await refusedWith(acceptor.address, { ca: authority.cert, servername: 'elsewhere.example' }), /ALTNAME/)
  await t.throwsAsync(dialing(tls, acceptor.address, {}), { code: 'ERR_TLS' })

  for (const [address, group] of [
    [acceptor.address, { ca: authority.cert }],
    [byName, { ca: [authority.cert, foreign.cert] }],
    [acceptor.address, { ca: new TextEncoder().encode(authority.cert), servername: 'localhost' }],
    [acceptor.address, { insecure: true }],
  ] as const) {
    const connection = await dialing(tls, address, { tls: group })
    t.regex(connection.remoteAddress, /^tls:/)
    t.like(connection.peer.certificate, {
      subject: { O: 'Hawser', CN: 'localhost' },
      issuer: { CN: 'Hawser test authority' },
    })
    connection.destroy()
  }
  await until(
    systemEnv,
    () => sink.connections.length + sink.errors.length === sink.admitted.length,
    'each has come to its end',
  )
  for (const { error, from } of sink.errors) {
    t.regex(error.code, /^ERR_(TLS|CONNECTION_RESET)$/)
    t.regex(from ?? '', /^tls:\/\/127\.0\.0\.1:/)
  }
  for (const connection of sink.connections) connection.destroy()
  await acceptor.close()
})

test('B-02: a client without a certificate, or with a foreign one, is refused with ERR_TLS where one is required', async (t) => {
  const demanding = { ...server, ca: authority.cert, clientCertificate: 'required' }
  const { acceptor, sink } = await listening(tls, 'tls://127.0.0.1:0', { tls: demanding })
  const attempt = async (certificate: object): Promise<Diary> => {
    // TLS 1.3: the client has done its part before the server refuses it.
    const connection = await dialing(tls, acceptor.address, { tls: { ca: authority.cert, ...certificate } })
    const diary = new Diary()
    connection.attach(diary)
    await until(systemEnv, () => sink.connections.length + sink.errors.length === sink.admitted.length, 'its outcome')
    if (sink.connections.length > 0) connection.destroy()
    else await until(systemEnv, () => diary.entries.length > 0, 'the refusal')
    connection.end()
    await diary.closed()
    return diary
  }
  const missing = await attempt({})
  t.deepEqual(missing.entries, ['(close)'], 'an alert is not an end')
  t.like(missing.error, { code: 'ERR_TLS', retryable: false })
  t.regex(missing.error?.message ?? '', /the peer refused our certificate: certificate required/)
  const foreigner = await attempt(stranger)
  t.deepEqual(foreigner.entries, ['(end)', '(close)'], 'Node tells a foreign one nothing, it only leaves')
  t.deepEqual(
    sink.errors.map(({ error }) => error.code),
    ['ERR_TLS', 'ERR_TLS'],
  )
  t.is(sink.connections.length, 0)
  await attempt(client)
  t.is(sink.errors.length, 2)
  t.like((await sink.first()).peer.certificate, { subject: { CN: 'a client' } })
  for (const connection of sink.connections) connection.destroy()
  await acceptor.close()
})

test('an optional client certificate may be missing, but not foreign', async (t) => {
  const { acceptor, sink } = await listening(tls, 'tls://127.0.0.1:0', {
    tls: { ...server, ca: authority.cert, clientCertificate: 'optional' },
  })
  const none = await dialing(tls, acceptor.address, { tls: { ca: authority.cert } })
  t.is((await sink.first()).peer.certificate, undefined)
  const turnedAway = await dialing(tls, acceptor.address, { tls: { ca: authority.cert, ...stranger } })
  t.is((await sink.firstError()).code, 'ERR_TLS')
  t.is(sink.connections.length, 1)
  for (const connection of [none, turnedAway, ...sink.connections]) connection.destroy()
  await acceptor.close()
})

test('B-02: who never finishes the handshake ends in ERR_TIMEOUT, and keeps nobody else from his', async (t) => {
  const limits = new Set<() => void>() // of handshakes under way: the test says when they are over
  const env: Env = {
    ...systemEnv,
    setTimer(_delayMs, run) {
      limits.add(run)
      return { cancel: () => limits.delete(run) }
    },
  }
  const { acceptor, sink } = await listening(tls, 'tls://127.0.0.1:0', groups, { env })
  const silent = await dialing(tcp, acceptor.address.replace('tls', 'tcp'))
  const diary = new Diary()
  silent.attach(diary)
  await until(systemEnv, () => limits.size === 1, 'the silent one is waited for')
  const other = await dialing(tls, acceptor.address, groups)
  await sink.first()
  t.is(limits.size, 1)
  t.is(sink.errors.length, 0)
  for (const isOver of limits) isOver()
  const error = await sink.firstError()
  t.is(error.code, 'ERR_TIMEOUT')
  t.deepEqual(
    sink.errors.map(({ from }) => from),
    [silent.localAddress.replace('tcp', 'tls')],
  )
  await until(systemEnv, () => diary.entries.length > 0, 'the silent peer is cut off')
  silent.destroy()
  for (const connection of [other, ...sink.connections]) connection.destroy()
  await acceptor.close()
})

test('B-02, B-13: garbage, plain text and HTTP on a TLS port are told apart; each is one error, and the port lives on', async (t) => {
  const { acceptor, sink } = await listening(tls, 'tls://127.0.0.1:0', groups)
  const plain = acceptor.address.replace('tls', 'tcp')
  for (const [number, [text, hint]] of (
    [
      ['GET / HTTP/1.1\r\n\r\n', /HTTP request/],
      ['HELO there\r\n', /not TLS|TLS handshake/],
      ['\x16\x03\x01\xff\xff\xff\xff\xff\xff\xff', /TLS handshake/],
    ] as const
  ).entries()) {
    const connection = await dialing(tcp, plain)
    connection.attach(new Diary())
    connection.write(Uint8Array.from(text, (letter) => letter.charCodeAt(0)))
    connection.end()
    await until(systemEnv, () => sink.errors.length > number, text)
    const found = sink.errors[number]?.error
    t.true(found?.code === 'ERR_TLS' || (found?.code === 'ERR_CONNECTION_RESET' && number === 2), `${text}: ${found}`)
    t.regex(found?.message ?? '', hint)
    connection.destroy()
  }
  const cut = await dialing(tcp, plain)
  cut.destroy()
  await until(systemEnv, () => sink.errors.length === 4, 'a peer that leaves')
  t.is(sink.errors[3]?.error.code, 'ERR_CONNECTION_RESET')
  const fine = await dialing(tls, acceptor.address, groups)
  await sink.first()
  t.is(sink.errors.length, 4)
  for (const connection of [fine, ...sink.connections]) connection.destroy()
  await acceptor.close()
})

test('TLS dialed to a plain port is ERR_TLS; to a silent one, ERR_TIMEOUT', async (t) => {
  const { acceptor, sink } = await listening(tcp, 'tcp://127.0.0.1:0')
  const address = acceptor.address.replace('tcp', 'tls')
  const refused = t.throwsAsync(dialing(tls, address, groups), { code: 'ERR_TLS', message: /not TLS/ })
  const greeter = await sink.first()
  greeter.attach(new Diary())
  greeter.write(textBytes('220 smtp.example ready\r\n'))
  await refused
  await t.throwsAsync(dialing(tls, address, groups, { timeoutMs: 50 }), { code: 'ERR_TIMEOUT' })
  const left = t.throwsAsync(dialing(tls, address, groups), {
    code: 'ERR_CONNECTION_RESET',
    message: /does the peer speak TLS\?$/,
  })
  await until(systemEnv, () => sink.connections.length === 3, 'one that will be left')
  sink.connections[2]?.destroy()
  await left
  const reason = new Error('enough')
  await t.throwsAsync(dialing(tls, address, groups, { signal: AbortSignal.abort(reason) }), { is: reason })
  const later = new AbortController()
  const aborted = t.throwsAsync(dialing(tls, address, groups, { signal: later.signal }), { is: reason })
  await until(systemEnv, () => sink.connections.length === 4, 'the fourth')
  later.abort(reason)
  await aborted
  for (const connection of sink.connections) connection.destroy()
  await acceptor.close()
})

test('B-02: ALPN agrees on the first protocol in common, or the handshake fails', async (t) => {
  const { acceptor, sink } = await listening(tls, 'tls://127.0.0.1:0', { tls: { ...groups.tls, alpn: ['b', 'c'] } })
  const agreed = await dialing(tls, acceptor.address, { tls: { ca: authority.cert, alpn: ['a', 'c', 'b'] } })
  t.is(agreed.peer.protocol, 'b')
  t.is((await sink.first()).peer.protocol, 'b')
  await t.throwsAsync(dialing(tls, acceptor.address, { tls: { ca: authority.cert, alpn: ['z'] } }), {
    code: 'ERR_TLS',
    message: /ALPN/,
  })
  t.is((await sink.firstError()).code, 'ERR_TLS')
  for (const connection of [agreed, ...sink.connections]) connection.destroy()
  await acceptor.close()
})

test('reloadTls: new handshakes get the new certificate, sessions live on, and a bad one changes nothing', async (t) => {
  const { acceptor, sink } = await listening(tls, 'tls://127.0.0.1:0', groups)
  const old = await dialing(tls, acceptor.address, groups)
  t.throws(() => acceptor.reloadTls?.({ cert: 'no PEM', key: 'neither' }), { code: 'ERR_TLS' })
  t.throws(() => acceptor.reloadTls?.({ ...reloaded, key: server.key }), { code: 'ERR_TLS' })
  t.throws(() => acceptor.reloadTls?.({ cert: reloaded.cert }), { code: 'ERR_BAD_OPTION' })
  const between = await dialing(tls, acceptor.address, groups)
  t.like(between.peer.certificate, { subject: { CN: 'localhost' } })
  acceptor.reloadTls?.(reloaded)
  const fresh = await dialing(tls, acceptor.address, groups)
  t.like(fresh.peer.certificate, { subject: { CN: 'reloaded' } })
  const diary = new Diary()
  ;(await sink.first()).attach(diary)
  old.write(textBytes('still here'))
  await until(systemEnv, () => diary.entries.length > 0, 'the old session goes on')
  t.deepEqual(diary.entries, ['still here'])
  for (const connection of [old, between, fresh, ...sink.connections]) connection.destroy()
  await acceptor.close()
})

test('a handshake runs over any Connection, inside a layer or another TLS', async (t) => {
  const net = requiredNet(systemEnv)
  const { acceptor, sink } = await listening(tls, 'tls://127.0.0.1:0', groups)
  const outer = await dialing(tls, acceptor.address, groups)
  const accepted = await sink.first()
  const tunnel = { ...server, ca: authority.cert, servername: 'localhost' }
  const [inside, there] = await Promise.all([
    net.secure(passThrough(outer), tunnel, linkOptions('dialed')),
    net.secure(passThrough(accepted), tunnel, linkOptions('accepted')),
  ])
  const [near, far] = [new Diary(), new Diary()]
  inside.attach(near)
  there.attach(far)
  inside.write(textBytes('hello'))
  inside.end()
  await until(systemEnv, () => far.entries.includes('(end)'), 'the end of a tunnel')
  there.write(textBytes('goodbye'))
  there.end()
  await Promise.all([near.closed(), far.closed()])
  t.deepEqual(far.entries, ['hello', '(end)', '(close)'])
  t.deepEqual(near.entries, ['goodbye', '(end)', '(close)'])
  await acceptor.close()
})

const wrong = (group: object): Promise<unknown> => listening(tls, 'tls://127.0.0.1:0', { tls: group })

test('a wrong option of the group tls is named', async (t) => {
  await t.throwsAsync(wrong({}), { code: 'ERR_BAD_OPTION', message: /tls\.cert / })
  await t.throwsAsync(wrong({ cert: server.cert }), { code: 'ERR_BAD_OPTION', message: /tls\.key / })
  await t.throwsAsync(wrong({ ...server, minVersion: 'TLSv1' }), { code: 'ERR_BAD_OPTION', message: /tls\.minVersion/ })
  await t.throwsAsync(wrong({ ...server, clientCertificate: true }), { message: /tls\.clientCertificate/ })
  await t.throwsAsync(wrong({ ...server, alpn: [''] }), { code: 'ERR_BAD_OPTION', message: /tls\.alpn/ })
  await t.throwsAsync(wrong({ ...server, rejectUnauthorized: false }), {
    message: /tls\.rejectUnauthorized is unknown/,
  })
  await t.throwsAsync(wrong({ ...server, ca: 5 }), { code: 'ERR_BAD_OPTION', message: /tls\.ca/ })
  await t.throwsAsync(wrong({ ...server, cert: 'nonsense' }), { code: 'ERR_TLS', message: /used: no start line$/ })
  await t.throwsAsync(wrong({ ...server, key: reloaded.key }), { code: 'ERR_TLS', message: /do not belong together$/ })
  for (const cert of ['/etc/ssl/server.crt', 'server.pem', '..\\server']) {
    await t.throwsAsync(wrong({ ...server, cert }), { code: 'ERR_BAD_OPTION', message: /is PEM text, not a path/ })
  }
  await t.throwsAsync(dialing(tls, 'tls://127.0.0.1:1'), {
    message: /^cannot dial tls:[^,]*: connect ECONNREFUSED [^,]*$/,
  })
  await t.throwsAsync(dialing(tls, 'tls://127.0.0.1:1', { tls: { ca: authority.cert, cert: 'nonsense' } }), {
    code: 'ERR_TLS',
  })
  for (const ca of ['nonsense', server.key, new TextEncoder().encode('nonsense')]) {
    const error = { code: 'ERR_BAD_OPTION', message: /option tls\.ca holds no certificate/ } as const
    await t.throwsAsync(wrong({ ...server, ca }), error)
    await t.throwsAsync(dialing(tls, 'tls://127.0.0.1:1', { tls: { ca } }), error)
  }
})
