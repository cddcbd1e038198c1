import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Runs a tool, one of node_modules/.bin where there is one of that name; when it fails, ends with its status. */
export function run(tool, ...args) {
  const local = `node_modules/.bin/${tool}`
  const { status, error } = spawnSync(existsSync(local) ? local : tool, args, { stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}
