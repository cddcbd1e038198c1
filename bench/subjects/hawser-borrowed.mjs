// Reads into memory that is reused, where Node lets us; for codecs that keep values.
import { hawserSubject } from '../hawser-subject.mjs'

export const { echo } = hawserSubject({ chunks: 'borrowed' })
