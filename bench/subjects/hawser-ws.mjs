// The package `ws` below the sessions instead of the own data path.
import { hawserSubject } from '../hawser-subject.mjs'

export const { echo } = hawserSubject({ ws: { engine: 'ws' } })
