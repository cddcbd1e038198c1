/** What an item of a stream takes of the credit, beside the bytes of its body: empty ones must not be free. */
export const ITEM_COST_BYTES = 64
/** The credit that each direction of a stream begins with, on both sides. */
export const FIRST_CREDIT_BYTES: number = 64 * 1024
