/** The low bits of a frame's first byte are its type, the others these. */
export const TYPE_BITS = 0x1f
/** Calls: the method's name follows its number. */
export const NAME = 0x20
/** ERROR: the handler was not begun. */
export const NOT_RUN: number = NAME
/** Calls: a deadline follows. */
export const DEADLINE = 0x40
/** ERROR: data follow. */
export const DATA: number = DEADLINE
/** Metadata follow. */
export const METADATA = 0x80
