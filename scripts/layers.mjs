// Reads the import graph and refuses every import that the table below does not allow:
//
//   - arrows point down only: a layer imports the layers it may, and nothing else of ours;
//   - `node:` modules are for src/env and src/cli; elsewhere in src, except in core, their types may be imported;
//   - each third-party package is imported by one file only;
//   - inside the package one imports from the file that defines a thing; an index.ts is a list of exports.
import { existsSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import { sourceFiles, withoutComments } from './files.mjs'

/**
 * A path belongs to the row with the longest prefix.
 *   may       the rows it may import from, besides itself
 *   node      node: modules: 'none', 'types' (the default) or 'all'
 *   packages  third-party packages: none by default
 */
const LAYERS = {
  'src/core/': { may: [], node: 'none' },

  'src/env/': { may: ['src/core/', 'src/env/node/ws-engine.ts'], node: 'all' },
  'src/env/node/ws-engine.ts': { may: ['src/core/', 'src/env/'], node: 'all', packages: ['ws'] },
  'src/transports/': { may: ['src/core/'] },
  'src/layers/': { may: ['src/core/'] },
  'src/stages/': { may: ['src/core/'] },
  'src/stages/node.ts': { may: ['src/core/', 'src/env/', 'src/stages/'] },
  'src/stages/index.ts': { may: ['src/core/', 'src/stages/', 'src/stages/node.ts'] },
  'src/logging/': { may: ['src/core/'] },
  'src/logging/winston.ts': { may: ['src/core/', 'src/logging/'], packages: ['winston'] },
  'src/rpc/': { may: ['src/core/'], node: 'none' },
  'src/mux/': { may: ['src/core/'] },
  'src/messaging/': { may: ['src/core/'] },
  'src/patterns/': { may: ['src/core/'] },
  'src/registry/': { may: ['src/core/'] },
  'codecs/': { may: ['src/core/', 'codecs/proto-type.ts'], node: 'none' },
  'codecs/framing/': { may: ['src/core/'], node: 'none' },
  'codecs/proto-type.ts': { may: ['src/core/'], node: 'none', packages: ['protobufjs'] },
  'codecs/msgpack.ts': { may: ['src/core/', 'codecs/'], node: 'none', packages: ['@msgpack/msgpack'] },

  'src/service/': { may: ['src/core/', 'src/rpc/', 'src/registry/'] },
  'src/mesh/': { may: ['src/core/', 'src/mux/', 'src/patterns/', 'src/registry/'] },

  // The entry points bind an Env, the built-in transports and the default framing.
  'src/node-options.ts': { may: ['src/core/', 'src/transports/'] },
  'src/node.ts': { may: ['src/core/', 'src/env/', 'src/transports/', 'src/node-options.ts', 'codecs/framing/'] },
  'src/index.ts': { may: ['src/core/', 'src/env/', 'src/transports/', 'src/node.ts', 'src/node-options.ts'] },
  'src/testing/': {
    may: [
      'src/core/',
      'src/rpc/',
      'src/env/',
      'src/node.ts',
      'src/node-options.ts',
      'src/transports/',
      'src/layers/',
      'codecs/',
      'codecs/framing/',
    ],
  },
  'src/browser/': { may: ['src/core/', 'src/rpc/', 'src/mux/', 'codecs/', 'codecs/framing/'], node: 'none' },

  // These use the package as its users do: by its name.
  'src/cli/': { may: [], node: 'all', packages: ['hawser'] },
  'examples/': { may: [], node: 'all', packages: 'any' },
}

const rows = Object.keys(LAYERS).sort((a, b) => b.length - a.length)
const rowOf = (path) => rows.find((row) => path.startsWith(row))

// import … from 'x', export … from 'x' | import 'x' | import('x'), require('x')
const IMPORT =
  /\b(?:import|export)\s+(?<type>type\s(?!\s*from\b))?(?:(?!\b(?:import|export)\b)[\w\s{},*$])+?\bfrom\s*(['"])(?<from>[^'"]+)\2|\bimport\s*(['"])(?<bare>[^'"]+)\4|\b(?:import|require)\s*\(\s*(?:['"`](?<call>[^'"`]+)['"`])?/g

function importsOf(source) {
  return [...source.matchAll(IMPORT)].map(({ index, groups }) => ({
    line: source.slice(0, index).split('\n').length,
    name: groups.from ?? groups.bare ?? groups.call,
    typesOnly: groups.type !== undefined,
  }))
}

/** What is wrong with `file` importing `name`, if anything. */
function objection(file, { name, typesOnly }) {
  const row = rowOf(file)
  const { may, node = 'types', packages = [] } = LAYERS[row]
  if (name === undefined) return 'imports a module whose name is not a literal'
  if (name.startsWith('.')) {
    const target = posix.join(posix.dirname(file), name)
    const targetRow = rowOf(target)
    if (!existsSync(target)) return `imports ${name}, which does not exist`
    if (targetRow === undefined) return `imports ${name}, which is outside of the package`
    if (targetRow !== row && !may.includes(targetRow)) return `${row} may not import ${targetRow}`
    if (row !== 'examples/' && target.endsWith('/index.ts')) return `imports ${name}: import the file that defines it`
    return undefined
  }
  if (isBuiltin(name)) {
    if (node === 'all' || (node === 'types' && typesOnly)) return undefined
    return node === 'types' ? `${row} may import ${name} for its types only` : `${row} may not import ${name}`
  }
  const owner = name.split('/', name.startsWith('@') ? 2 : 1).join('/')
  return packages === 'any' || packages.includes(owner) ? undefined : `${row} may not import the package ${owner}`
}

const files = sourceFiles('src', 'codecs', 'examples')
const problems = []
let imports = 0
for (const file of files) {
  const source = withoutComments(readFileSync(file, 'utf8'))
  if (rowOf(file) === undefined) {
    problems.push(`${file}: is in no layer of scripts/layers.mjs`)
    continue
  }
  for (const found of importsOf(source)) {
    imports++
    const text = objection(file, found)
    if (text) problems.push(`${file}:${found.line}: ${text}`)
  }
  const lists = /^(?:\s*export\s+(?:type\s+)?\{[^}]*\}\s+from\s+'[^']+';?)*\s*$/
  if (!file.startsWith('examples/') && file.endsWith('/index.ts') && !lists.test(source))
    problems.push(`${file}: an index.ts lists exports by name and holds nothing else`)
}

for (const problem of problems) console.error(problem)
console.log(`layers: ${files.length} files, ${imports} imports, ${problems.length} problems`)
// A check that looked at nothing has found nothing out.
if (files.length === 0 || imports === 0 || problems.length > 0) process.exitCode = 1
