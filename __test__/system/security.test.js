/** What docs/security.md says of the tests and of the package is so. */

const assert = require('node:assert/strict')
const { existsSync, readFileSync, readdirSync } = require('node:fs')
const { basename, join } = require('node:path')
const { test } = require('node:test')

const ROOT = join(__dirname, '../..')
const TESTS = ['__test__', 'tests'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true }).map((path) => join(folder, String(path))),
)

/** @param {string} path */
const read = (path) => readFileSync(join(ROOT, path), 'utf8')

test('every test that docs/security.md names exists, and every threat has one', () => {
  const [, threats] = read('docs/security.md').split('## Threats')
  const rows = threats
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(1)
  assert.ok(rows.length > 40, `${rows.length} rows`)
  for (const row of rows) {
    const named = row.split(' | ')[2].replace(/ \|$/, '').split('<br>')
    for (const one of named) {
      const [, file, name] = /^`([\w.-]+)` › (.+)$/.exec(one) ?? assert.fail(`no test in: ${row}`)
      const path = TESTS.find((path) => basename(path) === file)
      assert.ok(path, `${file} is missing`)
      const lines = read(path).split('\n')
      const isNamed = lines.some((line) => /^\s*(test|describe|for|fn)\b/.test(line) && line.includes(name))
      assert.ok(isNamed, `${file} has no test called: ${name}`)
    }
  }
})

test('every command that docs/security.md names can be run', () => {
  const { scripts } = require('../../package.json')
  const [figures] = read('docs/security.md').split('## The comparison')
  const commands = [...figures.matchAll(/`npm run ([\w:]+)/g)].map(([, script]) => script)
  assert.ok(commands.length > 0)
  for (const script of commands) assert.ok(script in scripts, script)
  for (const [, path] of figures.matchAll(/`node --test (\S+?)`/g)) assert.ok(existsSync(join(ROOT, path)), path)
})

test('lock files name every dependency by a checksum', () => {
  const { lockfileVersion, packages } = JSON.parse(read('package-lock.json'))
  assert.equal(lockfileVersion, 3)
  for (const [path, { integrity, dev, optional, os, cpu }] of Object.entries(packages)) {
    // npm leaves the checksum out for what it did not install: tools for other platforms.
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
