import { type ClientOptions, RECONNECT_DEFAULTS } from './client-options.ts'
import { badOption } from './errors.ts'
import { requireKnown } from './option-names.ts'
import { requireFunction } from './session-options.ts'
import { requireSignal } from './wait.ts'

/** As `checkSetup`, for the options that are a Client's own. @throws ERR_BAD_OPTION that names the option */
export function checkClient<In, Out, Data>({ onStatus, signal, reconnect = {} }: ClientOptions<In, Out, Data>): void {
  requireFunction('onStatus', onStatus)
  requireSignal('signal', signal)
  if (reconnect === false) return
  if (typeof reconnect !== 'object' || reconnect === null) throw badOption('reconnect', 'must be false or an object')
  requireKnown('reconnect.', reconnect, Object.keys(RECONNECT_DEFAULTS))
}
