import { allocate } from '../../core/bytes.ts'

/** glibc never counts a block larger than 32 MiB; what stays free at the top of its heap is twice the block. */
const BLOCK_BYTES = 8 * 1024 * 1024

/** So much has come in before it is worth it: sessions at rest would only keep memory that they do not need. */
const BUSY_BYTES = 16 * 1024 * 1024

let receivedBytes = 0

/**
 * Told of each chunk that came in. Of a process that is busy the top of the heap is kept: glibc gives what is free there
 * back to the kernel from 128 KiB on, and asks for it anew, page after page. Receive buffers die together, in one garbage
 * collection, and so a busy process faulted its way through some megabytes after each of them: a tenth of what a small
 * message cost. A block that was mapped and is freed raises both thresholds for good (mallopt(3), M_MMAP_THRESHOLD): from
 * then on up to 16 MiB stay. None of the block is touched, so it takes no memory itself; where the C library is another
 * one, nothing happens.
 */
export function noteReceived(bytes: number): void {
  if (receivedBytes > BUSY_BYTES) return
  receivedBytes += bytes
  if (receivedBytes > BUSY_BYTES) allocate(BLOCK_BYTES)
}
