/** For the option `wrap`. */
export { guarded as layers } from '../../core/layer-guard.ts'
