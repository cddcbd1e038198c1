import test from 'ava'
import { crc32c } from '../../../src/transports/proxy-protocol/crc32c.ts'

const ramp = Uint8Array.from({ length: 32 }, (_, at) => at)

test('the checksums of RFC 3720, appendix B.4', (t) => {
  // The RFC prints the bytes in the order in which iSCSI sends them, lowest first.
  t.is(crc32c(new Uint8Array(32)), 0x8a9136aa)
  t.is(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  t.is(crc32c(ramp), 0x46dd794e)
  t.is(crc32c(ramp.toReversed()), 0x113fdb5c)
})

test('the check value of the catalogue: 123456789; and nothing', (t) => {
  t.is(crc32c(new TextEncoder().encode('123456789')), 0xe3069283)
  t.is(crc32c(new Uint8Array(0)), 0)
})
