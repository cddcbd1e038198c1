// Fills .build: sources, tests and examples as JavaScript, and beside them the files they read.
import { cpSync, existsSync, rmSync } from 'node:fs'
import { run } from './run.mjs'
import './gen.mjs'
import './samples.mjs'

// A file left over from an earlier run would keep a deleted test alive.
rmSync('.build', { recursive: true, force: true })
run('tsc', '-p', 'tsconfig.build.json')

// The compiler leaves behind what is not TypeScript: generated modules, .proto files, certificates, pages.
cpSync('.gen', '.build/.gen', { recursive: true })
for (const folder of ['test', 'examples'])
  if (existsSync(folder))
    cpSync(folder, `.build/${folder}`, { recursive: true, filter: (path) => !path.endsWith('.ts') })
