import { element, make, setText } from './element.js'
import { inAge, inMilliseconds } from './units.js'

/**
 * @typedef {import('./messages.ts').DeviceView} DeviceView
 * @typedef {import('./messages.ts').Wish} Wish
 */

const MOST_ANSWERS = 50
const IS_BESIDE = matchMedia('(min-width: 64rem)')

/** The device that is chosen: what it measures, what it is told, and what befalls its link. */
export class DevicePanel {
  #panel = element('panel', HTMLElement)
  #title = element('device-title', HTMLElement)
  #state = element('device-state', HTMLElement)
  #invitation = element('invitation', HTMLElement)
  #controls = element('controls', HTMLElement)
  #readings = element('readings', HTMLElement)
  #command = element('command', HTMLInputElement)
  #answers = element('answers', HTMLElement)
  /** What has been asked for, by its ticket.
   * @type {Map<number, { readonly entry: HTMLElement, readonly at: number }>} */
  #asked = new Map()
  #lastTicket = 0
  /** @type {string | undefined} */
  #device
  #send

  /** @param {(wish: Wish) => boolean} send false where it did not leave */
  constructor(send) {
    this.#send = send
    element('commanding', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault()
      const text = this.#command.value.trim()
      if (this.#device === undefined || text === '') return
      this.#ask(text, { type: 'command', ticket: ++this.#lastTicket, device: this.#device, text })
      this.#command.value = ''
    })
    for (const button of document.querySelectorAll('[data-fault]')) {
      const fault = /** @type {'cut' | 'slow' | 'flood' | 'heal'} */ (button.getAttribute('data-fault'))
      button.addEventListener('click', () => {
        if (this.#device === undefined) return
        this.#ask(`link: ${fault}`, { type: 'fault', ticket: ++this.#lastTicket, device: this.#device, fault })
      })
    }
  }

  /** @param {string} id */
  choose(id) {
    const isAnother = id !== this.#device
    this.#device = id
    this.#title.textContent = id
    this.#invitation.hidden = true
    this.#controls.hidden = false
    if (isAnother) {
      this.#answers.replaceChildren()
      this.#readings.replaceChildren()
      this.#asked.clear()
    }
    if (!IS_BESIDE.matches) this.#panel.scrollIntoView({ block: 'nearest' })
  }

  /** @param {readonly DeviceView[]} devices */
  show(devices) {
    const device = devices.find(({ id }) => id === this.#device)
    if (device === undefined) return
    const isGone = device.state === 'gone'
    this.#panel.classList.toggle('gone', isGone)
    const over = `${device.via.toUpperCase()}, ${device.protocol === 'lines' ? 'lines' : 'Protobuf'}`
    setText(this.#state, isGone ? `gone for ${inAge(device.forMs)}` : `here for ${inAge(device.forMs)} over ${over}`)
    this.#showReadings(device.readings)
  }

  /**
   * @param {number} ticket
   * @param {boolean} ok
   * @param {string} text
   */
  result(ticket, ok, text) {
    const asked = this.#asked.get(ticket)
    if (asked === undefined) return // of a device that was chosen before
    this.#asked.delete(ticket)
    const took = inMilliseconds(performance.now() - asked.at)
    asked.entry.append(make('span', text, ok ? 'answer' : 'answer failed'), make('small', took))
    this.#answers.scrollTop = this.#answers.scrollHeight
  }

  /**
   * @param {string} what
   * @param {Wish & { ticket: number }} wish
   */
  #ask(what, wish) {
    const entry = make('li')
    entry.append(make('b', what))
    this.#answers.append(entry)
    while (this.#answers.children.length > MOST_ANSWERS) this.#answers.firstElementChild?.remove()
    this.#asked.set(wish.ticket, { entry, at: performance.now() })
    if (!this.#send(wish)) this.result(wish.ticket, false, 'not sent: there is no connection to the gateway')
    this.#answers.scrollTop = this.#answers.scrollHeight
  }

  /** @param {DeviceView['readings']} readings */
  #showReadings(readings) {
    const names = Object.keys(readings)
    if (this.#readings.children.length !== names.length) {
      this.#readings.replaceChildren(
        ...names.map((name) => {
          const pair = make('div')
          pair.append(make('dt', name), make('dd'))
          return pair
        }),
      )
    }
    for (const [i, name] of names.entries()) {
      const [term, value] = this.#readings.children[i]?.children ?? []
      if (term === undefined || value === undefined) continue
      setText(term, name)
      setText(value, String(readings[name]))
    }
  }
}
