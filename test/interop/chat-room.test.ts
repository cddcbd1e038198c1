import { randomInt } from 'node:crypto'
import test from 'ava'
import { Chromium } from '../support/chromium.ts'
import { ExampleProcess, isFree, PlainClient } from '../support/example-process.ts'

/** The first of three that follow each other, below those that the kernel gives to dialers. */
async function threeFreePorts(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000)
    if ((await isFree(port)) && (await isFree(port + 1)) && (await isFree(port + 2))) return port
  }
}

test('chat-room: a browser’s user and a terminal’s talk, also after the server was away', async (t) => {
  const environment = { PORT: String(await threeFreePorts()) }
  const example = ExampleProcess.start('chat-room', environment)
  t.teardown(() => example.kill())
  const [tcpPort, httpPort] = [await example.port(), await example.port('http')]
  const chromium = await Chromium.start()
  t.teardown(() => chromium.stop())
  const { page, errors } = await chromium.open(`http://127.0.0.1:${httpPort}/`)
  await page.waitForSelector('#state.online')

  const bob = new PlainClient({ port: tcpPort })
  bob.type('/name bob\n')
  await page.waitForSelector('.notice:text("is bob now")')
  await page.getByLabel('Your name').fill('ann')
  await page.getByRole('button', { name: 'Change' }).click()
  await bob.reads('is ann now\n')
  await page.getByLabel('Message').fill('hello from the page 🚢')
  await page.keyboard.press('Enter')
  await bob.reads(Buffer.from('ann: hello from the page 🚢\n').toString('latin1'))
  bob.type('<b>hello</b> from nc\n')
  const words = page.locator('.theirs').last()
  await words.waitFor()
  t.is(await words.innerText(), 'bob\n<b>hello</b> from nc')
  t.is(await page.locator('.ours').last().innerText(), 'you\nhello from the page 🚢')

  // Nobody scrolls sideways, on the narrowest of screens.
  for (const width of [1000, 320]) {
    await page.setViewportSize({ width, height: 600 })
    t.is(await page.evaluate('document.documentElement.scrollWidth'), width)
  }

  t.is(await example.end(), 0)
  await page.waitForSelector('#state:text("offline")')
  await page.getByLabel('Message').fill('into the void')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.notice:text("not sent")')
  t.is(await page.getByLabel('Message').inputValue(), 'into the void')

  const again = ExampleProcess.start('chat-room', environment)
  t.teardown(() => again.kill())
  await page.waitForSelector('#state.online')
  await page.waitForSelector('.notice:text("back again")')
  await page.waitForSelector('.notice:text("you are ann now")')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.ours:text("into the void")')
  t.deepEqual(errors, [])
  t.is(await again.end(), 0)
})

test('chat-room: the page over TLS talks over wss', async (t) => {
  const example = ExampleProcess.start('chat-room')
  t.teardown(() => example.kill())
  const [url] = await example.printed(/https:\S+$/m)
  const chromium = await Chromium.start()
  t.teardown(() => chromium.stop())
  const { page, errors } = await chromium.open(url)
  await page.waitForSelector('#state.online')
  const bob = new PlainClient({ port: await example.port() })
  await page.getByLabel('Message').fill('hello from behind TLS')
  await page.keyboard.press('Enter')
  await bob.reads('guest-1: hello from behind TLS\n')
  t.deepEqual(errors, [])
  t.is(await example.end(), 0)
})
