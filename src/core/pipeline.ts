import type { Env } from './env.ts'
import { badOption } from './errors.ts'
import { LoopStageHost, type PausableLoop } from './loop-stage-host.ts'
import type { SendingHalf } from './sending-half.ts'
import type { Session } from './session.ts'
import type { Stage, StageFactory, StageHost } from './stage.ts'
import { deliverStaged, type Sender } from './staged-delivery.ts'
import type { Wait } from './wait.ts'

type Step<M> = (message: M) => void

/** Where messages leave the stages. */
export interface PipelineEnds<In, Out> {
  readonly inbound: Step<In>
  readonly outbound: Step<Out>
}

/** The stages of one session, each of which may pause `loop`. @throws what a factory throws */
export function linkStages<In, Out>(
  factories: readonly StageFactory<In, Out>[] | undefined,
  session: Session<In, Out, unknown>,
  env: Env,
  loop: PausableLoop,
  ends: PipelineEnds<In, Out>,
): Pipeline<In, Out> | undefined {
  if (factories === undefined || factories.length === 0) return undefined
  return new Pipeline(factories, session, () => new LoopStageHost(env, loop), ends)
}

/**
 * The stages of one session, linked once when it opens:
 *
 *     decode ──▶ first.inbound ──▶ … ──▶ last.inbound ──▶ listener
 *     encode ◀── first.outbound ◀── … ◀── last.outbound ◀── send
 */
export class Pipeline<In, Out> {
  readonly inbound: Step<In>
  readonly outbound: Step<Out>
  readonly hasOutbound: boolean
  readonly #stages: readonly Stage<In, Out>[]

  constructor(
    factories: readonly StageFactory<In, Out>[],
    session: Session<In, Out, unknown>,
    makeHost: () => StageHost,
    ends: PipelineEnds<In, Out>,
  ) {
    this.#stages = factories.map((make) => requireStage(make(session, makeHost())))
    let { inbound } = ends
    for (const stage of this.#stages.toReversed()) {
      const next = inbound
      if (stage.inbound !== undefined) inbound = (message) => stage.inbound?.(message, next)
    }
    this.inbound = inbound
    this.outbound = this.#linkOutbound(ends.outbound)
    this.hasOutbound = this.#stages.some((stage) => stage.outbound !== undefined)
  }

  /** As `outbound`, with an `end` of its own: it gets whatever the stages make of this message. */
  trace(message: Out, end: Step<Out>): void {
    const outbound = this.#linkOutbound(end)
    outbound(message)
  }

  /** As `Session.deliver`, through the stages. */
  deliver(env: Env, session: Sender, outbound: SendingHalf<Out>, message: Out, wait: Wait | undefined): Promise<void> {
    return deliverStaged(env, session, this, outbound, message, wait)
  }

  #linkOutbound(end: Step<Out>): Step<Out> {
    let outbound = end
    for (const stage of this.#stages) {
      const next = outbound
      if (stage.outbound !== undefined) outbound = (message) => stage.outbound?.(message, next)
    }
    return outbound
  }

  /** Each stage is told, whatever one of them throws. @param onThrow gets that */
  dispose(onThrow: (error: unknown) => void): void {
    for (const stage of this.#stages) {
      try {
        stage.dispose?.()
      } catch (error) {
        onThrow(error)
      }
    }
  }
}

/** Braces that were meant to hold a stage, and hold statements, give none. @throws ERR_BAD_OPTION */
function requireStage<In, Out>(stage: Stage<In, Out>): Stage<In, Out> {
  if (typeof stage === 'object' && stage !== null) return stage
  throw badOption(
    'stages',
    `has a function that gave ${typeof stage}: it must return an object with inbound or outbound`,
  )
}
