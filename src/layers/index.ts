export { compression, type CompressionOptions } from './compression.ts'
export { throttle, type ThrottleOptions } from './throttle.ts'
export { wireLog, type WireLogTarget } from './wire-log.ts'
