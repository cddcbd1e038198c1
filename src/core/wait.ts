/** What every wait takes. Over time: ERR_TIMEOUT (left out or 0: no limit); aborted: rejects with `signal.reason`, and what was waited for goes on. */
export interface Wait {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}
