import { element, make, setText } from './element.js'
import { inAge, inBytes, inCount, inMilliseconds } from './units.js'

/**
 * @typedef {import('./messages.ts').DeviceView} DeviceView
 * @typedef {'id' | 'via' | 'rate' | 'latencyMs' | 'queuedBytes' | 'lost'} Column
 */

/** More rows than anybody reads would cost the browser more than the gateway. */
const MOST_ROWS = 300
/** From here on a device is in trouble, though it is here. */
const SLOW_MS = 200
const QUEUED_BYTES = 1_024

/** The table of devices: sorted, filtered, and one of them chosen. */
export class DeviceTable {
  #body = element('rows', HTMLTableSectionElement)
  #filter = element('filter', HTMLInputElement)
  #kinds = element('kinds', HTMLFieldSetElement)
  #matches = element('matches', HTMLElement)
  #nothing = element('nothing', HTMLElement)
  #headings = Array.from(document.querySelectorAll('th[data-sort]'), (found) => /** @type {HTMLElement} */ (found))
  /** @type {Map<string, Row>} */
  #rows = new Map()
  /** @type {readonly DeviceView[]} */
  #devices = []
  /** @type {Column} */
  #column = 'id'
  #isDescending = false
  /** @type {string | undefined} */
  #chosen
  #onChoose

  /** @param {(device: string) => void} onChoose */
  constructor(onChoose) {
    this.#onChoose = onChoose
    this.#filter.addEventListener('input', () => this.#draw())
    this.#kinds.addEventListener('change', () => this.#draw())
    for (const heading of this.#headings) heading.addEventListener('click', () => this.#sortBy(heading))
    this.#body.addEventListener('click', ({ target }) => {
      const id = target instanceof Element ? target.closest('tr')?.id : undefined
      if (id !== undefined) this.choose(id.slice('row-'.length))
    })
    this.#body.addEventListener('keydown', (event) => this.#move(event))
    addEventListener('keydown', (event) => {
      if (event.key !== '/' || event.target instanceof HTMLInputElement) return
      event.preventDefault()
      this.#filter.focus()
    })
  }

  /** @param {readonly DeviceView[]} devices */
  show(devices) {
    this.#devices = devices
    this.#draw()
  }

  /** @param {string} id */
  choose(id) {
    this.#chosen = id
    for (const row of this.#rows.values()) row.mark(row.id === id)
    this.#onChoose(id)
  }

  #draw() {
    const wanted = this.#filter.value.trim().toLowerCase()
    const kind = this.#kind
    const found = this.#devices.filter(
      (device) =>
        device.id.toLowerCase().includes(wanted) &&
        (kind === 'all' || (kind === 'gone' ? device.state === 'gone' : isInTrouble(device))),
    )
    found.sort((a, b) => this.#compare(a, b))
    const shown = found.slice(0, MOST_ROWS)
    this.#place(shown)
    const count =
      found.length === this.#devices.length
        ? inCount(found.length)
        : `${inCount(found.length)} of ${inCount(this.#devices.length)}`
    setText(this.#matches, shown.length < found.length ? `${count}, the first ${MOST_ROWS} shown` : count)
    this.#nothing.hidden = found.length > 0
  }

  get #kind() {
    const checked = this.#kinds.querySelector('input:checked')
    return checked instanceof HTMLInputElement ? checked.value : 'all'
  }

  /**
   * Rows stay where they are unless they must move: focus and selection live in them.
   * @param {readonly DeviceView[]} shown
   */
  #place(shown) {
    const before = this.#rows
    this.#rows = new Map()
    let next = this.#body.firstElementChild
    for (const device of shown) {
      const row = before.get(device.id) ?? new Row(device.id)
      before.delete(device.id)
      this.#rows.set(device.id, row)
      row.update(device)
      row.mark(device.id === this.#chosen)
      if (row.element === next) next = next.nextElementSibling
      else this.#body.insertBefore(row.element, next)
    }
    for (const row of before.values()) row.element.remove()
  }

  /**
   * @param {DeviceView} a
   * @param {DeviceView} b
   */
  #compare(a, b) {
    const [one, other] = [a[this.#column] ?? -1, b[this.#column] ?? -1]
    const order = one < other ? -1 : one > other ? 1 : 0
    return (this.#isDescending ? -order : order) || (a.id < b.id ? -1 : 1)
  }

  /** @param {HTMLElement} heading */
  #sortBy(heading) {
    const column = /** @type {Column} */ (heading.dataset['sort'])
    // Numbers are asked for to see the largest.
    this.#isDescending = column === this.#column ? !this.#isDescending : column !== 'id' && column !== 'via'
    this.#column = column
    for (const each of this.#headings) {
      if (each === heading) each.setAttribute('aria-sort', this.#isDescending ? 'descending' : 'ascending')
      else each.removeAttribute('aria-sort')
    }
    this.#draw()
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const row = event.target instanceof Element ? event.target.closest('tr') : null
    const to =
      event.key === 'ArrowDown'
        ? row?.nextElementSibling
        : event.key === 'ArrowUp'
          ? row?.previousElementSibling
          : undefined
    const button = to?.querySelector('button')
    if (!button) return
    event.preventDefault()
    button.focus()
  }
}

/** @param {DeviceView} device */
function isInTrouble({ state, latencyMs = 0, queuedBytes }) {
  return state === 'gone' || latencyMs >= SLOW_MS || queuedBytes >= QUEUED_BYTES
}

class Row {
  element = make('tr')
  #name = make('button')
  #via = make('span', '', 'badge')
  #rate = make('td', '', 'number')
  #readings = make('td', '', 'wide readings')
  #latency = make('td', '', 'number')
  #queued = make('td', '', 'number wide')
  #lost = make('td', '', 'number wide')

  /** @param {string} id */
  constructor(id) {
    this.id = id
    this.element.id = `row-${id}`
    this.#name.textContent = id
    const name = make('th')
    name.scope = 'row'
    name.append(this.#name)
    const via = make('td', '', 'middle')
    via.append(this.#via)
    this.element.append(name, via, this.#rate, this.#readings, this.#latency, this.#queued, this.#lost)
  }

  /** @param {DeviceView} device */
  update(device) {
    const { state, via, protocol, rate, readings, latencyMs, queuedBytes, lost, forMs } = device
    const isGone = state === 'gone'
    this.element.className = isGone ? 'gone' : isInTrouble(device) ? 'trouble' : ''
    setText(this.#via, protocol === 'lines' ? `${via.toUpperCase()} lines` : via.toUpperCase())
    setText(this.#rate, isGone ? '–' : String(rate))
    setText(this.#readings, isGone ? `gone for ${inAge(forMs)}` : textOf(readings))
    setText(this.#latency, isGone ? 'gone' : inMilliseconds(latencyMs))
    setText(this.#queued, queuedBytes === 0 ? '–' : inBytes(queuedBytes))
    setText(this.#lost, lost === 0 ? '–' : inCount(lost))
  }

  /** @param {boolean} isChosen */
  mark(isChosen) {
    this.#name.setAttribute('aria-pressed', String(isChosen))
    this.element.toggleAttribute('data-chosen', isChosen)
  }
}

/** @param {DeviceView['readings']} readings */
function textOf(readings) {
  return Object.entries(readings)
    .map(([name, value]) => `${name} ${value}`)
    .join('  ')
}
