const assert = require('node:assert/strict')
const { randomInt } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { test } = require('node:test')
const { compare } = require('./differential')
const { CLASSES } = require('./differential-classes')

test('5,000 generated cases get the verdict of jose, but for the classes on the list', {
  timeout: 300_000,
}, async (t) => {
  const seed = Number(process.env.DIFFERENTIAL_SEED ?? randomInt(2 ** 31))
  t.diagnostic(`DIFFERENTIAL_SEED=${seed}`)
  const { accepted, refused, classes } = await compare({ count: 5000, seed })
  // Both verdicts are common, or the comparison would say little.
  assert.ok(accepted > 1000 && refused > 1000, `accepted ${accepted}, refused ${refused}`)
  assert.ok([...classes.values()].some((times) => times > 0))
})

test('docs/security.md shows the list', () => {
  const page = readFileSync(join(__dirname, '../docs/security.md'), 'utf8')
  const rows = CLASSES.map(({ name, ours, why }) => `| ${name} | ${ours} | ${why} |`)
  const [, table] = page.split('| difference | ours | why |\n|---|---|---|\n')
  assert.deepEqual(table.split('\n\n')[0].split('\n'), rows)
})
