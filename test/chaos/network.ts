import { execFileSync, spawnSync } from 'node:child_process'

/** Two machines on a wire that can be broken; where that cannot be had, one machine on its loopback. */
export interface ChaosNetwork {
  readonly serverHost: string
  /** Words before a command that runs on that side. */
  readonly server: readonly string[]
  readonly client: readonly string[]
  /** What this machine lacks for it, and what is left out therefore. */
  readonly missing: readonly string[]
  /** Faults that can be made, each with what undoes it. */
  readonly faults: Readonly<Record<string, () => () => void>>
  dispose(): void
}

const SERVER_HOST = '10.99.0.1'
const CLIENT_HOST = '10.99.0.2'
const LOSS_PERCENT = 30
const nothing = (): void => undefined

function run(...words: string[]): void {
  const [command = '', ...args] = words
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

function works(...words: string[]): boolean {
  const [command = '', ...args] = words
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

/** Two namespaces with a pair of virtual cables between them, which are gone after `dispose`. */
export function makeNetwork(): ChaosNetwork {
  const [a, b] = [`hawser-${process.pid}-a`, `hawser-${process.pid}-b`]
  const inside = (name: string): string[] => ['ip', 'netns', 'exec', name]
  const dispose = (): void => {
    for (const name of [a, b]) works('ip', 'netns', 'del', name)
  }
  if (!works('ip', 'netns', 'add', a))
    return loopback('no network namespaces (root and iproute2): the link stays whole')
  try {
    run('ip', 'netns', 'add', b)
    run('ip', 'link', 'add', 'va', 'netns', a, 'type', 'veth', 'peer', 'name', 'vb', 'netns', b)
    run('ip', '-n', a, 'addr', 'add', `${SERVER_HOST}/24`, 'dev', 'va')
    run('ip', '-n', b, 'addr', 'add', `${CLIENT_HOST}/24`, 'dev', 'vb')
    for (const [name, cable] of [
      [a, 'va'],
      [b, 'vb'],
    ] as const) {
      run('ip', '-n', name, 'link', 'set', cable, 'up')
      run('ip', '-n', name, 'link', 'set', 'lo', 'up')
    }
  } catch (error) {
    dispose()
    return loopback(`no virtual cables: the link stays whole (${(error as Error).message.split('\n')[0]})`)
  }
  const missing: string[] = []
  const faults: Record<string, () => () => void> = {
    'link down'() {
      run('ip', '-n', a, 'link', 'set', 'va', 'down')
      return () => run('ip', '-n', a, 'link', 'set', 'va', 'up')
    },
  }
  const loss = lossIn(inside(a))
  if (loss === undefined) missing.push(`neither netem nor nft: no packets are lost`)
  else faults[`${LOSS_PERCENT} % loss`] = loss
  if (works(...inside(a), 'ss', '-K', 'dst', CLIENT_HOST)) {
    faults['ss -K'] = () => {
      works(...inside(a), 'ss', '-K', 'dst', CLIENT_HOST)
      return nothing
    }
  } else missing.push('no ss -K: sockets are not destroyed from outside')
  return { serverHost: SERVER_HOST, server: inside(a), client: inside(b), missing, faults, dispose }
}

/** By the kernel's own impairment where it has it, else by a rule of its packet filter. */
function lossIn(inside: readonly string[]): (() => () => void) | undefined {
  const netem = (verb: string): string[] => [...inside, 'tc', 'qdisc', verb, 'dev', 'va', 'root', 'netem', 'loss']
  if (works(...netem('add'), '0%')) {
    works(...inside, 'tc', 'qdisc', 'del', 'dev', 'va', 'root')
    return () => {
      run(...netem('add'), `${LOSS_PERCENT}%`)
      return () => run(...inside, 'tc', 'qdisc', 'del', 'dev', 'va', 'root')
    }
  }
  const chain = 'add table inet loss; add chain inet loss in { type filter hook input priority 0; }'
  if (!works(...inside, 'nft', chain)) return undefined
  return () => {
    run(...inside, 'nft', `add rule inet loss in numgen random mod 100 < ${LOSS_PERCENT} drop`)
    return () => run(...inside, 'nft', 'flush chain inet loss in')
  }
}

function loopback(why: string): ChaosNetwork {
  return { serverHost: '127.0.0.1', server: [], client: [], missing: [why], faults: {}, dispose: nothing }
}
