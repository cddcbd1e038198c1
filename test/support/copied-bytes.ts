const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array

/** Bytes that `run` copies from one array to another by `set`: what a clock would only guess at. */
export function copiedBytes(run: () => void): number {
  let copied = 0
  const counting = {
    set(this: Uint8Array, source: ArrayLike<number>, offset?: number): void {
      copied += source.length
      typedArray.set.call(this, source, offset)
    },
  }
  Object.assign(Uint8Array.prototype, counting)
  try {
    run()
  } finally {
    Reflect.deleteProperty(Uint8Array.prototype, 'set')
  }
  return copied
}
