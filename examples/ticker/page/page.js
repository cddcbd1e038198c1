// Each row reads a stream of its own; stopping one ends its handler on the server, and disturbs no other.
import { connect } from 'hawser/browser'
import { isRpcError, rpc } from 'hawser/rpc'
import { Ticker } from './ticker.js'

const state = element('state')
const rows = element('rows')
const address = `${location.protocol.replace('http', 'ws')}//${location.host}/ticker`

const client = connect(address, {
  ...rpc({ onPeer: (peer) => void readAll(peer.client(Ticker)) }), // again after each reconnect
  reconnect: { initialMs: 200 },
  onStatus({ type }) {
    state.textContent = type === 'open' ? 'online' : 'offline, trying again'
    if (type === 'closed' || type === 'failed') rows.replaceChildren()
  },
})

/** @param {import('hawser/rpc').Calls<typeof Ticker>} ticker */
async function readAll(ticker) {
  try {
    const symbols = await ticker.symbols()
    rows.replaceChildren()
    for (const symbol of symbols) addRow(ticker, symbol)
  } catch (error) {
    if (!isRpcError(error)) throw error // the session is gone, and there will be another
  }
}

/**
 * @param {import('hawser/rpc').Calls<typeof Ticker>} ticker
 * @param {string} symbol
 */
function addRow(ticker, symbol) {
  const row = document.createElement('tr')
  row.id = symbol
  const [name, price, count, action] = ['name', 'price', 'count', 'action'].map((className) => {
    const cell = document.createElement('td')
    cell.className = className
    row.append(cell)
    return cell
  })
  if (!name || !price || !count || !action) return
  name.textContent = symbol
  const button = document.createElement('button')
  action.append(button)
  rows.append(row)

  /** @type {AbortController | undefined} */
  let stop
  const start = async () => {
    stop = new AbortController()
    button.textContent = 'stop'
    try {
      for await (const tick of ticker.ticks({ symbol, everyMs: 100 }, { signal: stop.signal })) {
        price.textContent = tick.price.toFixed(2)
        count.textContent = String(tick.count)
      }
    } catch (error) {
      if (!isRpcError(error)) throw error // stopped, or the session is gone
    }
    stop = undefined
    button.textContent = 'start'
  }
  button.addEventListener('click', () => {
    if (stop === undefined) void start()
    else stop.abort()
  })
  void start()
}

addEventListener('pagehide', () => void client.close())
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found
}
