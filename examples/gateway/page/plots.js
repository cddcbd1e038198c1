import uPlot from 'uplot'
import { make, setText } from './element.js'
import { inBytes, inCount, inMilliseconds } from './units.js'

/**
 * @typedef {import('./messages.ts').Sample} Sample
 * @typedef {{ readonly name: string, readonly color: string, readonly of: (sample: Sample) => number | null }} Line
 * @typedef {{ readonly lines: readonly Line[], readonly unit: (value: number) => string, readonly sum?: boolean, readonly least: number, readonly steps?: number[] }} Kind
 */

const WINDOW_S = 120
const NARROW = matchMedia('(max-width: 40rem)')
const DARK = matchMedia('(prefers-color-scheme: dark)')

/** @type {Readonly<Record<string, Kind>>} */
const KINDS = {
  sessions: {
    lines: [
      { name: 'TCP', color: '--first', of: ({ sessions }) => sessions.tcp },
      { name: 'UDP', color: '--second', of: ({ sessions }) => sessions.udp },
    ],
    unit: inCount,
    sum: true,
    least: 10,
  },
  messages: {
    lines: [
      { name: 'in', color: '--first', of: ({ received }) => received },
      { name: 'out', color: '--second', of: ({ sent }) => sent },
    ],
    unit: inCount,
    least: 10,
  },
  latency: {
    lines: [
      { name: 'p50', color: '--first', of: ({ latencyMs }) => latencyMs?.median ?? null },
      { name: 'p99', color: '--second', of: ({ latencyMs }) => latencyMs?.p99 ?? null },
    ],
    unit: inMilliseconds,
    least: 5,
  },
  queues: {
    lines: [{ name: 'bytes, all sessions', color: '--first', of: ({ queuedBytes }) => queuedBytes }],
    unit: inBytes,
    steps: Array.from({ length: 24 }, (_, i) => 1_024 * 2 ** i),
    least: 4_096,
  },
}

/** The four plots above: two minutes of each. */
export class Plots {
  /** @type {readonly Plot[]} */
  #plots
  /** @type {Sample[]} */
  #samples = []

  constructor() {
    this.#plots = Array.from(
      document.querySelectorAll('[data-plot]'),
      (figure) => new Plot(/** @type {HTMLElement} */ (figure)),
    )
    const again = () => {
      for (const plot of this.#plots) plot.draw(this.#samples)
    }
    for (const query of [NARROW, DARK]) query.addEventListener('change', again)
  }

  /** @param {readonly Sample[]} samples */
  reset(samples) {
    this.#samples = samples.slice(-WINDOW_S)
    for (const plot of this.#plots) plot.draw(this.#samples)
  }

  /** @param {Sample} sample */
  add(sample) {
    this.#samples.push(sample)
    if (this.#samples.length > WINDOW_S) this.#samples.shift()
    for (const plot of this.#plots) plot.update(this.#samples)
  }
}

class Plot {
  #kind
  #figure
  #frame
  #output
  /** @type {readonly HTMLElement[]} */
  #values
  /** @type {uPlot | undefined} */
  #plot
  /** @type {readonly Sample[]} */
  #samples = []

  /** @param {HTMLElement} figure */
  constructor(figure) {
    const kind = KINDS[figure.dataset['plot'] ?? '']
    const frame = figure.querySelector('.plot')
    const output = figure.querySelector('output')
    const keys = figure.querySelector('.keys')
    if (kind === undefined || !(frame instanceof HTMLElement) || output === null || keys === null) {
      throw new Error('a figure without its parts')
    }
    this.#kind = kind
    this.#figure = figure
    this.#frame = frame
    this.#output = output
    this.#values = kind.lines.map(({ name, color }) => {
      const key = make('li', `${name} `)
      key.style.setProperty('--color', `var(${color})`)
      const value = make('b')
      key.append(value)
      keys.append(key)
      return value
    })
    new ResizeObserver(() => this.#plot?.setSize(this.#size)).observe(frame)
  }

  /** Anew: another theme, or another width.
   * @param {readonly Sample[]} samples */
  draw(samples) {
    this.#plot?.destroy()
    this.#plot = new uPlot(this.#options, this.#data(samples), this.#frame)
    this.update(samples)
  }

  /** @param {readonly Sample[]} samples */
  update(samples) {
    this.#samples = samples
    this.#plot?.setData(this.#data(samples))
    this.#tell(samples.length - 1)
  }

  /**
   * The values at one moment: of the last sample, or where the pointer is.
   * @param {number} index
   */
  #tell(index) {
    const sample = this.#samples[index]
    const values = this.#kind.lines.map(({ of }) => (sample === undefined ? null : of(sample)))
    const { unit, sum } = this.#kind
    const text = (/** @type {number | null | undefined} */ value) =>
      value === null || value === undefined ? '–' : unit(value)
    setText(
      this.#output,
      text(sum ? values.reduce((/** @type {number} */ all, value) => all + (value ?? 0), 0) : values[0]),
    )
    for (const [i, where] of this.#values.entries()) setText(where, sum || i > 0 ? text(values[i]) : '')
    this.#figure.classList.toggle('quiet', sample === undefined)
  }

  /**
   * @param {readonly Sample[]} samples
   * @returns {uPlot.AlignedData}
   */
  #data(samples) {
    return [samples.map(({ at }) => at / 1_000), ...this.#kind.lines.map(({ of }) => samples.map(of))]
  }

  get #size() {
    return { width: Math.max(this.#frame.clientWidth, 40), height: Math.max(this.#frame.clientHeight, 40) }
  }

  /** @returns {uPlot.Options} */
  get #options() {
    const { lines, unit, least, steps } = this.#kind
    const style = getComputedStyle(document.documentElement)
    const color = (/** @type {string} */ name) => style.getPropertyValue(name)
    const axis = {
      stroke: color('--axis'),
      font: '11px system-ui, sans-serif',
      ticks: { show: false },
      grid: { stroke: color('--grid'), width: 1 },
    }
    return {
      ...this.#size,
      padding: [6, 4, 7, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 }, sync: { key: 'gateway' } },
      scales: {
        x: { time: true, range: (_plot, _from, to) => [to - WINDOW_S, to] },
        y: { range: (_plot, _from, to) => [0, Math.max(to * 1.15, least)] },
      },
      axes: [
        { show: false },
        {
          ...axis,
          show: !NARROW.matches,
          size: 48,
          gap: 4,
          space: 26,
          ...(steps !== undefined && { incrs: steps }),
          values: (_plot, splits) => splits.map((value) => (value === 0 ? '0' : unit(value))),
        },
      ],
      series: [
        {},
        ...lines.map(({ name, color: variable }, i) => ({
          label: name,
          stroke: color(variable),
          width: 1.75,
          ...(i === 0 && { fill: color('--first-fill') }),
          points: { show: false },
          spanGaps: true,
        })),
      ],
      hooks: {
        setCursor: [(plot) => this.#tell(plot.cursor.idx ?? this.#samples.length - 1)],
      },
    }
  }
}
