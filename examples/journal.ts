/** Tells what happens. */
export type Say = (what: string) => void

const NAME_WIDTH = 8

/** A line for each thing that happens: the time, who, what. */
export function journal(who: string): Say {
  return (what) => console.log(`${new Date().toTimeString().slice(0, 8)}  ${who.padEnd(NAME_WIDTH)}${what}`)
}
