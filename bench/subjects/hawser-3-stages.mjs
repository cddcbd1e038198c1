import { hawserSubject } from '../hawser-subject.mjs'
import { stages } from '../stages.mjs'

export const { echo } = hawserSubject({}, { stages: stages(3) })
