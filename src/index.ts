export {
  type Address,
  type AddressLike,
  parseAddress,
  type Scheme,
} from './core/address.ts'
export { type AttributeKey, type Attributes, attributeKey } from './core/attributes.ts'
export type { BroadcastOptions } from './core/broadcast.ts'
export { copy } from './core/bytes.ts'
export type { ByteTransform, ByteTransformSink, CompressionAlgorithm, Zlib } from './core/byte-transform.ts'
export type { Client, ClientStatus } from './core/client.ts'
export type { ReconnectOptions } from './core/client-options.ts'
export { type Codec, mapCodec, type MessageIn, type MessageOut, type SessionOf } from './core/codec.ts'
export type {
  CloseReason,
  Connection,
  ConnectionSink,
  Introduction,
  PeerInfo,
  Role,
  Wrapper,
} from './core/connection.ts'
export type {
  DatagramSender,
  DatagramSink,
  DatagramSocket,
  Env,
  Files,
  Net,
  StreamTarget,
  TimerHandle,
} from './core/env.ts'
export {
  type ErrorCode,
  type ErrorDetails,
  type ErrorOf,
  HawserError,
  type HawserErrorOptions,
  isHawserError,
  refused,
  type SessionError,
} from './core/errors.ts'
export type { EventListener } from './core/event-listener.ts'
export { FrameReader } from './core/frame-reader.ts'
export type { Framing, FramingFactory } from './core/framing.ts'
export type { Logger } from './core/logger.ts'
export type { MetricsSink } from './core/metrics.ts'
export type { Opening, Peer, PeerCertificate, PeerProxy } from './core/peer.ts'
export type { ReadBuffer } from './core/read-buffer.ts'
export { Rooms } from './core/rooms.ts'
export type { ServerStatus } from './core/server.ts'
export type { ProxyProtocolOptions } from './core/server-options.ts'
export type { AnySession, CloseCause, CloseOptions, Session } from './core/session.ts'
export { SessionGroup } from './core/session-group.ts'
export type { Heartbeat, Limits, NeedsData } from './core/session-options.ts'
export type { SessionState } from './core/session-state.ts'
export type { AnyStageFactory, Stage, StageFactory, StageHost } from './core/stage.ts'
export type { EndpointStats, SessionStats } from './core/stats.ts'
export type { TaskPoolOptions } from './core/task-pool.ts'
export type { AcceptSink, Acceptor, Anteroom, LinkOptions, Transport } from './core/transport.ts'
export type { Wait } from './core/wait.ts'
export type {
  UpgradeRequest,
  UpgradeSink,
  UpgradeSource,
  WebSocketEngine,
  WebSocketSettings,
} from './core/web-socket.ts'
export type { WriteBuffer } from './core/write-buffer.ts'
export type { ClusterHandle } from './env/cluster/cluster-primary.ts'
export { runCluster } from './env/cluster/run-cluster.ts'
export { systemEnv } from './env/node/system-env.ts'
export { type Closable, closeOnSignals, type CloseOnSignalsOptions } from './env/signals.ts'
export { attach, connect, dial, listen, TaskPool } from './node.ts'
export type { ClientOptions, Mount, Server, ServerOptions, SessionSetup, TransportGroups } from './node-options.ts'
export type { InprocOptions } from './transports/memory.ts'
export type { IpcOptions, Origins, Pem, TcpOptions, TlsOptions, UdpOptions, WsOptions } from './transports/options.ts'
