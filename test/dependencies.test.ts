import { readFileSync } from 'node:fs'
import test from 'ava'

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly [group: string]: unknown
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly integrity?: string; readonly dev?: boolean }>>
}

/** What whoever installs Hawser gets along with it: one line more is a decision. */
const RUNTIME = ['@msgpack/msgpack', 'protobufjs', 'winston', 'ws']
/** 512 bits as base64. */
const SHA512 = /^sha512-[\w+/]{86}==$/

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock

test('J-11: at run time there are four packages, and no group by which others could come along', (t) => {
  t.deepEqual(Object.keys(manifest.dependencies), RUNTIME)
  for (const group of ['peerDependencies', 'optionalDependencies', 'bundleDependencies', 'bundledDependencies'])
    t.is(manifest[group], undefined, group)
  const scripts = Object.keys(manifest['scripts'] as object)
  for (const hook of ['preinstall', 'install', 'postinstall', 'prepare']) t.false(scripts.includes(hook), hook)
})

test('J-11: the lock file pins every package by its hash', (t) => {
  const pinned = Object.entries(packages).filter(([path]) => path !== '')
  t.true(pinned.length > 100)
  for (const [path, { integrity = '' }] of pinned) t.regex(integrity, SHA512, path)
  const shipped = pinned.filter(([, { dev }]) => dev !== true).map(([path]) => path)
  for (const name of RUNTIME) t.true(shipped.includes(`node_modules/${name}`), name)
})
