import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import test, { type ExecutionContext } from 'ava'
import type { Page } from 'playwright-core'
import { dial } from 'hawser'
import { rpc } from 'hawser/rpc'
import { Attached, Gateway } from '../../examples/gateway/service-contract.ts'
import { Tokens } from '../../examples/gateway/tokens.ts'
import { systemEnv } from '../../src/env/node/system-env.ts'
import { until } from '../../src/testing/conformance/party.ts'
import { Chromium } from '../support/chromium.ts'
import { ExampleProcess } from '../support/example-process.ts'

const PATIENCE_MS = 10_000
const SECRET = 'for tests'
const tokens = new Tokens(SECRET)

/** The real nc, with somebody who types. */
class NetCat {
  readonly #child
  text = ''

  constructor(t: ExecutionContext, port: number) {
    this.#child = spawn('nc', ['127.0.0.1', String(port)], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.stdout.on('data', (chunk) => (this.text += String(chunk)))
    t.teardown(() => this.kill())
  }

  type(text: string): void {
    this.#child.stdin.write(text)
  }

  async reads(pattern: RegExp): Promise<void> {
    await until(systemEnv, () => pattern.test(this.text), `${pattern} in what nc has read`)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

async function gateway(t: ExecutionContext, environment: Readonly<Record<string, string>>) {
  const example = ExampleProcess.start('gateway', { SECRET, ...environment })
  t.teardown(() => example.kill())
  const portIn = async (pattern: RegExp): Promise<number> => Number((await example.printed(pattern))[1])
  return {
    example,
    url: (await example.printed(/^(http:\S+)$/m))[1] ?? '',
    lines: await portIn(/nc 127\.0\.0\.1 (\d+)$/m),
    linesUdp: await portIn(/nc -u 127\.0\.0\.1 (\d+)$/m),
    services: await portIn(/service-contract\.ts\): +tcp:\/\/127\.0\.0\.1:(\d+)$/m),
  }
}

/** The page of the gateway, and what it has thrown. */
async function browser(t: ExecutionContext, url: string): Promise<{ page: Page; errors: readonly string[] }> {
  const chromium = await Chromium.start()
  t.teardown(() => chromium.stop())
  const { page, errors } = await chromium.open(url)
  page.setDefaultTimeout(PATIENCE_MS)
  await page.waitForSelector('#state.online')
  return { page, errors }
}

const hello = (device: string): string => `hello ${device} ${tokens.issue('device', device)}`
/** A row that says so, in its state and readings. */
const row = (id: string, text: string): string => `#row-${id}:has-text("${text}")`

test('gateway: Chromium, nc, a UDP sender and an RPC client meet, and a stop loses nothing that was accepted', async (t) => {
  const { example, url, lines, linesUdp, services } = await gateway(t, { DEVICES: '0' })
  const { page, errors } = await browser(t, url)

  // nc reports, by TCP …
  const person = new NetCat(t, lines)
  person.type(`${hello('nc-lamp')}\nreport temperature=21.5\n`)
  await person.reads(/welcome\naccepted 1\n/)
  await page.waitForSelector(row('nc-lamp', 'temperature 21.5'))
  // … and somebody by UDP.
  const sender = createSocket('udp4')
  t.teardown(() => sender.close())
  const say = (text: string): void => void sender.send(text, linesUdp, '127.0.0.1')
  const reporting = setInterval(() => say('report level=42'), 100)
  t.teardown(() => clearInterval(reporting))
  say(hello('udp-tank'))
  await page.waitForSelector(row('udp-tank', 'level 42'))

  // A service reads it all, and is asked by the page.
  const session = await dial(
    `tcp://127.0.0.1:${services}`,
    rpc({
      onPeer: (peer) =>
        peer.serve(Attached, {
          introduce: () => ({
            name: 'clerk',
            token: tokens.issue('service', 'clerk'),
            answers: true,
            simulates: false,
          }),
          ask: (question) => `${question}: nothing`,
        }),
    }),
  )
  t.teardown(() => session.destroy())
  await session.data.waitFor([Gateway], { timeoutMs: 5_000 })
  const read: number[] = []
  const reading = (async () => {
    for await (const { readings } of session.data.client(Gateway).reports({ device: 'nc-lamp' })) {
      read.push(readings['temperature'] ?? 0)
    }
  })()
  await page.getByLabel('Message').fill('@clerk what is new')
  await page.keyboard.press('Enter')
  await page.waitForSelector('#log .answer:has-text("what is new: nothing")')

  // A command of the page reaches nc, and its answer comes back; by the keyboard alone.
  await page.locator('body').click({ position: { x: 2, y: 2 } })
  await page.keyboard.press('/')
  await page.keyboard.type('nc-')
  await page.waitForSelector('#rows tr:only-child')
  await page.locator('#rows button').focus()
  await page.keyboard.press('Enter')
  await page.getByLabel('Command').fill('light on')
  await page.keyboard.press('Enter')
  await person.reads(/command 1 light on\n/)
  person.type('answer 1 <b>it is on</b>\n')
  await page.waitForSelector('#answers .answer')
  t.is(await page.locator('#answers .answer').innerText(), '<b>it is on</b>')
  // A service's command as well.
  const answer = session.data.client(Gateway).command({ device: 'nc-lamp', text: 'light off' })
  await person.reads(/command 2 light off\n/)
  person.type('answer 2 it is off\n')
  t.is(await answer, 'it is off')

  // A stop amid a flood.
  const count = 2_000
  person.type(Array.from({ length: count }, (_, i) => `report temperature=${i + 1}\n`).join(''))
  await person.reads(/accepted 121\n/)
  t.is(await example.end(), 0)
  await reading
  await person.reads(/goodbye \d+\n$/) // nc itself stays while somebody could type
  const accepted = Number(/goodbye (\d+)\n$/.exec(person.text)?.[1])
  t.true(accepted >= 121 && accepted <= count)
  t.deepEqual(
    read,
    Array.from({ length: accepted - 1 }, (_, i) => i + 1), // the first one came before the service did
  )
  await page.waitForSelector('#state:not(.online)')
  t.deepEqual(errors, [])
})

test('gateway: who is killed leaves, whoever falls silent is gone in its time, and the page shows it at any width', async (t) => {
  const { example, url, lines } = await gateway(t, { DEVICES: '12', SILENCE_MS: '1500', INTERVAL_MS: '200' })
  const { page, errors } = await browser(t, url)
  const person = new NetCat(t, lines)
  person.type(`${hello('nc-lamp')}\n`)
  await page.waitForSelector('#row-nc-lamp:not(.gone)')
  person.kill()
  await page.waitForSelector('#row-nc-lamp.gone')

  await page.waitForSelector('#row-pump-001:not(.gone)')
  await page.locator('#row-pump-001 button').click()
  await page.getByRole('button', { name: 'Cut' }).click()
  await page.waitForSelector('#row-pump-001.gone')
  await page.waitForSelector('#log .alarm:has-text("pump-001 is gone: silent for 1.5 s")')
  await page.getByRole('button', { name: 'Heal' }).click()
  await page.waitForSelector('#row-pump-001:not(.gone)')
  await page.getByRole('button', { name: 'Flood' }).click()
  await page.waitForSelector(row('pump-001', 'KiB')) // it queues, and is slowed
  await page.waitForSelector('#row-tank-002:not(.gone):not(.trouble)')
  await page.getByLabel('Trouble').check({ force: true })
  await page.waitForSelector('#row-tank-002', { state: 'detached' })
  await page.waitForSelector('#row-pump-001')

  // Nobody scrolls sideways, and there is something in each plot.
  for (const width of [1280, 800, 375]) {
    await page.setViewportSize({ width, height: 800 })
    t.is(await page.evaluate('document.documentElement.scrollWidth'), width)
  }
  t.is(await page.locator('.plot canvas').count(), 4)
  t.regex(await page.locator('[data-plot=sessions] output').innerText(), /^\d+$/)
  t.is(await example.end(), 0)
  t.deepEqual(errors, [])
})
