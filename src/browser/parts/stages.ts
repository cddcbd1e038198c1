/** For the option `stages`. */
export { linkStages as stages } from '../../core/pipeline.ts'
