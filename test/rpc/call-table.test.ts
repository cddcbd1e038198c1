import test from 'ava'
import { CallTable, type Numbered } from '../../src/rpc/call-table.ts'

test('F-02: ids count up, are never used twice, and pass over calls that last', (t) => {
  const table = new CallTable<Numbered>()
  const lasting = { id: 0 }
  table.add(lasting)
  const seen = new Set([lasting.id])
  for (let i = 0; i < 10_000; i++) {
    const call = { id: 0 }
    table.add(call)
    t.false(seen.has(call.id))
    seen.add(call.id)
    t.is(table.get(call.id), call)
    table.delete(call)
    t.is(table.get(call.id), undefined)
  }
  t.is(table.get(lasting.id), lasting)
  t.is(table.size, 1)
  t.true(Math.max(...seen) < 11_000)
})

test('F-01, F-02: it grows with what is in it, and finds each by its own id alone', (t) => {
  const table = new CallTable<Numbered>()
  const calls = Array.from({ length: 3000 }, () => ({ id: 0 }))
  for (const call of calls) table.add(call)
  t.is(table.size, 3000)
  for (const call of calls) t.is(table.get(call.id), call)
  for (const id of [0, -1, 3001, 2 ** 40 + 1, 1.5, '1', null]) t.is(table.get(id), undefined)
  t.is(table.all().length, 3000)
  for (const call of calls) table.delete(call)
  t.is(table.size, 0)
  t.deepEqual(table.all(), [])
})
