export { throttle, type ThrottleOptions } from './throttle.ts'
