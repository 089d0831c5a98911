const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const { AuthError, hasRole, hasScopes, requireRole, requireScopes, verifyAuth } = require('logto-authkit')
const server = require('logto-authkit/server')
const { invalidOptions, pollute, secondCopy, verdict } = require('../../support/helpers')
const { createKey, optionsFor, signToken } = require('../../support/tokens')

/** @typedef {import('logto-authkit').AuthSubject} AuthSubject */

const key = createKey('EdDSA')

const contextOf = (claims) => verifyAuth(signToken(key, claims), optionsFor(key))

/** The error of a helper that requires a permission. */
function missing(code, message, challenge) {
  const wwwAuthenticate = `Bearer error="insufficient_scope", ${challenge}`
  const headers = { 'Cache-Control': 'no-store', 'WWW-Authenticate': wwwAuthenticate }
  return { name: 'AuthError', code, status: 403, message, wwwAuthenticate, headers, details: {} }
}

const verify = (claims, options) => verdict(verifyAuth(signToken(key, claims), optionsFor(key, options)))
const newGuest = () => verifyAuth({ headers: {} }, optionsFor(key, { allowGuest: true }))

const guest = newGuest()

describe('scopes', () => {
  for (const [
    held,
    wanted,
    mode,
    answer,
  ] of /** @type {[string | undefined, any, 'all' | 'any' | undefined, boolean][]} */ ([
    ['a b', 'a', undefined, true],
    ['a b', 'a b', undefined, true],
    ['a b', 'b  a', undefined, true],
    ['a b', ['b', 'a'], 'all', true],
    ['a b', 'a c', undefined, false],
    ['a b', ['a', 'c'], 'all', false],
    ['a b', ['a', 'c'], 'any', true],
    ['a b', 'c b', 'any', true],
    ['a b', 'c d', 'any', false],
    ['a', ['a', 'a'], 'any', true],
    ['read:orders', 'read', undefined, false],
    ['read', 'read:orders', undefined, false],
    ['Read', 'read', undefined, false],
    ['read:orders', 'read:orders', undefined, true],
    ['read:orders:all', 'read:orders', undefined, false],
    ['xread:orders', 'read:orders', undefined, false],
    ['READ:ORDERS', 'read:orders', undefined, false],
    ['a,b', 'a', undefined, false],
    ['a,b', 'b', undefined, false],
    ['a\tb', 'b', undefined, false],
    ['a\u00a0b', 'b', undefined, false],
    ['*', 'a', undefined, false],
    ['a  b ', 'b', undefined, true],
    ['', 'a', undefined, false],
    [undefined, 'a', undefined, false],
    [undefined, 'a', 'any', false],
  ])) {
    const options = mode && { mode }
    test(`scope ${inspect(held)} ${answer ? 'has' : 'lacks'} ${inspect(wanted)} (mode ${mode ?? 'all by default'})`, async () => {
      const auth = await contextOf({ scope: held })
      for (const subject of /** @type {AuthSubject[]} */ ([auth, auth.payload, { scope: held }])) {
        assert.equal(hasScopes(subject, wanted, options), answer)
        if (answer) assert.equal(requireScopes(subject, wanted, options), undefined)
        else assert.throws(() => requireScopes(subject, wanted, options), AuthError)
      }
      const required = { requiredScope: wanted, ...(mode && { scopeMode: mode }) }
      assert.equal(await verify({ scope: held }, required), answer ? 'accepted' : 'missing_scope')
    })
  }

  test('a scope that contains a space is never held', () => {
    assert.equal(hasScopes({ scope: 'a b' }, ['a b']), false)
    assert.throws(() => requireScopes({ scope: 'a b' }, ['a b']), AuthError)
  })

  for (const [held, wanted, options, message, challenge] of /** @type {[any, any, any, string, string]} */ (
    /** @type {any} */ ([
      [
        { scope: 'a b' },
        ['a', 'c'],
        undefined,
        'Missing required scopes (all of: a, c). Token scopes: a, b. Missing: c',
        'scope="a c", error_description="Missing required scope: c"',
      ],
      [
        { scope: 'a b' },
        'c d',
        { mode: 'any' },
        'Missing required scopes (at least one of: c, d). Token scopes: a, b. Missing: c, d',
        'scope="c d", error_description="Missing required scope: c, d"',
      ],
      [
        {},
        'a',
        {},
        'Missing required scopes (all of: a). Token scopes: (none). Missing: a',
        'scope="a", error_description="Missing required scope: a"',
      ],
      [
        null,
        ['a', 'b'],
        { mode: 'all' },
        'Missing required scopes (all of: a, b). Token scopes: (none). Missing: a, b',
        'scope="a b", error_description="Missing required scope: a, b"',
      ],
    ])
  )) {
    test(`requireScopes throws: ${message}`, () => {
      assert.throws(() => requireScopes(held, wanted, options), missing('missing_scope', message, challenge))
    })
  }

  for (const wanted of [
    '',
    '   ',
    [],
    [''],
    ['a', ''],
    [5],
    ['a', null],
    [['a']],
    null,
    undefined,
    5,
    {},
    new Set(['a']),
  ]) {
    test(`requiring ${inspect(wanted)} is an error, not a pass`, () => {
      for (const subject of [{ scope: 'a' }, null])
        assertInvalid('scopes', subject, /** @type {any} */ (wanted), undefined)
    })
  }

  for (const mode of ['ALL', '', 'some', null, true, {}]) {
    test(`the mode ${inspect(mode)} is an error`, () => {
      assertInvalid('mode', { scope: 'a' }, 'a', /** @type {any} */ ({ mode }))
    })
  }

  function assertInvalid(option, subject, scopes, options) {
    const error = invalidOptions(new RegExp(`^Invalid option "${option}": expected .+, got .+`))
    assert.throws(() => hasScopes(subject, scopes, options), error)
    assert.throws(() => requireScopes(subject, scopes, options), error)
  }
})

