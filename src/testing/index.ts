export { verifyCodec } from './conformance/codec.ts'
export { verifyFraming } from './conformance/framing.ts'
export type { TestFunction } from './conformance/test-function.ts'
export { hex } from './hex.ts'
