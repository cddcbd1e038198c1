import { element, make } from './element.js'

/** @typedef {import('./messages.ts').Entry} Entry */

/** So many entries stay on the page. */
const MOST_ENTRIES = 500
const AT_END_PX = 40
const TIME = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })

/** What happened, and what was said. */
export class Log {
  #list = element('log', HTMLElement)
  #talkOnly = element('talk-only', HTMLInputElement)
  #isAtEnd = true
  #height = 0

  constructor() {
    this.#talkOnly.checked = localStorage.getItem('talk-only') === 'yes'
    this.#talkOnly.addEventListener('change', () => {
      localStorage.setItem('talk-only', this.#talkOnly.checked ? 'yes' : 'no')
      this.#filter()
    })
    this.#filter()
    // It shrinks when a device is chosen, and what was the end shall stay it.
    this.#list.addEventListener('scroll', () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#list
      if (clientHeight === this.#height) this.#isAtEnd = scrollHeight - scrollTop - clientHeight < AT_END_PX
    })
    new ResizeObserver(() => {
      this.#height = this.#list.clientHeight
      this.#stay()
    }).observe(this.#list)
  }

  /** @param {readonly Entry[]} entries */
  reset(entries) {
    this.#list.replaceChildren(...entries.map((entry) => itemOf(entry)))
    this.#isAtEnd = true
    this.#stay()
  }

  /** @param {Entry} entry */
  add(entry) {
    this.#list.append(itemOf(entry))
    while (this.#list.children.length > MOST_ENTRIES) this.#list.firstElementChild?.remove()
    this.#stay()
  }

  /** At the end: who reads back is left there. */
  #stay() {
    if (this.#isAtEnd) this.#list.scrollTop = this.#list.scrollHeight
  }

  #filter() {
    this.#list.classList.toggle('talk-only', this.#talkOnly.checked)
    this.#isAtEnd = true
    this.#stay()
  }
}

/** @param {Entry} entry */
function itemOf({ at, kind, from, text }) {
  const item = make('li', '', kind)
  const time = make('time', TIME.format(at))
  time.dateTime = new Date(at).toISOString()
  item.append(time)
  const words = make('p')
  if (from !== undefined) words.append(make('b', from), ' ')
  words.append(text)
  item.append(words)
  return item
}
