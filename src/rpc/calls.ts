import type { AnyMethod, AnyService } from './contract.ts'
import type { CallOptions, Calls } from './peer.ts'

/** One method of one service object. */
export interface MethodTarget {
  readonly service: string
  readonly method: string
  readonly definition: AnyMethod
}

/** Who makes calls: one peer, or a client that chooses among its sessions. `M` is what it makes of a method. */
export interface Caller<M> {
  /** Once for each function of `callsOf`, when it is first called. */
  methodOf(target: MethodTarget): M
  /** Unary, and client streams. */
  call(method: M, input: unknown, options: CallOptions | undefined): Promise<unknown>
  /** One-way. */
  tell(method: M, input: unknown, options: CallOptions | undefined): void
  /** Server and both-way streams. */
  read(method: M, input: unknown, options: CallOptions | undefined): AsyncIterable<unknown>
}

/** A function for each method of the service, all of which lead to `caller`. */
export function callsOf<S extends AnyService, M>(service: S, caller: Caller<M>): Calls<S> {
  const calls: Record<string, unknown> = {}
  for (const [method, definition] of Object.entries(service.methods as Record<string, AnyMethod>)) {
    calls[method] = callOf({ service: service.name, method, definition }, caller)
  }
  return Object.freeze(calls) as Calls<S>
}

function callOf<M>(target: MethodTarget, caller: Caller<M>): (input: unknown, options?: CallOptions) => unknown {
  let known: M | undefined
  const method = (): M => (known ??= caller.methodOf(target))
  switch (target.definition.kind) {
    case 'unary':
    case 'client-stream':
      return (input, options) => caller.call(known ?? method(), input, options)
    case 'one-way':
      return (input, options) => caller.tell(known ?? method(), input, options)
    case 'server-stream':
    case 'bidi-stream':
      return (input, options) => caller.read(known ?? method(), input, options)
  }
}
