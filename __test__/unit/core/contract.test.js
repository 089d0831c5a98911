const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { createVerifier } = require('logto-authkit')
const native = require('../../../js/core/addon')
const { contract, defaultOptions, errorTitle } = require('../../../js/core/contract')
const { check } = require('../../../js/core/options')

const { options: SETS, errors, algorithms, checks } = contract()

const REQUIRED = {
  logtoUrl: 'https://auth.example.test',
  audience: 'https://api.example.test',
  resource: 'https://api.example.test',
  signingKey: 'key',
  clientId: 'app',
  clientSecret: 'secret',
  hookId: 'hook',
}

/** Options whose values never appear in messages. */
const SECRETS = ['signingKey', 'clientSecret']

/** The required options of a set, and one other option. */
const withOption = (set, name, value) => ({
  ...Object.fromEntries(SETS[set].flatMap((row) => (row.name in REQUIRED ? [[row.name, REQUIRED[row.name]]] : []))),
  [name]: value,
})

function messageOf(set, name, value) {
  try {
    check(set, withOption(set, name, value))
    return undefined
  } catch (error) {
    assert.equal(/** @type {any} */ (error).code, 'invalid_options')
    return /** @type {Error} */ (error).message
  }
}

for (const [set, rows] of Object.entries(SETS)) {
  describe(`the options of ${set}`, () => {
    test('describe an invalid value in one line that shows no secret', () => {
      for (const { name, expected } of rows) {
        const prefix = `Invalid option "${name}": expected `
        const long = messageOf(set, name, `\u202e\u0007${'x'.repeat(120)}`)
        // Some options take any string; a cookie's path and domain have a second, more detailed description.
        if (long !== undefined) {
          const shown = `"\\u{202e}\\u{7}${'x'.repeat(58)}…"`
          const given = `, got ${SECRETS.includes(name) ? 'a string' : shown}`
          assert.ok(long.startsWith(prefix) && long.endsWith(given), long)
        }
        const secret = messageOf(set, name, { token: 'eyJ.secret.x' })
        if (secret !== undefined) assert.doesNotMatch(secret, /eyJ/)
        const symbol = messageOf(set, name, Symbol('eyJ'))
        assert.equal(symbol, `${prefix}${expected}, got a symbol`)
      }
    })

    test('suggest the intended name for a typing error', () => {
      for (const { name } of rows) {
        if (name.length < 5) continue
        for (const wrong of [name.toUpperCase(), name.slice(0, -1), `${name}s`, name.replace(/(.)(.)$/, '$2$1')]) {
          if (rows.some((row) => row.name === wrong)) continue
          assert.equal(messageOf(set, wrong, undefined), `Unknown option "${wrong}": did you mean "${name}"?`)
        }
      }
    })

    test('list all names for any other unknown option', () => {
      const names = rows.map(({ name }) => name).sort()
      const message = `Unknown option "\\u{202e}q${'x'.repeat(58)}": known options are ${names.join(', ')}`
      assert.equal(messageOf(set, `\u202eq${'x'.repeat(99)}`, 1), message)
    })

    test('accept their own fixed defaults', () => {
      for (const [name, value] of Object.entries(defaultOptions(set)))
        assert.equal(messageOf(set, name, value), undefined, name)
    })
  })
}

test('reads accessors of options once and uses what it has checked', async () => {
  let reads = 0
  const options = {
    logtoUrl: REQUIRED.logtoUrl,
    audience: REQUIRED.audience,
    get getToken() {
      reads += 1
      return reads === 1 ? () => null : 'changed'
    },
  }
  const verifier = createVerifier(/** @type {any} */ (options))
  await assert.rejects(verifier.verify({ headers: {} }), { code: 'missing_token' })
  assert.equal(reads, 1)
})

test('has a title, status and message for every error code', () => {
  assert.ok(errors.length >= 18)
  for (const { code, status, title, message, challenge } of errors) {
    const refused = native.rejection(code)
    assert.deepEqual([refused.status, refused.message], [status, message])
    assert.equal(errorTitle(code), title)
    if (challenge === null) assert.equal(refused.challenge, null)
    else assert.ok(refused.challenge?.startsWith(challenge))
  }
})

test('lists algorithms and checks', () => {
  for (const algorithm of algorithms.default) assert.ok(algorithms.all.includes(algorithm))
  assert.deepEqual([checks[0].id, checks.at(-1)?.id], ['present', 'revocation'])
})
