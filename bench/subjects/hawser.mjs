// As users have it: default options, a synchronous listener.
import { hawserSubject } from '../hawser-subject.mjs'

export { rpc } from '../hawser-rpc.mjs'
export const { echo, oneway, idle, broadcast, slow, churn } = hawserSubject()
