// Pictures of results, as SVG without scripts or fonts of their own.
import { short } from './text.mjs'

const COLOURS = ['#8a94a6', '#1f6feb', '#d4761a', '#2f9e6e', '#9b59b6', '#c0392b', '#7f6a4f', '#00a3a3', '#e377c2']
/** The same name has the same colour in all pictures. */
const colourByName = new Map()
const FONT = `font-family="system-ui, sans-serif" fill="#24292f"`
const WIDTH = 820
const LABEL_WIDTH = 250
const VALUE_WIDTH = 130
const BAR_HEIGHT = 16
const GROUP_GAP = 12
const HEAD = 62

const escaped = (words) =>
  words.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])

function text(x, y, words, { size = 12, anchor = 'start', weight = 'normal', fill } = {}) {
  const colour = fill === undefined ? FONT : FONT.replace('#24292f', fill)
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" ${colour}>${escaped(words)}</text>`
}

const rect = (x, y, width, height, fill) =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(Math.max(width, 0.5))}" height="${height}" fill="${fill}"/>`

const line = (x1, y1, x2, y2, stroke, width = 1, more = '') =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${stroke}" stroke-width="${width}"${more}/>`

const round = (value) => Number(value.toFixed(1))

function picture(width, height, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    rect(0, 0, width, height, '#ffffff'),
    ...parts,
    '</svg>\n',
  ].join('\n')
}

/** The colours of some names. */
function coloursOf(names) {
  for (const name of names)
    if (!colourByName.has(name)) colourByName.set(name, COLOURS[colourByName.size % COLOURS.length])
  return new Map([...new Set(names)].map((name) => [name, colourByName.get(name)]))
}

function legend(colours, y) {
  let x = 16
  return [...colours].flatMap(([name, colour]) => {
    const parts = [rect(x, y - 10, 12, 12, colour), text(x + 17, y, name)]
    x += 34 + name.length * 7
    return parts
  })
}

/**
 * A bar for each value, with a whisker from the least to the largest of its rounds.
 *
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} chart.unit
 * @param {boolean} [chart.log] by powers of ten
 * @param {readonly { label: string, bars: readonly { name: string, value: number, min?: number, max?: number, mark?: number }[] }[]} chart.groups
 *   `mark` is a value to be compared with
 */
export function barChart({ title, unit, log = false, groups }) {
  const bars = groups.flatMap((group) => group.bars)
  const colours = coloursOf(bars.map(({ name }) => name))
  const most = Math.max(...bars.map(({ value, max = value, mark = 0 }) => Math.max(max, mark)))
  const least = Math.min(...bars.map(({ value, min = value }) => min).filter((value) => value > 0))
  const [from, to] = log ? [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))] : [0, most]
  const span = WIDTH - LABEL_WIDTH - VALUE_WIDTH
  const at = (value) =>
    LABEL_WIDTH + (((log ? Math.log10(Math.max(value, least)) : value) - from) / (to - from || 1)) * span
  const parts = [text(16, 24, title, { size: 15, weight: 'bold' }), ...legend(colours, 46)]
  let y = HEAD
  for (const { label, bars: group } of groups) {
    parts.push(text(LABEL_WIDTH - 10, y + (group.length * BAR_HEIGHT) / 2 + 4, label, { anchor: 'end' }))
    for (const { name, value, min, max, mark } of group) {
      const middle = y + BAR_HEIGHT / 2
      parts.push(rect(LABEL_WIDTH, y + 1, at(value) - LABEL_WIDTH, BAR_HEIGHT - 2, colours.get(name)))
      if (min !== undefined) parts.push(line(at(min), middle, at(max), middle, '#24292f'))
      if (mark !== undefined) parts.push(line(at(mark), y - 1, at(mark), y + BAR_HEIGHT + 1, '#c0392b', 2))
      const end = Math.max(at(value), max === undefined ? 0 : at(max), mark === undefined ? 0 : at(mark))
      parts.push(text(end + 6, middle + 4, `${short(value)}${unit.startsWith('/') ? '' : ' '}${unit}`, { size: 11 }))
      y += BAR_HEIGHT
    }
    y += GROUP_GAP
  }
  return picture(WIDTH, y + 6, parts)
}

const PANEL_WIDTH = 270
const PANEL_HEIGHT = 190
const PANEL_LEFT = 58
const PANEL_TOP = 84

/**
 * Lines over powers of ten, a panel for each quantity; each panel begins at zero.
 *
 * @param {object} chart
 * @param {string} chart.title
 * @param {readonly { label: string, lines: readonly { name: string, points: readonly { x: number, y: number }[] }[] }[]} chart.panels
 */
export function lineChart({ title, panels }) {
  const colours = coloursOf(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))
  const parts = [text(16, 24, title, { size: 15, weight: 'bold' }), ...legend(colours, 46)]
  for (const [i, { label, lines }] of panels.entries()) parts.push(...panel(i * PANEL_WIDTH, label, lines, colours))
  return picture(PANEL_WIDTH * panels.length + 20, PANEL_TOP + PANEL_HEIGHT + 46, parts)
}

function panel(left, label, lines, colours) {
  const points = lines.flatMap((each) => each.points)
  const logs = points.map(({ x }) => Math.log10(x))
  const [from, to] = [Math.min(...logs), Math.max(...logs)]
  const most = Math.max(...points.map(({ y }) => y))
  const span = PANEL_WIDTH - PANEL_LEFT - 20
  const atX = (x) => left + PANEL_LEFT + ((Math.log10(x) - from) / (to - from || 1)) * span
  const atY = (y) => PANEL_TOP + PANEL_HEIGHT * (1 - y / (most || 1))
  const parts = [text(left + PANEL_LEFT, PANEL_TOP - 14, label, { weight: 'bold' })]
  for (const share of [0, 0.5, 1]) {
    const y = atY(most * share)
    parts.push(line(left + PANEL_LEFT, y, left + PANEL_LEFT + span, y, '#d0d7de'))
    parts.push(text(left + PANEL_LEFT - 6, y + 4, share === 0 ? '0' : short(most * share), { size: 11, anchor: 'end' }))
  }
  for (const x of new Set(points.map((point) => point.x)))
    parts.push(text(atX(x), PANEL_TOP + PANEL_HEIGHT + 18, x.toLocaleString('en'), { size: 11, anchor: 'middle' }))
  for (const { name, points: own } of lines) {
    const path = own.map(({ x, y }) => `${round(atX(x))},${round(atY(y))}`).join(' ')
    parts.push(`<polyline points="${path}" fill="none" stroke="${colours.get(name)}" stroke-width="2"/>`)
    for (const { x, y } of own)
      parts.push(`<circle cx="${round(atX(x))}" cy="${round(atY(y))}" r="3" fill="${colours.get(name)}"/>`)
  }
  return parts
}
