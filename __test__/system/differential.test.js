const assert = require('node:assert/strict')
const { randomInt } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { test } = require('node:test')
const { compare, compareOne } = require('../differential/run')
const { CLASSES } = require('../differential/classes')
const { AUDIENCE, ISSUER, createKey, signToken } = require('../support/tokens')

test('5,000 generated cases get the same verdict as from jose, except for the listed differences', {
  timeout: 1_200_000,
}, async (t) => {
  const seed = Number(process.env.DIFFERENTIAL_SEED ?? randomInt(2 ** 31))
  t.diagnostic(`DIFFERENTIAL_SEED=${seed}`)
  const { accepted, refused, classes } = await compare({ count: 5000, seed })
  // Unless both verdicts are frequent, the comparison would prove little.
  assert.ok(accepted > 1000 && refused > 1000, `accepted ${accepted}, refused ${refused}`)
  assert.ok([...classes.values()].some((times) => times > 0))
})

test('rejects an RSASSA-PSS signature without its leading zero', { timeout: 300_000 }, async () => {
  const key = createKey('PS256')
  const good = () => signToken(key)
  let token = good()
  while (Buffer.from(token.split('.')[2], 'base64url')[0] !== 0) token = good()
  const [header, payload, signature] = token.split('.')
  const short = Buffer.from(signature, 'base64url').subarray(1).toString('base64url')
  const options = { audience: AUDIENCE, issuer: ISSUER, algorithms: ['PS256'], tokenType: 'at+jwt', clockTolerance: 0 }
  const made = { name: 'short', jwks: { keys: [key.jwk] }, options: { ...options, currentDate: new Date() } }
  assert.equal(await compareOne({ ...made, token }), 'accepted')
  const verdict = await compareOne({ ...made, token: `${header}.${payload}.${short}` })
  assert.deepEqual(Array.isArray(verdict) && verdict.map(({ name }) => name), [
    'an RSASSA-PSS signature without its leading zero',
  ])
})

test('docs/security.md lists the differences', () => {
  const page = readFileSync(join(__dirname, '../../docs/security.md'), 'utf8')
  const rows = CLASSES.map(({ name, ours, why }) => `| ${name} | ${ours} | ${why} |`)
  const [, table] = page.split('| difference | ours | why |\n|---|---|---|\n')
  assert.deepEqual(table.split('\n\n')[0].trimEnd().split('\n'), rows)
})
