/** For the option `data`. */
export { open } from '../../core/opening.ts'
