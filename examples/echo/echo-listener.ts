import type { CloseCause, EventListener, Session } from 'hawser'
import type { Say } from '../journal.ts'
import type { EchoMessage } from './echo-message.ts'

/** `data` is its number, for people. */
type EchoSession = Session<EchoMessage, EchoMessage, number>
type EchoClientSession = Session<EchoMessage, EchoMessage>

/** The server's side; one for all sessions, as it has no state of theirs. */
export class EchoListener implements EventListener<EchoMessage, EchoMessage, number> {
  readonly #say: Say
  readonly #sessionTimeoutMs: number

  /** @param sessionTimeoutMs a session that was silent for longer is closed at the next `onCron` */
  constructor(say: Say, sessionTimeoutMs: number) {
    this.#say = say
    this.#sessionTimeoutMs = sessionTimeoutMs
  }

  onOpen(session: EchoSession): void {
    this.#say(`session ${session.data} opens over ${session.peer.transport}`)
  }

  onMessage(session: EchoSession, message: EchoMessage): void {
    session.send(message)
  }

  async onCron(session: EchoSession): Promise<void> {
    if (session.idleMs <= this.#sessionTimeoutMs) return
    this.#say(`session ${session.data} has been silent for ${seconds(session.idleMs)}`)
    await session.close({ reason: 'silent' })
  }

  onClose(session: EchoSession, cause: CloseCause): void {
    this.#say(`session ${session.data} is closed by ${describeCause(cause)}`)
  }
}

/** The client's side; each session has its own. */
export class EchoClientListener implements EventListener<EchoMessage> {
  readonly #say: Say
  #sequence = 0
  #sentAt = 0
  #heartbeats = 0

  constructor(say: Say) {
    this.#say = say
  }

  onOpen(session: EchoClientSession): void {
    this.#send(session, 'echo', 'Hello, hawser!')
  }

  onMessage(session: EchoClientSession, { command, text }: EchoMessage): void {
    const tookMs = (performance.now() - this.#sentAt).toFixed(1)
    const { transport } = session.peer
    if (command === 'echo') this.#say(`"${text}" came back over ${transport} in ${tookMs} ms`)
    else if (++this.#heartbeats === 1)
      this.#say(`a heartbeat came back over ${transport}; the next ones do so in silence`)
  }

  onCron(session: EchoClientSession): void {
    this.#send(session, 'heartbeat', '')
  }

  #send(session: EchoClientSession, command: EchoMessage['command'], text: string): void {
    this.#sentAt = performance.now()
    session.send({ command, sequence: ++this.#sequence, text })
  }
}

export function describeCause(cause: CloseCause): string {
  switch (cause.by) {
    case 'local':
      return cause.reason === undefined ? 'this side' : `this side: ${cause.reason}`
    case 'remote':
      return 'the other side'
    case 'error':
      return cause.error.message
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
