import { type EventListener, type Session, SessionGroup } from 'hawser'
import type { Say } from '../journal.ts'
import type { Command, News } from './messages.ts'

/** Somebody in the room: `session.data`. */
export interface Guest {
  name: string
}

type GuestSession = Session<Command, News, Guest>

/** One room for all, whatever they speak: a session is a session. */
export class Room implements EventListener<Command, News, Guest> {
  readonly #say: Say
  readonly #guests = new SessionGroup<News>()
  readonly #names = new Set<string>()
  #lastGuest = 0

  constructor(say: Say) {
    this.#say = say
  }

  /** For the option `data`. */
  newGuest(): Guest {
    return { name: `guest-${++this.#lastGuest}` }
  }

  onOpen(session: GuestSession): void {
    const { name } = session.data
    this.#names.add(name)
    this.#guests.add(session)
    this.#say(`${name} comes in over ${session.peer.transport}`)
    session.send({ type: 'notice', text: `you are ${name}, one of ${this.#guests.size} here` })
    this.#tell(session, { type: 'notice', text: `${name} comes in` })
  }

  onMessage(session: GuestSession, command: Command): void {
    if (command.type === 'name') this.#rename(session, command.name)
    else if (command.text !== '') this.#tell(session, { type: 'said', from: session.data.name, text: command.text })
  }

  onShutdown(session: GuestSession): void {
    session.send({ type: 'notice', text: 'the server goes down; goodbye' })
  }

  onClose(session: GuestSession): void {
    const { name } = session.data
    this.#names.delete(name)
    this.#say(`${name} is gone`)
    this.#tell(session, { type: 'notice', text: `${name} is gone` })
  }

  #rename(session: GuestSession, name: string): void {
    const before = session.data.name
    if (name === before) return
    if (this.#names.has(name)) {
      session.send({ type: 'notice', text: `somebody is called ${name} already; you are ${before}` })
      return
    }
    this.#names.delete(before)
    this.#names.add(name)
    session.data.name = name
    session.send({ type: 'notice', text: `you are ${name} now` })
    this.#tell(session, { type: 'notice', text: `${before} is ${name} now` })
  }

  /** To all others. Who cannot keep up misses it; nobody waits for them. */
  #tell(session: GuestSession, news: News): void {
    this.#guests.broadcast(news, { except: session, skipSlow: true })
  }
}
