// The page of the gateway: what it shows comes in a snapshot each second, and what is done here goes back as a wish.
import { connect } from 'hawser/browser'
import { json } from 'hawser/codecs'
import { DevicePanel } from './device-panel.js'
import { DeviceTable } from './device-table.js'
import { element, setText } from './element.js'
import { Log } from './log.js'
import { Plots } from './plots.js'
import { inBytes } from './units.js'

/**
 * @typedef {import('./messages.ts').Wish} Wish
 * @typedef {import('./messages.ts').News} News
 * @typedef {import('./messages.ts').Snapshot} Snapshot
 */

/** The gateway says something each second. Longer than timers of a hidden page may be late. */
const SILENCE_MS = 75_000

const state = element('state', HTMLElement)
const usage = element('process', HTMLElement)
const operators = element('operators', HTMLElement)
const name = element('name', HTMLInputElement)
const text = element('text', HTMLInputElement)
const log = new Log()
const plots = new Plots()
const panel = new DevicePanel((wish) => client.send(wish))
const table = new DeviceTable((device) => {
  panel.choose(device)
  panel.show(devices)
})
/** @type {Snapshot['devices']} */
let devices = []

/** @type {import('hawser/browser').Codec<News, Wish>} */
const codec = json({ maxKeys: 500_000 }) // a snapshot has some for each device

const client = connect(`${location.protocol.replace('http', 'ws')}//${location.host}/operators`, {
  codec,
  maxFrameBytes: 4 * 1_024 * 1_024,
  idleTimeoutMs: SILENCE_MS,
  reconnect: { initialMs: 250, maxMs: 3_000 },
  listener: {
    onOpen(session) {
      show('live', true)
      if (name.value !== '') session.send({ type: 'name', name: name.value }) // again after each reconnect
    },
    onMessage: (_session, news) => onNews(news),
    onClose: () => show('offline', false),
  },
  onStatus(status) {
    if (status.type === 'dialing') show('connecting …', false)
    if (status.type === 'failed') show(`offline, next try in ${Math.ceil(status.retryInMs / 1_000)} s`, false)
  },
})

name.value = localStorage.getItem('name') ?? ''

/** @param {News} news */
function onNews(news) {
  switch (news.type) {
    case 'welcome':
      if (name.value === '') name.value = news.name
      plots.reset(news.samples)
      log.reset(news.entries)
      break
    case 'snapshot':
      devices = news.devices
      plots.add(news.sample)
      table.show(devices)
      panel.show(devices)
      showGateway(news)
      break
    case 'entry':
      log.add(news.entry)
      break
    case 'result':
      panel.result(news.ticket, news.ok, news.text)
  }
}

/** @param {Snapshot} snapshot */
function showGateway({ sample, operators: people, services }) {
  setText(usage, `CPU ${(sample.cpu * 100).toFixed(0)} % · ${inBytes(sample.residentBytes)}`)
  const skipped = people.filter((operator) => operator.skipped > 0)
  const names = people.map((operator) => operator.name).join(', ')
  setText(
    operators,
    `${people.length} watching${skipped.length > 0 ? `, ${skipped.length} slow` : ''} · ${services.length} services`,
  )
  operators.title = `${names}${skipped.map((operator) => `\n${operator.name} was too slow for ${operator.skipped} snapshots`).join('')}\n${services.join(', ')}`
}

element('naming', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault()
  localStorage.setItem('name', name.value)
  client.send({ type: 'name', name: name.value })
  text.focus()
})

element('saying', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault()
  const said = text.value.trim()
  // What did not leave stays where it was typed.
  if (said !== '' && client.send({ type: 'say', text: said })) text.value = ''
})

// Goodbye is said now: a page that is kept for the back button would hold its session otherwise.
addEventListener('pagehide', () => void client.close())
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})

/**
 * @param {string} what
 * @param {boolean} isOnline
 */
function show(what, isOnline) {
  setText(state, what)
  state.classList.toggle('online', isOnline)
  document.body.classList.toggle('offline', !isOnline)
}