describe('roles', () => {
  for (const [claims, role, claimKeys, answer] of /** @type {[any, string, string[] | undefined, boolean][]} */ ([
    [{ roles: ['admin'] }, 'admin', undefined, true],
    [{ roles: ['viewer', 'admin'] }, 'admin', undefined, true],
    [{ roles: 'admin' }, 'admin', undefined, true],
    [{ role: 'admin' }, 'admin', undefined, true],
    [{ role: ['admin'] }, 'admin', undefined, true],
    [{ roles: [], role: 'admin' }, 'admin', undefined, true],
    [{ roles: 'viewer admin' }, 'admin', undefined, false],
    [{ roles: 'viewer,admin' }, 'admin', undefined, false],
    [{ roles: ['viewer admin'] }, 'admin', undefined, false],
    [{ roles: ['super admin'] }, 'super admin', undefined, true],
    [{ roles: ['Admin'] }, 'admin', undefined, false],
    [{ roles: ['superadmin'] }, 'admin', undefined, false],
    [{ roles: [['admin']] }, 'admin', undefined, false],
    [{ roles: [{ name: 'admin' }] }, 'admin', undefined, false],
    [{ roles: { 0: 'admin' } }, 'admin', undefined, false],
    [{ roles: { admin: true } }, 'admin', undefined, false],
    [{ roles: null }, 'admin', undefined, false],
    [{ roles: null }, 'null', undefined, false],
    [{ roles: [5] }, '5', undefined, false],
    [{}, 'admin', undefined, false],
    [{ groups: ['admin'] }, 'admin', undefined, false],
    [{ groups: ['admin'] }, 'admin', ['groups'], true],
    [{ groups: ['admin'] }, 'admin', ['roles', 'groups'], true],
    [{ roles: ['admin'] }, 'admin', ['groups'], false],
    [{ 'https://example.test/roles': 'admin' }, 'admin', ['https://example.test/roles'], true],
    [{ realm: { roles: ['admin'] } }, 'admin', ['realm.roles'], false],
    [{}, 'function', ['constructor', 'toString', '__proto__'], false],
  ])) {
    const options = claimKeys && { claimKeys }
    test(`${inspect(claims)} ${answer ? 'has' : 'lacks'} ${role}${claimKeys ? ` in ${claimKeys}` : ''}`, async () => {
      const auth = await contextOf(claims)
      for (const subject of [auth, auth.payload, claims]) {
        assert.equal(hasRole(subject, role, options), answer)
        if (answer) assert.equal(requireRole(subject, role, options), undefined)
        else assert.throws(() => requireRole(subject, role, options), AuthError)
      }
      const required = { requiredRole: role, ...(claimKeys && { roleClaims: claimKeys }) }
      assert.equal(await verify(claims, required), answer ? 'accepted' : 'missing_role')
    })
  }

  for (const [claims, options, message] of /** @type {[any, any, string][]} */ ([
    [{ roles: ['x'] }, undefined, 'Missing required role: admin. Checked claims: roles, role. Token roles: x'],
    [
      { roles: ['x', 'y'], role: 'z' },
      {},
      'Missing required role: admin. Checked claims: roles, role. Token roles: x, y, z',
    ],
    [{}, { claimKeys: ['groups'] }, 'Missing required role: admin. Checked claims: groups. Token roles: (none)'],
    [undefined, undefined, 'Missing required role: admin. Checked claims: roles, role. Token roles: (none)'],
  ])) {
    test(`requireRole throws: ${message}`, () => {
      const challenge = 'error_description="Missing required role: admin"'
      assert.throws(() => requireRole(claims, 'admin', options), missing('missing_role', message, challenge))
    })
  }

  for (const [option, role, options] of /** @type {[string, any, any][]} */ ([
    ['role', '', undefined],
    ['role', undefined, undefined],
    ['role', null, undefined],
    ['role', [], undefined],
    ['role', ['admin'], undefined],
    ['role', 5, undefined],
    ['claimKeys', 'admin', { claimKeys: [] }],
    ['claimKeys', 'admin', { claimKeys: [''] }],
    ['claimKeys', 'admin', { claimKeys: 'roles' }],
    ['claimKeys', 'admin', { claimKeys: null }],
    ['claimKeys', 'admin', { claimKeys: [5] }],
  ])) {
    test(`the role ${inspect(role)} with ${inspect(options)} is an error, not a pass`, () => {
      const error = invalidOptions(new RegExp(`^Invalid option "${option}": expected .+, got .+`))
      for (const subject of [{ roles: ['admin', ''] }, null]) {
        assert.throws(() => hasRole(subject, role, options), error)
        assert.throws(() => requireRole(subject, role, options), error)
      }
    })
  }
})

