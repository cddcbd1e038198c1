import test from 'ava'
import { Chromium } from '../support/chromium.ts'
import { ExampleProcess } from '../support/example-process.ts'

test('ticker: each row of the page is a stream of its own, stopped and started alone', async (t) => {
  const example = ExampleProcess.start('ticker')
  t.teardown(() => example.kill())
  const port = await example.port('http')
  const chromium = await Chromium.start()
  t.teardown(() => chromium.stop())
  const { page, errors } = await chromium.open(`http://127.0.0.1:${port}/`)
  const countOf = async (symbol: string): Promise<number> => Number(await page.locator(`#${symbol} .count`).innerText())
  const passes = (symbol: string, count: number): Promise<unknown> =>
    page.waitForFunction(`Number(document.querySelector('#${symbol} .count')?.textContent) > ${count}`)

  await Promise.all([passes('ROPE', 3), passes('SAIL', 3), passes('TAR', 3)])
  await example.printed(/^3 streams are read$/m)
  await page.locator('#SAIL button').click()
  await page.waitForSelector('#SAIL button:text("start")')
  await example.printed(/^3 streams are read\n2 streams are read$/m)
  const stopped = await countOf('SAIL')
  await passes('ROPE', (await countOf('ROPE')) + 3)
  t.is(await countOf('SAIL'), stopped)
  await page.locator('#SAIL button').click()
  await example.printed(/^3 streams are read\n2 streams are read\n3 streams are read$/m)
  await page.close()
  await example.printed(/^0 streams are read$/m)
  t.deepEqual(errors, [])
  t.is(await example.end(), 0)
})
