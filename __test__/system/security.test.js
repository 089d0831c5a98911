/** Checks what docs/security.md and docs/security-runs.md say about tests, commands and the package. */

const assert = require('node:assert/strict')
const { existsSync, readdirSync } = require('node:fs')
const { basename, join } = require('node:path')
const { test } = require('node:test')
const { withRow } = require('../../scripts/record-run')
const { ROOT, read, rows } = require('../support/pages')

const TESTS = ['__test__', 'tests'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true }).map((path) => join(folder, String(path))),
)

test('every test that docs/security.md names exists, and every threat has one', () => {
  const parts = read('docs/security.md').split(/^## /m)
  const threats = String(parts.find((part) => part.startsWith('Threats\n')))
  const tests = rows(threats).filter(([cell]) => cell !== 'threat' && !/^-+$/.test(cell))
  assert.ok(tests.length > 40, `${tests.length} rows`)
  const missing = tests.flatMap(([threat, , named]) =>
    named.split('<br>').filter((one) => {
      const [, file, name] = /^`([\w.-]+)` › (.+)$/.exec(one) ?? assert.fail(`no test for: ${threat}`)
      const path = TESTS.find((path) => basename(path) === file)
      const lines = path === undefined ? [] : read(path).split('\n')
      return !lines.some((line) => /^\s*(test|describe|for|fn)\b/.test(line) && line.includes(name))
    }),
  )
  assert.deepEqual(missing, [])
})

test('every command of the pages on security can be run', () => {
  const { scripts } = require('../../package.json')
  for (const page of ['docs/security.md', 'docs/security-runs.md']) {
    const commands = [...read(page).matchAll(/`npm run ([\w:]+)/g)].map(([, script]) => script)
    assert.ok(commands.length > 0)
    for (const script of commands) assert.ok(script in scripts, script)
    for (const [, path] of read(page).matchAll(/`node --test (\S+?)`/g)) assert.ok(existsSync(join(ROOT, path)), path)
  }
})

test('every row of docs/security-runs.md has a result, a command, a commit and a date', () => {
  const [, , ...runs] = rows(read('docs/security-runs.md'))
  assert.ok(runs.length >= 10, `${runs.length} rows`)
  for (const [name, result, command, commit, date, ...rest] of runs) {
    assert.ok(result.length > 0 && rest.length === 0, name)
    assert.match(command, /^`npm run test:/, name)
    assert.match(commit, /^[0-9a-f]{7,}(-dirty)?$/, name)
    assert.match(date, /^\d{4}-\d\d-\d\d$/, name)
  }
})

test('a recorded run replaces the row with its name, or is added', () => {
  const page = '# Runs\n\n| run | result |\n|---|---|\n| Soak | 1 |\n| Chaos | 2 |\n'
  assert.equal(withRow(page, ['Soak', '3 | 4']), page.replace('Soak | 1', 'Soak | 3 \\| 4'))
  assert.equal(withRow(page, ['Other', '5']), `${page}| Other | 5 |\n`)
})

test('lockfiles pin every dependency by checksum', () => {
  const { lockfileVersion, packages } = JSON.parse(read('package-lock.json'))
  assert.equal(lockfileVersion, 3)
  for (const [path, { integrity, dev, optional, os, cpu }] of Object.entries(packages)) {
    // npm omits the checksums of packages that it did not install, which are tools for other platforms.
    const isElsewhere = dev && optional && (os || cpu)
    if (path !== '' && !isElsewhere) assert.match(integrity ?? '', /^sha512-/, path)
  }
  for (const lock of ['Cargo.lock', 'fuzz/Cargo.lock']) {
    const crates = read(lock).split('[[package]]').slice(1)
    const own = crates
      .filter((crate) => !/^checksum = "[0-9a-f]{64}"$/m.test(crate))
      .map((crate) => /name = "(.+)"/.exec(crate)?.[1])
    assert.deepEqual(own, lock === 'Cargo.lock' ? ['logto-authkit'] : ['logto-authkit', 'logto-authkit-fuzz'])
  }
})
