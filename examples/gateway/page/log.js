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

  constructor() {
    this.#talkOnly.checked = localStorage.getItem('talk-only') === 'yes'
    this.#talkOnly.addEventListener('change', () => {
      localStorage.setItem('talk-only', this.#talkOnly.checked ? 'yes' : 'no')
      this.#filter()
    })
    this.#filter()
  }

  /** @param {readonly Entry[]} entries */
  reset(entries) {
    this.#list.replaceChildren(...entries.map((entry) => itemOf(entry)))
    this.#list.scrollTop = this.#list.scrollHeight
  }

  /** @param {Entry} entry */
  add(entry) {
    const { scrollHeight, scrollTop, clientHeight } = this.#list
    const isAtEnd = scrollHeight - scrollTop - clientHeight < AT_END_PX
    this.#list.append(itemOf(entry))
    while (this.#list.children.length > MOST_ENTRIES) this.#list.firstElementChild?.remove()
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight // who reads back is left there
  }

  #filter() {
    this.#list.classList.toggle('talk-only', this.#talkOnly.checked)
    this.#list.scrollTop = this.#list.scrollHeight
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
