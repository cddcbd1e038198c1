/** What the simulation is told when it starts. */
export interface SimulationSetup {
  readonly tcp: string
  readonly udp: string
  readonly services: string
  /** It makes the tokens of its devices itself, as the factory of real ones would. */
  readonly secret: string
  readonly devices: number
  readonly intervalMs: number
  /** Whether links can be broken; those that cannot cost nothing. */
  readonly isBreakable: boolean
}
