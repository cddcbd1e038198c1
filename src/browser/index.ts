export type { Address, AddressLike, Scheme } from '../core/address.ts'
export { type AttributeKey, type Attributes, attributeKey } from '../core/attributes.ts'
export type { BroadcastOptions } from '../core/broadcast.ts'
export type { Client, ClientStatus } from '../core/client.ts'
export type { ReconnectOptions } from '../core/client-options.ts'
export { type Codec, mapCodec, type MessageIn, type MessageOut, type SessionOf } from '../core/codec.ts'
export type { CloseReason, Connection, ConnectionSink, PeerInfo, Role, Wrapper } from '../core/connection.ts'
export type { Env, TimerHandle } from '../core/env.ts'
export {
  type ErrorCode,
  type ErrorDetails,
  type ErrorOf,
  HawserError,
  type HawserErrorOptions,
  isHawserError,
  type SessionError,
} from '../core/errors.ts'
export type { EventListener } from '../core/event-listener.ts'
export { FrameReader } from '../core/frame-reader.ts'
export type { Framing, FramingFactory } from '../core/framing.ts'
export type { Logger } from '../core/logger.ts'
export type { Opening, Peer } from '../core/peer.ts'
export type { ReadBuffer } from '../core/read-buffer.ts'
export type { AnySession, CloseCause, CloseOptions, Session } from '../core/session.ts'
export { SessionGroup } from '../core/session-group.ts'
export type { Heartbeat, Limits, NeedsData } from '../core/session-options.ts'
export type { SessionState } from '../core/session-state.ts'
export type { AnyStageFactory, Stage, StageFactory } from '../core/stage.ts'
export type { EndpointStats, SessionStats } from '../core/stats.ts'
export type { LinkOptions, Transport } from '../core/transport.ts'
export type { Wait } from '../core/wait.ts'
export type { WriteBuffer } from '../core/write-buffer.ts'
export { connect, dial } from './browser.ts'
export { browserEnv } from './browser-env.ts'
export type { ClientOptions, SessionSetup, TransportGroups } from './browser-options.ts'
export type { WebSocketClass, WebSocketObject } from './web-socket-class.ts'
export type { WsOptions } from './web-socket-options.ts'
