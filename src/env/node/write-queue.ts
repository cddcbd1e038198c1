/**
 * What of the write in progress the kernel has not taken yet, in bytes. `writableLength` counts a write in full until its last
 * byte is taken, so that a peer who takes 16 MiB slowly would look as if it took nothing. Node's own socket time-out looks at
 * the same figure of its handle, which is not public: where there is none, the answer is 0.
 */
export function writeQueueBytes(stream: object): number {
  const { _handle: handle } = stream as { readonly _handle?: { readonly writeQueueSize?: unknown } | null }
  const size = handle?.writeQueueSize
  return typeof size === 'number' ? size : 0
}
