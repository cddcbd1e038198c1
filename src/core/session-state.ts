/**
 *              opened          close, failed           gone
 *   opening ───────────▶ open ────────────────▶ closing ───────▶ closed
 *      │ │ close, failed   │ gone                  ▲                ▲
 *      │ └─────────────────┼───────────────────────┘                │
 *      │ gone              │                                        │
 *      └───────────────────┴────────────────────────────────────────┘
 *
 * `gone` is the Connection's onClose: nothing else leads to closed, so that a greeting or refusal still leaves.
 */
export type SessionState = 'opening' | 'open' | 'closing' | 'closed'
/** What moves a session from one state to the next. */
export type SessionEvent = 'opened' | 'close' | 'failed' | 'gone'

const NEXT: Record<SessionState, Partial<Record<SessionEvent, SessionState>>> = {
  opening: { opened: 'open', close: 'closing', failed: 'closing', gone: 'closed' },
  open: { close: 'closing', failed: 'closing', gone: 'closed' },
  closing: { gone: 'closed' },
  closed: {},
}

/** The state after `event`; the same one where it changes nothing. */
export function nextState(state: SessionState, event: SessionEvent): SessionState {
  return NEXT[state][event] ?? state
}
