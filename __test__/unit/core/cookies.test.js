const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const { buildAuthCookieHeader, buildGuestCookieHeader, createVerifier, verifyAuth } = require('logto-authkit')
const { invalidOptions } = require('../../support/helpers')
const { AUDIENCE, LOGTO_URL, createKey, optionsFor, signToken } = require('../../support/tokens')

describe('buildAuthCookieHeader', () => {
  const REST = 'Path=/; HttpOnly; Secure; SameSite=Strict'
  for (const [options, header] of /** @type {[any, string][]} */ ([
    [undefined, `logto_authtoken=T; Max-Age=604800; ${REST}`],
    [{}, `logto_authtoken=T; Max-Age=604800; ${REST}`],
    [{ maxAge: undefined, domain: undefined }, `logto_authtoken=T; Max-Age=604800; ${REST}`],
    [{ cookieName: '__Host-t' }, `__Host-t=T; Max-Age=604800; ${REST}`],
    [{ cookieName: '__Secure-t', domain: 'd.test' }, `__Secure-t=T; Max-Age=604800; ${REST}; Domain=d.test`],
    [{ maxAge: 3600 }, `logto_authtoken=T; Max-Age=3600; ${REST}`],
    [{ maxAge: 0 }, `logto_authtoken=T; Max-Age=0; ${REST}`],
    [{ path: '/api' }, 'logto_authtoken=T; Max-Age=604800; Path=/api; HttpOnly; Secure; SameSite=Strict'],
    [{ domain: 'example.test' }, `logto_authtoken=T; Max-Age=604800; ${REST}; Domain=example.test`],
    [{ domain: '.example.test' }, `logto_authtoken=T; Max-Age=604800; ${REST}; Domain=.example.test`],
    [{ sameSite: 'Lax' }, 'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax'],
    [{ sameSite: 'none' }, 'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=None'],
    [{ sameSite: 'strict' }, `logto_authtoken=T; Max-Age=604800; ${REST}`],
    [
      { cookieName: 'n', maxAge: 1, domain: 'd', path: '/p', sameSite: 'lax' },
      'n=T; Max-Age=1; Path=/p; HttpOnly; Secure; SameSite=Lax; Domain=d',
    ],
  ])) {
    test(`with ${inspect(options)}`, () => assert.equal(buildAuthCookieHeader('T', options), header))
  }

  test('sets a cookie that verifyAuth reads', async () => {
    const key = createKey('EdDSA')
    const token = signToken(key, { sub: 'alice' })
    const [cookie] = buildAuthCookieHeader(token).split(';')
    assert.equal((await verifyAuth({ headers: { cookie } }, optionsFor(key))).userId, 'alice')
  })

  const unsafe = [
    'a;b',
    'a b',
    'a,b',
    'a"b',
    'a\\b',
    'a\tb',
    'a\r\nSet-Cookie: x=y',
    'a\nb',
    'a\0',
    'ä',
    '😀',
    'T; Domain=attacker.test',
  ]
  for (const value of unsafe) {
    test(`rejects the token ${inspect(value)} without repeating it`, () => {
      assert.throws(() => buildAuthCookieHeader(value), invalidOptions(/token/))
      assert.throws(
        () => buildAuthCookieHeader(value),
        (/** @type {any} */ error) => !error.message.includes(value),
      )
    })
  }

  for (const value of [undefined, null, 5, true, {}, ['T'], Promise.resolve('T')]) {
    test(`rejects ${inspect(value)}, which is not a token`, () => {
      assert.throws(() => buildAuthCookieHeader(/** @type {any} */ (value)), invalidOptions())
    })
  }
})

