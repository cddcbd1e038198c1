import test from 'ava'
import { nextState, type SessionEvent, type SessionState } from '../../src/core/session-state.ts'

const TABLE: Record<SessionState, Record<SessionEvent, SessionState>> = {
  opening: { opened: 'open', close: 'closing', failed: 'closing', gone: 'closed' },
  open: { opened: 'open', close: 'closing', failed: 'closing', gone: 'closed' },
  closing: { opened: 'closing', close: 'closing', failed: 'closing', gone: 'closed' },
  closed: { opened: 'closed', close: 'closed', failed: 'closed', gone: 'closed' },
}

test('each event leads from each state where the drawing says, and only `gone` leads to closed', (t) => {
  for (const [state, events] of Object.entries(TABLE) as [SessionState, Record<SessionEvent, SessionState>][]) {
    for (const [event, next] of Object.entries(events) as [SessionEvent, SessionState][]) {
      t.is(nextState(state, event), next, `${state} ${event}`)
      if (next === 'closed' && state !== 'closed') t.is(event, 'gone')
    }
  }
})
