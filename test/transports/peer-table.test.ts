import test from 'ava'
import fc from 'fast-check'
import { PeerTable } from '../../src/transports/peer-table.ts'

const STANDINGS = ['stranger', 'answered', 'talking']

function tableOf(...keys: string[]): PeerTable<string> {
  const table = new PeerTable<string>()
  keys.forEach((key, tick) => table.add(key, key, tick))
  return table
}

function hear(table: PeerTable<string>, key: string, tick: number): void {
  const peer = table.get(key)
  if (peer !== undefined) table.heard(peer, tick)
}

/** Everybody, in the order in which they would be displaced. */
function emptied(table: PeerTable<string>): string[] {
  const order: string[] = []
  for (let { weakest } = table; weakest !== undefined; { weakest } = table) {
    order.push(weakest.key)
    table.delete(weakest.key, weakest.value)
  }
  return order
}

test('strangers go first, then who was answered and stayed silent, then the others; the one silent for longest before', (t) => {
  const table = tableOf('a', 'b', 'c', 'd', 'e', 'f')
  for (const key of ['b', 'c', 'd']) table.answered(key, 6)
  hear(table, 'c', 7) // it goes on: it is there
  hear(table, 'b', 8)
  hear(table, 'a', 9) // a stranger still, but a fresh one
  t.deepEqual(emptied(table), ['e', 'f', 'a', 'd', 'c', 'b'])
  t.is(table.size, 0)
})

test('who has proved to be there stays so, and is heard of last when it speaks', (t) => {
  const table = tableOf('a', 'b')
  for (const key of ['a', 'b']) {
    table.answered(key, 2)
    hear(table, key, 3)
    table.answered(key, 9) // again: nothing new
  }
  hear(table, 'a', 4)
  t.is(table.get('a')?.standing, 'talking')
  t.deepEqual(emptied(table), ['b', 'a'])
})

test('only the value that holds a key gives it up', (t) => {
  const table = tableOf('a')
  table.delete('a', 'somebody else')
  t.is(table.size, 1)
  const peer = table.get('a')
  table.delete('a', 'a')
  table.delete('a', 'a')
  t.true(peer?.isGone)
  t.is(table.size, 0)
  table.answered('a', 1) // nobody
})

test('whatever happens, the weakest and the stalest are what a search through all would find', (t) => {
  const step = fc.tuple(fc.constantFrom('add', 'heard', 'answered', 'delete'), fc.integer({ min: 0, max: 9 }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new PeerTable<string>()
      const model = new Map<string, { rank: number; heardIn: number }>()
      steps.forEach(([what, number], tick) => {
        const key = String(number)
        const known = model.get(key)
        if (what === 'add' && known === undefined) {
          table.add(key, key, tick)
          model.set(key, { rank: 0, heardIn: tick })
        } else if (what === 'heard' && known !== undefined) {
          hear(table, key, tick)
          model.set(key, { rank: known.rank === 1 ? 2 : known.rank, heardIn: tick })
        } else if (what === 'answered') {
          table.answered(key, tick)
          if (known?.rank === 0) model.set(key, { rank: 1, heardIn: tick })
        } else if (what === 'delete') {
          table.delete(key, key)
          model.delete(key)
        }
        const byAge = [...model].toSorted(([, a], [, b]) => a.heardIn - b.heardIn)
        const byRank = byAge.toSorted(([, a], [, b]) => a.rank - b.rank)
        t.is(table.stalest?.key, byAge[0]?.[0])
        t.is(table.weakest?.key, byRank[0]?.[0])
        t.is(table.weakest && STANDINGS.indexOf(table.weakest.standing), byRank[0]?.[1].rank)
        t.is(table.size, model.size)
      })
    }),
  )
})
