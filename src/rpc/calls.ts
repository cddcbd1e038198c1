import type { AnyMethod, AnyService } from './contract.ts'
import type { CallOptions, Calls } from './peer.ts'

/** One method of one service object. */
export interface MethodTarget {
  readonly service: string
  readonly method: string
  readonly definition: AnyMethod
}

/** Who makes calls: one peer, or a client that chooses among its sessions. */
export interface Caller {
  /** Unary, and client streams. */
  call(target: MethodTarget, input: unknown, options: CallOptions | undefined): Promise<unknown>
  /** One-way. */
  tell(target: MethodTarget, input: unknown, options: CallOptions | undefined): void
  /** Server and both-way streams. */
  read(target: MethodTarget, input: unknown, options: CallOptions | undefined): AsyncIterable<unknown>
}

/** A function for each method of the service, all of which lead to `caller`. */
export function callsOf<S extends AnyService>(service: S, caller: Caller): Calls<S> {
  const calls: Record<string, unknown> = {}
  for (const [method, definition] of Object.entries(service.methods as Record<string, AnyMethod>)) {
    calls[method] = callOf({ service: service.name, method, definition }, caller)
  }
  return Object.freeze(calls) as Calls<S>
}

function callOf(target: MethodTarget, caller: Caller): (input: unknown, options?: CallOptions) => unknown {
  switch (target.definition.kind) {
    case 'unary':
    case 'client-stream':
      return (input, options) => caller.call(target, input, options)
    case 'one-way':
      return (input, options) => caller.tell(target, input, options)
    case 'server-stream':
    case 'bidi-stream':
      return (input, options) => caller.read(target, input, options)
  }
}
