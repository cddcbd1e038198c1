/** What the simulation is told when it starts. */
export interface SimulationSetup {
  readonly tcp: string
  readonly udp: string
  /** Where to attach; left out: no faults from the page, and no watchman. */
  readonly services?: string | undefined
  /** It makes the tokens of its devices itself, as the factory of real ones would. */
  readonly secret: string
  readonly devices: number
  readonly intervalMs: number
  /** Whether links can be broken; those that cannot cost nothing. */
  readonly isBreakable: boolean
}
