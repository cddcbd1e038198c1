// Runs AVA on the compiled tests and closes with one plain line:
//   N passed, N failed[, N skipped]
// The exit status is AVA's own, and a run that AVA calls failed, or does not bring to its end, never reads "0 failed".
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** AVA's own timeout is over for good once it falls into the time that a test asked for with `t.timeout`. */
const QUIET_MS = 300_000
const LAST_WORDS_MS = 10_000

const cli = fileURLToPath(new URL('./cli.mjs', import.meta.resolve('ava')))
// `npm test -- test/x.test.ts` names the source; AVA runs what the compiler made of it.
const args = process.argv.slice(2).map((a) => a.replace(/^(?:\.\/)?test\/(.*)\.ts(?=$|:)/, '.build/test/$1.js'))
const child = spawn(process.execPath, [cli, '--tap', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
const ended = once(child, 'exit')
const count = { passed: 0, failed: 0, skip: 0, todo: 0 }
let stated = 0
let planned // AVA's last word but one: without it the run broke off, whatever the status says
const watchdog = setTimeout(() => {
  console.log(`no test has ended for ${QUIET_MS / 1000} s: a process that does not leave is ended`)
  child.kill('SIGINT')
  setTimeout(() => child.kill('SIGKILL'), LAST_WORDS_MS).unref()
}, QUIET_MS)
for await (const line of createInterface({ input: child.stdout })) {
  watchdog.refresh()
  const m = /^(not )?ok \d+ - (.*?)(?: # (TODO|SKIP).*)?$/.exec(line)
  if (m) {
    const kind = m[3] ? m[3].toLowerCase() : m[1] ? 'failed' : 'passed'
    count[kind]++
    console.log(`${{ passed: '✔', failed: '✘' }[kind] ?? '-'} ${m[2]}${m[3] ? ` [${kind}]` : ''}`)
  } else if (/^1\.\.\d+$/.test(line)) planned = Number(line.slice(3))
  else if (/^# fail \d+$/.test(line)) stated = Number(line.slice(7))
  else if (!/^TAP version|^# (?:tests|pass|skip) \d+$|^\s*$/.test(line)) console.log(line)
}
const [code] = await ended
clearTimeout(watchdog)
// AVA's own count also holds the tests which a crash kept from running, and the todos.
let failed = Math.max(count.failed, stated - count.todo)
const counted = count.passed + count.failed + count.skip + count.todo
const isWhole = planned !== undefined && counted >= planned
if ((code !== 0 || !isWhole) && failed === 0) failed = 1
const skipped = count.skip + count.todo
console.log(`\n${count.passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = code === 0 && failed > 0 ? 1 : (code ?? 1)
