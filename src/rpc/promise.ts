/** Whether it has to be awaited. To look through the prototypes of bytes would cost more than to handle them. */
export function isPromise(value: unknown): value is Promise<unknown> {
  return !ArrayBuffer.isView(value) && value instanceof Promise
}
