/** Of a method's or service's name, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 256
/** Of the text of an error that is sent, in bytes of UTF-8; a longer one is cut. */
export const MAX_ERROR_TEXT_BYTES = 4096
/** Entries of metadata of one call. */
export const MAX_METADATA_ENTRIES = 64
/** Of all keys and values of the metadata of one call, in bytes of UTF-8. */
export const MAX_METADATA_BYTES = 8192
/** Methods that one side of a session may give numbers to; what exceeds it goes by name. */
export const MAX_NUMBERED_METHODS = 4096
/** Services that one side of a session may announce. */
export const MAX_ANNOUNCED_SERVICES = 1024
/** What the calls of a peer bring while they wait for `onPeer`: who it is may still be unknown. One more frame, at most, exceeds it. */
export const MAX_WAITING_BYTES: number = 1024 * 1024
/** So many windows of `streamWindowBytes` may all streams take that one side of a session reads, beside the first 64 KiB of each. */
export const GROWN_WINDOWS = 16
