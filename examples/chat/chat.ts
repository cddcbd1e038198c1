import { type Codec, type EventListener, type FramingFactory, Rooms, type Session } from 'hawser'
import { text } from 'hawser/codecs'
import { line } from 'hawser/framing'
import type { Say } from '../journal.ts'

/** Somebody in the chat: `session.data`. */
export interface Guest {
  name: string
  room: string
}

/** What `chat` gives: a part of a SessionSetup. */
export interface ChatSetup {
  readonly codec: Codec<string>
  readonly framing: FramingFactory
  readonly maxFrameBytes: number
  readonly data: () => Guest
  readonly listener: EventListener<string, string, Guest>
}

type ChatSession = Session<string, string, Guest>

const LOBBY = 'lobby'
const NAME = /^[\p{L}\p{N}_-]{1,20}$/u
/** What a terminal would obey: nobody shall write on another's screen. */
const CONTROL = /\p{Cc}/gu

/** A chat over lines of text, for `nc` and `telnet`; to spread into `listen`. */
export function chat(say: Say): ChatSetup {
  let guests = 0
  return {
    codec: text(),
    framing: line(),
    maxFrameBytes: 1_024,
    data: () => ({ name: `guest-${++guests}`, room: LOBBY }),
    listener: new ChatListener(say),
  }
}

class ChatListener implements EventListener<string, string, Guest> {
  readonly #say: Say
  readonly #rooms = new Rooms<string, string>()
  readonly #names = new Set<string>()

  constructor(say: Say) {
    this.#say = say
  }

  onOpen(session: ChatSession): void {
    const { name } = session.data
    this.#names.add(name)
    this.#say(`${name} joins from ${session.remoteAddress}`)
    session.send(`* welcome, ${name}; /name YOU, /join ROOM, /who, /quit, anything else is said to the room`)
    this.#enter(session, LOBBY)
  }

  onMessage(session: ChatSession, typed: string): void {
    const said = typed.replace(CONTROL, '').trim()
    if (said.startsWith('/')) this.#command(session, said)
    else if (said !== '') this.#tell(session, `${session.data.name}: ${said}`)
  }

  onShutdown(session: ChatSession): void {
    session.send('* the server goes down; goodbye')
  }

  onClose(session: ChatSession): void {
    const { name } = session.data
    this.#names.delete(name)
    this.#tell(session, `* ${name} is gone`)
    this.#say(`${name} is gone`)
  }

  #command(session: ChatSession, said: string): void {
    const [, command, argument = ''] = /^(\S+)\s*(.*)$/.exec(said) ?? []
    switch (command) {
      case '/name':
        return this.#rename(session, argument)
      case '/join':
        return this.#join(session, argument)
      case '/who':
        return this.#who(session)
      case '/ping':
        return void session.send('* pong')
      case '/quit':
        session.send('* goodbye')
        return void session.close()
      default:
        return void session.send(`* there is no ${command}: /name YOU, /join ROOM, /who, /quit`)
    }
  }

  #rename(session: ChatSession, name: string): void {
    const before = session.data.name
    if (!NAME.test(name)) return void session.send('* a name is up to 20 letters, digits, - and _')
    if (this.#names.has(name)) return void session.send(`* somebody is called ${name} already`)
    this.#names.delete(before)
    this.#names.add(name)
    session.data.name = name
    session.send(`* you are ${name}`)
    this.#tell(session, `* ${before} is now ${name}`)
  }

  #join(session: ChatSession, room: string): void {
    if (!NAME.test(room)) return void session.send("* a room's name is up to 20 letters, digits, - and _")
    if (room === session.data.room) return void session.send(`* you are in ${room}`)
    this.#rooms.leaveAll(session)
    this.#tell(session, `* ${session.data.name} leaves for ${room}`)
    this.#enter(session, room)
  }

  #enter(session: ChatSession, room: string): void {
    session.data.room = room
    this.#tell(session, `* ${session.data.name} enters`)
    this.#rooms.join(room, session)
    session.send(`* you are in ${room}, with ${this.#others(room)} other${this.#others(room) === 1 ? '' : 's'}`)
  }

  #who(session: ChatSession): void {
    const here = [...(this.#rooms.get(session.data.room) ?? [])] as ChatSession[]
    session.send(`* in ${session.data.room}: ${here.map(({ data }) => data.name).join(', ')}`)
  }

  /** To all others in the room. Who cannot keep up misses lines; nobody waits for them. */
  #tell(session: ChatSession, message: string): void {
    this.#rooms.broadcast(session.data.room, message, { except: session, skipSlow: true })
  }

  #others(room: string): number {
    return (this.#rooms.get(room)?.size ?? 1) - 1
  }
}
