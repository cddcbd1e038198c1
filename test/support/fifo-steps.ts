import fc from 'fast-check'

/** What is done to a queue: so many are pushed, or, where it is below zero, taken. */
export const fifoSteps = fc.array(
  fc.oneof(
    fc.nat(3000),
    fc.nat(3000).map((count) => -count),
  ),
  { maxLength: 20 },
)