describe('a subject without valid claims has no scopes and no roles', () => {
  for (const [name, subject] of /** @type {[string, () => Promise<any>][]} */ ([
    ['null', async () => null],
    ['undefined', async () => undefined],
    ['no claims', async () => ({})],
    ['a guest', () => guest],
    ['a guest with added claims', async () => Object.assign(await newGuest(), { roles: ['admin'], scope: 'admin' })],
    [
      'a copy of a guest with added claims',
      async () => ({ ...(await guest), roles: ['admin'], role: 'admin', scope: 'admin' }),
    ],
    ['claims of the wrong type', async () => ({ scope: ['admin'], scopes: ['admin'], roles: null })],
    ['inherited claims', async () => Object.create({ roles: ['admin'], scope: 'admin' })],
  ])) {
    test(name, async () => {
      assert.equal(hasScopes(await subject(), 'admin'), false)
      assert.equal(hasScopes(await subject(), 'admin', { mode: 'any' }), false)
      assert.equal(hasRole(await subject(), 'admin'), false)
      const nobody = await subject()
      assert.throws(() => requireScopes(nobody, 'admin'), { code: 'missing_scope' })
      assert.throws(() => requireRole(nobody, 'admin'), { code: 'missing_role' })
    })
  }
})

describe('B5: only an object that the package created is a context', () => {
  const forged = { isAuthenticated: true, scopes: ['admin'], payload: { scope: 'admin', roles: ['admin'] } }

  test('custom claims may have the shape of a context', async () => {
    const { payload } = await contextOf({ scope: 'read', roles: ['reader'], ...forged })
    for (const claims of [payload, structuredClone(payload)]) {
      assert.equal(hasScopes(claims, 'read'), true)
      assert.equal(hasScopes(claims, 'admin'), false)
      assert.equal(hasRole(claims, 'admin'), false)
    }
    assert.equal(server.hasScopes(/** @type {any} */ (payload), 'admin'), false)
    assert.equal(server.hasRole(/** @type {any} */ (payload), 'admin'), false)
  })

  test('a copy has only claims of its own', async () => {
    const auth = await contextOf({ scope: 'admin', roles: ['admin'] })
    for (const copy of [{ ...auth }, JSON.parse(JSON.stringify(auth)), structuredClone(auth)]) {
      assert.equal(hasScopes(copy, 'admin'), false)
      assert.equal(hasRole(copy, 'admin'), false)
    }
    assert.equal(hasScopes(auth, 'admin'), true)
    assert.equal(hasRole(auth, 'admin'), true)
  })

  test('another copy of the package recognizes the context', async (t) => {
    const auth = await contextOf({ scope: 'admin', roles: ['admin'] })
    const copy = secondCopy(t)
    assert.notEqual(copy.hasScopes, hasScopes)
    assert.equal(copy.hasScopes(auth, 'admin'), true)
    assert.equal(copy.hasRole(auth, 'admin'), true)
    const other = await copy.verifyAuth(signToken(key, { scope: 'admin' }), optionsFor(key))
    assert.equal(hasScopes(other, 'admin'), true)
  })
})

test('inherited options are rejected, not ignored', () => {
  const inherited = Object.create({ mode: 'all', claimKeys: ['groups'] })
  const wrong = invalidOptions(/"mode": .* inherited one$/)
  for (const check of [hasScopes, requireScopes, hasRole, requireRole]) {
    assert.throws(() => check({ scope: 'a', roles: ['a'] }, 'a', inherited), wrong)
  }
})

describe('a polluted Object.prototype grants nothing', () => {
  for (const [name, value] of /** @type {[string, unknown][]} */ ([
    ['mode', 'any'],
    ['claimKeys', ['sub']],
    ['roles', ['admin']],
    ['scope', 'admin'],
    ['scopes', ['admin']],
    ['isAuthenticated', true],
    ['payload', { roles: ['admin'], scope: 'admin' }],
  ])) {
    test(`with the member ${name}: ${inspect(value)}`, async (t) => {
      const auth = await contextOf({ sub: 'admin', scope: 'read' })
      pollute(t, name, value)
      for (const subject of [auth, auth.payload, {}, null]) {
        assert.equal(hasScopes(subject, 'read admin'), false)
        assert.equal(hasRole(subject, 'admin'), false)
        assert.equal(hasScopes(subject, 'admin', {}), false)
        assert.equal(hasRole(subject, 'admin', {}), false)
      }
    })
  }
})
