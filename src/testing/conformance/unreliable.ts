const END = 'it has no end that a peer could hear of'
const PACE = 'nothing slows its sender down: what comes faster than it is read is lost'
const SIZE = 'a message is as large as a datagram at most'
const NEXT = 'a message that cannot be read is reported, and the next one is read'
const HANDSHAKE = 'dialing sends nothing: nobody can refuse, and who is not let in is not told'
const SOCKET = 'the peers share the socket of their acceptor, whose port is free when the last of them has closed'

/**
 * The sentences of the suites that do not apply where messages may be lost, doubled and reordered, as over UDP, and why.
 * All others do.
 */
export const UNRELIABLE: Readonly<Record<string, string>> = {
  // Connections
  'bytes arrive in order, whatever the sizes of the writes, both ways at once': PACE,
  'an end that came before attach is told after it': END,
  'a connection that was destroyed before attach still says onClose': END,
  'A-13: attached again, the new sink gets the unread bytes first, then what follows': PACE,
  'pause is a request: in the end nothing more comes, and nothing is lost': PACE,
  'end flushes what was written, also under cork, and may be repeated': END,
  'B-05: when the dialed side ends, the other goes on, and both close when it ends too': END,
  'B-05: when the accepted side ends, the other goes on, and both close when it ends too': END,
  'destroy gives one onClose and nothing after it; the peer hears an end or a close': END,
  'what was not taken when a connection is destroyed is never said to be': PACE,
  '8 MiB arrive whole, and bufferedBytes tells whether the peer reads': PACE,
  // Transports
  'dialing where nobody listens is refused': HANDSHAKE,
  'closing the acceptor, twice at that, leaves accepted connections alive': SOCKET,
  'a peer that admit refuses sees its connection fail or close, and comes to nobody': HANDSHAKE,
  'a paused acceptor lets nobody in until it goes on, and then those who waited': HANDSHAKE,
  // Sessions
  'messages arrive in order and whole, in bursts both ways': PACE,
  'a message of maxFrameBytes passes both ways, and an empty one': SIZE,
  'a frame above maxFrameBytes reaches onError and ends the session': NEXT,
  'an async listener gets the next message when it is done with the one before': PACE,
  'concurrency lets so many handlers run at once, and no more': PACE,
  'a listener that is busy slows its sender down; nothing is lost': PACE,
  'receive() gives what came before the end, then rejects; for await just ends': END,
  'handle pulls, and the session closes when it returns': END,
  'handle that has seen the end of its peer can still answer': END,
  'send says false from the mark on, and drained() and onDrain come once it falls': PACE,
  'deliver() resolves when the bytes are taken, and rejects where they never will be': PACE,
  'sendAll sends everything at the pace of the peer': PACE,
  "past maxBufferedBytes overflow 'drop' acts": PACE,
  "past maxBufferedBytes overflow 'throw' acts": PACE,
  "past maxBufferedBytes overflow 'close' acts": PACE,
  'large payloads go as they are, between small messages, in order': SIZE,
  'a peer that data refuses gets what was sent to it, and no hook hears of it': END,
  'what cannot be decoded reaches onError, then the session closes': NEXT,
  'an end in the middle of a frame is ERR_TRUNCATED': END,
  'close() flushes what was sent, and both sides know who closed': END,
  'what was sent arrives although the closing side had bytes unread': END,
  'a peer that ends gets the answers to all that it sent': END,
  'close() inside of a hook, twice at that: no message after it, and onClose once': END,
  'destroy() inside of a hook, twice at that: no message after it, and onClose once': END,
}
