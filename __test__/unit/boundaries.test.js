/** The boundaries between modules that docs/design.md describes, checked against the imports in `src` and `js`. */

const assert = require('node:assert/strict')
const { builtinModules } = require('node:module')
const { describe, test } = require('node:test')
const { crates, cycles, filesIn, jsModules, read, rustModules, rustPaths, withoutTests } = require('../support/imports')

const manifest = require('../../package.json')

const rust = rustModules()
const js = jsModules()

describe('src', () => {
  /** @type {[string, string[], string[]][]} */
  const ONLY = [
    ['N-API', ['napi', 'napi_derive'], ['src/binding/']],
    ['the crypto crates', ['jsonwebtoken', 'aws_lc_rs'], ['src/signature.rs']],
    ['the HTTP client', ['reqwest'], ['src/jwks/fetch.rs']],
  ]
  for (const [what, crates, allowed] of ONLY) {
    test(`only ${allowed} imports ${what}`, () => {
      const importing = rust.filter(({ packages }) => crates.some((crate) => packages.includes(crate)))
      assert.ok(importing.length > 0)
      for (const { path } of importing) assert.ok(isUnder(path, allowed), path)
    })
  }

  /** Modules, and the modules that they must not import. @type {[string, string[]][]} */
  const NEVER = [
    ['src/claims', ['src/jwks', 'src/signature', 'src/verify']],
    ['src/signature', ['src/claims', 'src/token', 'src/jwks', 'src/verify']],
    ['src/source', ['src/token', 'src/claims', 'src/signature', 'src/jwks', 'src/verify']],
    ['src/jwks/state', ['src/jwks/fetch', 'src/jwks/remote', 'src/threads']],
    ['src/jwks', ['src/claims', 'src/source', 'src/verify', 'src/token_cache']],
    ['src/revocations', ['src/jwks', 'src/signature', 'src/token', 'src/verify', 'src/token_cache', 'src/threads']],
    ['src/options', ['src/verify', 'src/token_cache', 'src/source']],
    ['src', ['src/binding']],
  ]
  for (const [from, to] of NEVER) {
    test(`${from} never imports ${to.join(', ')}`, () => {
      const importing = rust.filter(({ path }) => isUnder(path, [from]) && !(from === 'src' && isUnder(path, to)))
      assert.ok(importing.length > 0)
      for (const { path, imports } of importing) {
        for (const imported of imports) assert.ok(!isUnder(imported, to), `${path} imports ${imported}`)
      }
    })
  }

  test('the key-set state machine gets the time as an argument', () => {
    const { code } = rustModule('src/jwks/state.rs')
    assert.doesNotMatch(code, /\b(Instant|SystemTime|UNIX_EPOCH)\b|::now\(/)
  })

  test('revocations get the time as an argument', () => {
    for (const { path, code } of rust.filter(({ path }) => path.startsWith('src/revocations/'))) {
      assert.doesNotMatch(code, /\b(Instant|SystemTime|UNIX_EPOCH)\b|::now\(/, path)
    }
  })

  test('modules do not import each other in cycles', () => {
    assert.deepEqual(cycles(rust), [])
  })
})

describe('js', () => {
  test('only js/core/addon.js loads the addon', () => {
    const loading = js.filter(({ imports }) => imports.some((path) => path.startsWith('js/native/')))
    assert.deepEqual(
      loading.map(({ path }) => path),
      ['js/core/addon.js'],
    )
  })

  test('js/core imports nothing from other folders', () => {
    for (const { path, imports } of js.filter(({ path }) => path.startsWith('js/core/'))) {
      for (const imported of imports) assert.match(imported, /^js\/(core|native)\//, `${path} imports ${imported}`)
    }
  })

  test('js/adapters mentions no algorithm', () => {
    const files = filesIn('js/adapters', /\.(js|d\.ts)$/)
    assert.ok(files.length > 10)
    for (const path of files) assert.doesNotMatch(read(path), /\b[REP]S(256|384|512)\b|\bEdDSA\b|\bEd25519\b/, path)
  })

  test('modules do not import each other in cycles', () => {
    assert.deepEqual(cycles(js), [])
  })

  test('packages other than Node.js modules and optional peers are not imported', () => {
    const { peerDependencies } = manifest
    const peerDependenciesMeta = manifest.peerDependenciesMeta
    for (const { path, packages } of js) {
      for (const name of packages.filter((name) => !builtinModules.includes(name.replace('node:', '')))) {
        assert.ok(name in peerDependencies && peerDependenciesMeta[name]?.optional, `${path} imports ${name}`)
      }
    }
    assert.ok(!('dependencies' in manifest))
  })
})

test('no file has more than 300 lines, not counting tests', () => {
  const scripts = ['scripts', 'bench', 'fuzz', 'examples'].flatMap((folder) => filesIn(folder, /\.m?js$/))
  const declarations = filesIn('js', /\.d\.ts$/).filter((path) => !path.startsWith('js/native/'))
  const texts = [...scripts, ...declarations].map((path) => ({ path, text: read(path) }))
  const modules = [
    ...js.map(({ path }) => ({ path, text: read(path) })),
    ...rust.map(({ path }) => ({ path, text: withoutTests(read(path)) })),
  ]
  const long = [...texts, ...modules]
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > 300)
  assert.deepEqual(long, [])
})

describe('the check itself', () => {
  test('finds imports in every form', () => {
    const code = 'use crate::{a::B, c::{self, D}};\nuse super::e;\nuse ::g::H; fn f() { crate::i::j(k::L, l::M) }'
    const modules = new Set(['x::y::l'])
    assert.deepEqual(rustPaths(code, ['x', 'y'], modules), ['a::B', 'c', 'c::D', 'x::e', 'i::j', 'x::y::l::M'])
    assert.deepEqual(crates(`${code} use n::{o, p};`), ['g', 'n', 'k', 'l'])
  })

  test('finds cycles', () => {
    const modules = [
      { path: 'a', imports: ['b'] },
      { path: 'b', imports: ['c'] },
      { path: 'c', imports: ['b'] },
    ]
    assert.deepEqual(cycles(modules), ['b -> c -> b'])
  })
})

function isUnder(path, folders) {
  return folders.some(
    (folder) => path === folder || path === `${folder}.rs` || path.startsWith(`${folder.replace(/\/$/, '')}/`),
  )
}

function rustModule(path) {
  return rust.find((module) => module.path === path) ?? assert.fail(`${path} does not exist`)
}
