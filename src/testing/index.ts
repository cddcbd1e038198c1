export { type CodecSample, verifyCodec } from './conformance/codec.ts'
export { verifyFraming } from './conformance/framing.ts'
export { type LayerUnderTest, verifyLayer } from './conformance/layer.ts'
export { type RpcNote, type RpcUnderTest, type RpcValues, verifyRpc } from './conformance/rpc.ts'
export type { LeftOut } from './conformance/sentences.ts'
export { type SessionsUnderTest, verifySession } from './conformance/session.ts'
export type { TestFunction } from './conformance/test-function.ts'
export { type TransportUnderTest, verifyTransport } from './conformance/transport.ts'
export { embed, type EmbeddedSession, type EmbedOptions, type FeedOptions } from './embed.ts'
export {
  type DatagramFaults,
  type FaultyDatagrams,
  faultyDatagrams,
  type FaultyDatagramsOptions,
} from './faulty-datagrams.ts'
export { type FaultyLink, faultyLink, type FaultyLinkOptions } from './faulty-link.ts'
export type { Faults } from './faults.ts'
export { HeldConnection, type HeldConnectionOptions, type HeldWrite } from './held-connection.ts'
export { hex } from './hex.ts'
export { passThrough } from './pass-through.ts'
export { type LogEntry, type VirtualEnv, virtualEnv, type VirtualEnvOptions } from './virtual-env.ts'
export type { VirtualHost } from './virtual-host.ts'
export type { VirtualLink } from './virtual-link.ts'
export type { VirtualNetwork } from './virtual-network.ts'
