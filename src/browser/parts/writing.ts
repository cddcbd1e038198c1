/** For codecs that write with a WriteBuffer. */
export { writtenMessages as encoder } from '../../core/written-messages.ts'
