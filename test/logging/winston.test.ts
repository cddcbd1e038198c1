import { Writable } from 'node:stream'
import test from 'ava'
import winston from 'winston'
import { winstonLogger } from '../../src/logging/winston.ts'

interface Entry {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

function recording(options: winston.LoggerOptions = {}): { logger: winston.Logger; entries: Entry[] } {
  const entries: Entry[] = []
  const stream = new Writable({
    write(line: Buffer, _, done) {
      entries.push(JSON.parse(line.toString()) as Entry)
      done()
    },
  })
  const transports = [new winston.transports.Stream({ stream })]
  return {
    logger: winston.createLogger({ level: 'debug', format: winston.format.json(), transports, ...options }),
    entries,
  }
}

test('events go to winston with their level, message and fields', (t) => {
  const { logger, entries } = recording()
  const log = winstonLogger(logger)
  log.debug('one')
  log.info('two', { session: '7', bytes: 3 })
  log.warn('three', {})
  log.error('four', { code: 'ERR_TIMEOUT' })
  t.deepEqual<unknown, unknown>(entries, [
    { level: 'debug', message: 'one' },
    { level: 'info', message: 'two', session: '7', bytes: 3 },
    { level: 'warn', message: 'three' },
    { level: 'error', message: 'four', code: 'ERR_TIMEOUT' },
  ])
})

test("with syslog's levels a warning is 'warning', and what is below the level is left out", (t) => {
  const { logger, entries } = recording({ levels: winston.config.syslog.levels, level: 'info' })
  const log = winstonLogger(logger)
  log.debug('left out')
  log.warn('careful')
  t.deepEqual<unknown, unknown>(entries, [{ level: 'warning', message: 'careful' }])
})
