/** How much is known of a peer: nobody vouches for the source address of a datagram. */
export type Standing = 'stranger' | 'answered' | 'talking'

/** The weakest first: in this order they are displaced. */
const STANDINGS: readonly Standing[] = ['stranger', 'answered', 'talking']

/**
 * The peers of a datagram server, by address, each in one of three lists:
 *
 *     stranger ──we sent to it──▶ answered ──it sent again──▶ talking
 *
 * Each list is in the order in which its peers were last heard; when that was is told in ticks, of any length, because to
 * ask for the time of every datagram costs more than all that is done here. Whatever is asked of the table takes the same time, however
 * many peers there are: under a flood of forged addresses each datagram adds one and displaces one.
 */
export class PeerTable<T> {
  readonly #byKey = new Map<string, Peer<T>>()
  readonly #lists: Readonly<Record<Standing, PeerList<T>>> = {
    stranger: new PeerList(),
    answered: new PeerList(),
    talking: new PeerList(),
  }

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): Peer<T> | undefined {
    return this.#byKey.get(key)
  }

  /** A stranger that is heard now. The key must be new. */
  add(key: string, value: T, tick: number): void {
    const peer = new Peer(key, value, tick)
    this.#byKey.set(key, peer)
    this.#lists.stranger.push(peer)
  }

  /** A datagram of this peer has come. */
  heard(peer: Peer<T>, tick: number): void {
    peer.heardIn = tick
    if (peer.standing === 'answered') this.#promote(peer, 'talking')
    else this.#lists[peer.standing].moveToEnd(peer)
  }

  /** A datagram is sent to this peer. The first one counts as if the peer had been heard, so that each list keeps its order. */
  answered(key: string, tick: number): void {
    const peer = this.#byKey.get(key)
    if (peer?.standing !== 'stranger') return
    peer.heardIn = tick
    this.#promote(peer, 'answered')
  }

  /** Only while the key is this value's. */
  delete(key: string, value: T): void {
    const peer = this.#byKey.get(key)
    if (peer?.value !== value) return
    this.#byKey.delete(key)
    peer.isGone = true
    this.#lists[peer.standing].remove(peer)
  }

  /** Who is displaced first. */
  get weakest(): Peer<T> | undefined {
    for (const standing of STANDINGS) {
      const { first } = this.#lists[standing]
      if (first !== undefined) return first
    }
    return undefined
  }

  /** Who was not heard for longest. */
  get stalest(): Peer<T> | undefined {
    let stalest: Peer<T> | undefined
    for (const standing of STANDINGS) {
      const { first } = this.#lists[standing]
      if (first !== undefined && (stalest === undefined || first.heardIn < stalest.heardIn)) stalest = first
    }
    return stalest
  }

  #promote(peer: Peer<T>, standing: Standing): void {
    this.#lists[peer.standing].remove(peer)
    peer.standing = standing
    this.#lists[standing].push(peer)
  }
}

/** One peer in the table. */
export class Peer<T> {
  readonly key: string
  readonly value: T
  standing: Standing = 'stranger'
  heardIn: number
  /** Not in the table any more. */
  isGone = false
  /** In its list. */
  previous: Peer<T> | undefined
  next: Peer<T> | undefined

  constructor(key: string, value: T, heardIn: number) {
    this.key = key
    this.value = value
    this.heardIn = heardIn
  }
}

/** Linked through its peers, so that one in the middle is taken out in constant time. */
class PeerList<T> {
  first: Peer<T> | undefined
  #last: Peer<T> | undefined

  push(peer: Peer<T>): void {
    peer.previous = this.#last
    peer.next = undefined
    if (this.#last === undefined) this.first = peer
    else this.#last.next = peer
    this.#last = peer
  }

  remove(peer: Peer<T>): void {
    const { previous, next } = peer
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
  }

  moveToEnd(peer: Peer<T>): void {
    if (peer === this.#last) return
    this.remove(peer)
    this.push(peer)
  }
}
