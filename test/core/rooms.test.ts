import test from 'ava'
import { text } from '../../codecs/text.ts'
import { Rooms } from '../../src/core/rooms.ts'
import { EndpointWorld } from '../support/endpoint-world.ts'

const codec = text()

async function world(count: number) {
  const one = new EndpointWorld()
  const server = await one.listen('inproc://s', { codec })
  const dialed = []
  for (let i = 0; i < count; i++) {
    dialed.push(await one.dial('inproc://s', { codec }))
    await one.env.settle()
  }
  const [ann, bob] = [...server.sessions]
  if (ann === undefined || bob === undefined) throw new Error('nobody came')
  return { env: one.env, server, dialed, ann, bob }
}

test('a room is there from its first member to its last', async (t) => {
  const { env, server, dialed, ann, bob } = await world(2)
  const rooms = new Rooms<string, string>()
  t.is(rooms.get('tea'), undefined)
  t.is(rooms.broadcast('tea', 'nobody'), 0)
  rooms.join('tea', ann)
  rooms.join('tea', ann)
  rooms.join('tea', bob)
  rooms.join('coffee', ann)
  t.is(rooms.size, 2)
  t.deepEqual([...rooms.keysOf(ann)], ['tea', 'coffee'])
  t.is(rooms.broadcast('tea', 'hot', { except: ann }), 1)
  t.is(await dialed[1]?.receive(), 'hot')
  rooms.leave('tea', bob)
  rooms.leave('tea', bob)
  rooms.leave('milk', bob)
  t.is(rooms.keysOf(bob).size, 0)
  t.is(rooms.get('tea')?.size, 1)
  rooms.leaveAll(ann)
  t.is(rooms.size, 0)
  t.is(rooms.keysOf(ann).size, 0)
  rooms.join('tea', ann)
  rooms.join('coffee', ann)
  ann.destroy()
  await env.settle()
  t.is(rooms.size, 0, 'a closed session leaves all of them')
  t.is(rooms.keysOf(ann).size, 0)
  rooms.join('tea', ann)
  t.is(rooms.size, 0, 'and enters no other')
  await server.close()
})

test('whoever is added to or deleted from the group of a room joins or leaves the room', async (t) => {
  const { server, ann, bob } = await world(2)
  const rooms = new Rooms<number, string>()
  rooms.join(1, ann)
  const group = rooms.get(1)
  group?.add(bob)
  t.deepEqual([...rooms.keysOf(bob)], [1])
  group?.delete(ann)
  group?.delete(bob)
  t.is(rooms.size, 0)
  rooms.join(1, ann)
  group?.add(bob) // it is no longer the room of this name
  t.is(rooms.keysOf(bob).size, 0)
  group?.delete(bob)
  t.deepEqual([...(rooms.get(1) ?? [])], [ann])
  await server.close()
})
