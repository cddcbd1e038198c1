/**
 * Two ends that hand each other what is written, in a later turn of the event loop: as much of a socket as StreamPeer
 * needs. The receiver keeps views of the chunks, so what was written is never free to be written anew.
 */
export class MemorySocket {
  writableLength = 1
  #other
  #onData
  #chunks = []
  static pair() {
    const [one, other] = [new MemorySocket(), new MemorySocket()]
    one.#other = other
    other.#other = one
    return [one, other]
  }

  on(event, listener) {
    if (event === 'data') this.#onData = listener
  }

  write(chunk) {
    const other = this.#other
    if (other.#chunks.length === 0) setImmediate(() => other.#onTurn())
    other.#chunks.push(chunk)
  }

  #onTurn() {
    const chunks = this.#chunks
    this.#chunks = []
    for (const chunk of chunks) this.#onData(chunk)
  }

  cork() {}
  uncork() {}
  destroy() {}
}