describe('buildGuestCookieHeader', () => {
  for (const [options, header] of /** @type {[any, string][]} */ ([
    [undefined, 'guest_logto_authtoken=G; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax'],
    [{}, 'guest_logto_authtoken=G; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax'],
    [{ name: 'visitor' }, 'visitor=G; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax'],
    [{ maxAge: 60 }, 'guest_logto_authtoken=G; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax'],
    [{ path: '/shop' }, 'guest_logto_authtoken=G; Path=/shop; Max-Age=604800; HttpOnly; Secure; SameSite=Lax'],
    [
      { domain: 'd.test' },
      'guest_logto_authtoken=G; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax; Domain=d.test',
    ],
    [{ sameSite: 'Strict' }, 'guest_logto_authtoken=G; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Strict'],
    [{ sameSite: 'None' }, 'guest_logto_authtoken=G; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=None'],
    [{ secure: false }, 'guest_logto_authtoken=G; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax'],
    [{ httpOnly: false }, 'guest_logto_authtoken=G; Path=/; Max-Age=604800; Secure; SameSite=Lax'],
  ])) {
    test(`with ${inspect(options)}`, () => assert.equal(buildGuestCookieHeader('G', options), header))
  }

  test('sets a cookie that verifyAuth reads', async () => {
    const verifier = createVerifier({ logtoUrl: LOGTO_URL, audience: AUDIENCE, allowGuest: true })
    const first = await verifier.verify({ headers: {} })
    assert.ok(first.isGuest)
    const [cookie] = buildGuestCookieHeader(first.guestId).split(';')
    const second = await verifier.verify({ headers: { cookie } })
    assert.equal(second.isGuest && second.guestId, first.guestId)
  })

  for (const id of ['', 'a b', 'a;b', 'a=b', 'a.b', 'ä', 'a\r\nX: y', 'x'.repeat(129)]) {
    test(`rejects the id ${inspect(id, { maxStringLength: 40 })}`, () => {
      const message = /"guestId": expected 1 to 128 of the characters A-Z a-z 0-9 _ -, got /
      assert.throws(() => buildGuestCookieHeader(id), invalidOptions(message))
    })
  }

  // For example, `guestId` of a context that is not a guest. All such visitors would share the id `undefined`.
  for (const id of [undefined, null, 5, true, {}, ['a']]) {
    test(`rejects ${inspect(id)}, which is not an id`, () => {
      assert.throws(() => buildGuestCookieHeader(/** @type {any} */ (id)), invalidOptions())
    })
  }

  test('rejects false and unknown options', () => {
    for (const options of /** @type {any[]} */ ([false, { cookieName: 'x' }])) {
      assert.throws(() => buildGuestCookieHeader('G', options), invalidOptions())
    }
  })
})

describe('C4: a cookie that browsers would drop is an error', () => {
  const { buildCsrfCookieHeader } = require('logto-authkit/csrf')
  const tooLong = { name: 'TypeError', code: 'invalid_options', message: /4,096/ }

  test('a name and a value with more than 4,096 bytes', () => {
    const value = 'x'.repeat(4096 - 'logto_authtoken'.length)
    assert.ok(buildAuthCookieHeader(value).startsWith(`logto_authtoken=${value};`))
    assert.throws(() => buildAuthCookieHeader(`${value}x`), tooLong)
    assert.throws(() => buildAuthCookieHeader('x'.repeat(5934)), tooLong)
    assert.throws(() => buildAuthCookieHeader(value, { cookieName: 'logto_authtoken2' }), tooLong)
    assert.throws(() => buildCsrfCookieHeader('x'.repeat(4096)), tooLong)
  })

  test('secure: false is for plain http, and not for names and attributes that require Secure', () => {
    for (const build of /** @type {any[]} */ ([buildAuthCookieHeader, buildCsrfCookieHeader])) {
      assert.match(build('T'), /; Secure;/)
      assert.doesNotMatch(build('T', { secure: false }), /Secure/)
      for (const more of [{ cookieName: '__Host-t' }, { cookieName: '__Secure-t' }, { sameSite: 'None' }]) {
        assert.throws(() => build('T', { secure: false, ...more }), { code: 'invalid_options' })
      }
    }
  })
})
