export type { RpcBody, RpcPart } from '../core/rpc-body.ts'
export { binary, type BinaryOptions } from './binary.ts'
export {
  type AnyMethod,
  type AnyService,
  bidiStream,
  clientStream,
  type Define,
  type Kind,
  method,
  type Method,
  type MethodDefinition,
  type MethodOptions,
  oneWay,
  serverStream,
  service,
  type Service,
} from './contract.ts'
export type { RpcFrame } from './frame.ts'
export type { InterceptedCall, Interceptor } from './interceptor.ts'
export { jsonBody } from './json-body.ts'
export { jsonRpc, type JsonRpcOptions } from './json-rpc.ts'
export type { RpcOpening, RpcOptions } from './options.ts'
export type {
  Call,
  CallOptions,
  Calls,
  Handler,
  Handlers,
  RpcContext,
  RpcPeer,
  RpcStats,
  UnservedCall,
} from './peer.ts'
export { rawBody } from './raw-body.ts'
export type { RetryOptions } from './retry.ts'
export { rpc, type RpcSetup } from './rpc.ts'
export { rpcClient, type RpcClientOptions } from './rpc-client.ts'
export { isRpcError, RpcError, type RpcErrorOptions } from './rpc-error.ts'
export type { RpcStatus } from './rpc-status.ts'
export type { RpcWire } from './wire.ts'
