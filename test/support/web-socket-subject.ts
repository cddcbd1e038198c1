import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import type { Connection } from '../../src/core/connection.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { linkOptions } from './accepting.ts'
import type { WebSocketEngine } from '../../src/core/web-socket.ts'

const SETTINGS = (compression: boolean | { readonly thresholdBytes: number }) => ({
  subprotocols: [],
  headers: {},
  compression: compression === true ? { thresholdBytes: 0 } : compression,
})
export async function subjectListen(
  _engine: string,
  compression: boolean | { readonly thresholdBytes: number },
  maxFrameBytes: number,
  onConnection: (c: Connection) => void,
) {
  const engine = systemEnv.net?.webSocket as WebSocketEngine
  await engine.load()
  const http = createServer()
  http.on('upgrade', (req, socket, head) => {
    const link = systemEnv.net!.adopt(socket, linkOptions('accepted'))
    onConnection(
      engine.accept(
        link,
        head,
        { method: 'GET', url: req.url ?? '', headers: req.headers },
        SETTINGS(compression),
        linkOptions('accepted', {}, { maxFrameBytes }),
      ),
    )
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return { port: (http.address() as AddressInfo).port, close: () => void http.close() }
}
export async function subjectDial(
  _engine: string,
  compression: boolean | { readonly thresholdBytes: number },
  maxFrameBytes: number,
  port: number,
  path: string,
) {
  const engine = systemEnv.net?.webSocket as WebSocketEngine
  await engine.load()
  const o = linkOptions('dialed', {}, { maxFrameBytes })
  const link = await systemEnv.net!.dial({ host: '127.0.0.1', port }, o)
  return engine.dial(link, `ws://127.0.0.1:${port}${path}`, SETTINGS(compression), o)
}
