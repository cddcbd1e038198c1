import { describe } from '../core/errors.ts'
import type { StandardIssue, StandardSchema } from '../core/schema.ts'
import { callFailed, type RpcError } from './rpc-error.ts'
import type { RpcStatus } from './rpc-status.ts'

/** Whose fault a value is that does not pass, and what is said of it. */
export interface Blame {
  readonly status: RpcStatus
  readonly what: string
  readonly sent: RpcError['sent']
}

/** What the handler gets. */
export const ARGUMENT: Blame = { status: 'invalid_argument', what: 'the argument', sent: 'no' }
/** What the caller gets: the other side does not keep the contract. */
export const ANSWER: Blame = { status: 'internal', what: 'the answer', sent: 'yes' }

/**
 * The value as the schema makes it; a promise where the schema is asynchronous.
 * @throws RpcError, also as a rejection, with the issues as its data
 */
export function validate(schema: StandardSchema, value: unknown, blame: Blame): unknown {
  let result: ReturnType<StandardSchema['~standard']['validate']>
  try {
    result = schema['~standard'].validate(value)
  } catch (error) {
    throw schemaThrew(error, blame)
  }
  if (!(result instanceof Promise)) return checked(result, blame)
  return result.then(
    (settled) => checked(settled, blame),
    (error: unknown) => {
      throw schemaThrew(error, blame)
    },
  )
}

type Checked = Awaited<ReturnType<StandardSchema['~standard']['validate']>>

function checked(result: Checked, { status, what, sent }: Blame): unknown {
  if (result.issues === undefined) return result.value
  const issues = result.issues.map(plainIssue)
  const [first] = issues
  const text = first === undefined ? '' : `: ${first.path === '' ? '' : `${first.path}: `}${first.message}`
  throw callFailed(status, `${what} is against its schema${text}`, sent, { data: { issues } })
}

/** An issue that can be sent: schemas put the values they dislike beside it. */
function plainIssue({ message, path = [] }: StandardIssue): { readonly path: string; readonly message: string } {
  return { path: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'), message }
}

function schemaThrew(error: unknown, { what, sent }: Blame): RpcError {
  return callFailed('internal', `the schema of ${what} threw: ${describe(error)}`, sent, { cause: error })
}
