import { NodeBuffer, type NodeBufferView, type ViewConstructor } from './utf8.ts'

/**
 * Memory. Node's Buffer is used where it exists: `allocUnsafeSlow` saves zeroing what is written anyway, and its UTF-8 is
 * twice as fast as TextEncoder.
 */

const encoder = /* @__PURE__ */ new TextEncoder()

/**
 * Makes views of memory: of Node's own class where there is one, as its `subarray` would. Given the ArrayBuffer it is
 * three times as fast, because reading `buffer` of a typed array is a call into the runtime (13 of 35 ns).
 */
export const View: ViewConstructor = NodeBuffer?.[Symbol.species] ?? Uint8Array

/** No bytes, shared. */
export const EMPTY: Uint8Array = /* @__PURE__ */ new Uint8Array(0)

/** Uninitialised memory of its own (no shared pool). */
export function allocate(length: number): Uint8Array {
  return NodeBuffer === undefined ? new Uint8Array(length) : NodeBuffer.allocUnsafeSlow(length)
}

/** A copy that pins nothing else: for what is kept for long. */
export function copy(bytes: Uint8Array): Uint8Array {
  const kept = allocate(bytes.length)
  kept.set(bytes)
  return kept
}

/** Found once: looking `set` up on a Buffer takes a third of a small copy's time, because its prototype is a dictionary. */
const { set } = Uint8Array.prototype

/** Copies `bytes` to `offset`, where there is room for them. */
export function copyInto(target: Uint8Array, bytes: Uint8Array, offset: number): void {
  set.call(target, bytes, offset)
}

/** For constants of a protocol: a byte for each character. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** How many bytes `text` takes as UTF-8. */
export function utf8Length(text: string): number {
  return NodeBuffer === undefined ? encoder.encode(text).length : NodeBuffer.byteLength(text)
}

/** Writes `text` at `offset`, where there is room for it, and gives the number of bytes. */
export function writeUtf8(target: Uint8Array, text: string, offset: number): number {
  if (NodeBuffer === undefined) return encoder.encodeInto(text, target.subarray(offset)).written
  return (target as unknown as NodeBufferView).write(text, offset) // `allocate` made it a Buffer
}

/** Below this a loop beats the call into the runtime. */
const SHORT_BYTES = 64

/** Where `byte` first stands in `bytes` between `from` and `to`; -1 where it does not. */
export function indexOfByte(bytes: Uint8Array, byte: number, from: number, to: number): number {
  const near = Math.min(to, from + SHORT_BYTES)
  for (let at = from; at < near; at++) if (bytes[at] === byte) return at
  if (near >= to) return -1
  const found = bytes.subarray(near, to).indexOf(byte) // what lies behind `to` is not looked at
  return found < 0 ? -1 : near + found
}

/** The first bytes as a person reads them, for error messages: `16 03 01 "..."`. */
export function preview(bytes: Uint8Array): string {
  const head = bytes.subarray(0, 16)
  const hex = Array.from(head, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  const text = Array.from(head, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')
  return `${hex} "${text}"`
}
