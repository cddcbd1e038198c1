// The same Session, codecs and reconnecting client as on Node, in a page.
import { connect } from 'hawser/browser'
import { json } from 'hawser/codecs'

/**
 * @typedef {{ type: 'name', name: string } | { type: 'say', text: string }} Command
 * @typedef {{ type: 'said', from: string, text: string } | { type: 'notice', text: string }} News
 */

/** So many entries stay on the page. */
const MOST_ENTRIES = 500

const state = element('state', HTMLElement)
const log = element('log', HTMLElement)
const naming = element('naming', HTMLFormElement)
const name = element('name', HTMLInputElement)
const saying = element('saying', HTMLFormElement)
const text = element('text', HTMLInputElement)

/** @type {import('hawser/browser').Codec<News, Command>} */
const codec = json()

const client = connect(`${location.protocol.replace('http', 'ws')}//${location.host}/chat`, {
  codec,
  listener: {
    onOpen(session) {
      show('online', true)
      if (name.value !== '') session.send({ type: 'name', name: name.value }) // again after each reconnect
      if ((session.peer.dialed?.generation ?? 0) > 0) add('notice', 'back again')
    },
    onMessage(_session, news) {
      if (news.type === 'said') add('theirs', news.text, news.from)
      else add('notice', news.text)
    },
    onClose: () => show('offline', false),
  },
  onStatus(status) {
    if (status.type === 'dialing') show('connecting …', false)
    if (status.type === 'failed') show(`offline, next try in ${Math.ceil(status.retryInMs / 1000)} s`, false)
  },
})

name.value = localStorage.getItem('name') ?? ''

naming.addEventListener('submit', (event) => {
  event.preventDefault()
  localStorage.setItem('name', name.value)
  client.send({ type: 'name', name: name.value })
  text.focus()
})

saying.addEventListener('submit', (event) => {
  event.preventDefault()
  const said = text.value.trim()
  if (said === '') return
  if (client.sessions.size === 0) return add('notice', 'not sent: there is no connection; try again when it is back')
  client.send({ type: 'say', text: said })
  add('ours', said, 'you')
  text.value = ''
})

// Goodbye is said now: a page that is kept for the back button would hold its session otherwise.
addEventListener('pagehide', () => void client.close())
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})

/**
 * @param {string} what
 * @param {boolean} online
 */
function show(what, online) {
  state.textContent = what
  state.classList.toggle('online', online)
}

/**
 * @param {'ours' | 'theirs' | 'notice'} kind
 * @param {string} said
 * @param {string} [from]
 */
function add(kind, said, from) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40
  const entry = document.createElement('li')
  entry.className = kind
  if (from !== undefined) {
    const who = document.createElement('b')
    who.textContent = from
    entry.append(who, ' ')
  }
  entry.append(said) // as text, whatever it is
  log.append(entry)
  while (log.children.length > MOST_ENTRIES) log.firstElementChild?.remove()
  if (atEnd || kind === 'ours') log.scrollTop = log.scrollHeight // who reads back is left there
}

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
function element(id, type) {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`the page has no #${id}`)
  return found
}
