const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const { buildAuthCookieHeader, buildGuestCookieHeader, createVerifier, verifyAuth } = require('logto-authkit')
const { AUDIENCE, LOGTO_URL, goodToken, makeKey } = require('../../support/helpers')

describe('buildAuthCookieHeader', () => {
  for (const [options, header] of /** @type {[any, string][]} */ ([
    [undefined, 'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict'],
    [{}, 'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict'],
    [
      { maxAge: undefined, domain: undefined },
      'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict',
    ],
    [{ cookieName: '__Host-t' }, '__Host-t=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict'],
    [
      { cookieName: '__Secure-t', domain: 'd.test' },
      '__Secure-t=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict; Domain=d.test',
    ],
    [{ maxAge: 3600 }, 'logto_authtoken=T; Max-Age=3600; Path=/; HttpOnly; Secure; SameSite=Strict'],
    [{ maxAge: 0 }, 'logto_authtoken=T; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict'],
    [{ path: '/api' }, 'logto_authtoken=T; Max-Age=604800; Path=/api; HttpOnly; Secure; SameSite=Strict'],
    [
      { domain: 'example.test' },
      'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict; Domain=example.test',
    ],
    [
      { domain: '.example.test' },
      'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict; Domain=.example.test',
    ],
    [{ sameSite: 'Lax' }, 'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Lax'],
    [{ sameSite: 'none' }, 'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=None'],
    [{ sameSite: 'strict' }, 'logto_authtoken=T; Max-Age=604800; Path=/; HttpOnly; Secure; SameSite=Strict'],
    [
      { cookieName: 'n', maxAge: 1, domain: 'd', path: '/p', sameSite: 'lax' },
      'n=T; Max-Age=1; Path=/p; HttpOnly; Secure; SameSite=Lax; Domain=d',
    ],
  ])) {
    test(`with ${inspect(options)}`, () => assert.equal(buildAuthCookieHeader('T', options), header))
  }

  test('carries a token that verifyAuth then reads', async () => {
    const key = makeKey('EdDSA')
    const token = goodToken(key, { sub: 'alice' })
    const [cookie] = buildAuthCookieHeader(token).split(';')
    const options = { logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks: { keys: [key.jwk] } }
    assert.equal((await verifyAuth({ headers: { cookie } }, options)).userId, 'alice')
  })

  for (const value of [
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
  ]) {
    test(`refuses the token ${inspect(value)}, and does not repeat it`, () => {
      assert.throws(
        () => buildAuthCookieHeader(value),
        (/** @type {any} */ error) => {
          assert.equal(error.name, 'TypeError')
          assert.equal(error.code, 'invalid_options')
          assert.match(error.message, /token/)
          return !error.message.includes(value)
        },
      )
    })
  }

  for (const value of [undefined, null, 5, true, {}, ['T'], Promise.resolve('T')]) {
    test(`refuses ${inspect(value)}, which is no token`, () => {
      assert.throws(() => buildAuthCookieHeader(/** @type {any} */ (value)), {
        name: 'TypeError',
        code: 'invalid_options',
      })
    })
  }

  for (const [options, message] of /** @type {[any, RegExp][]} */ ([
    [null, /expected an object, got null/],
    ['name', /expected an object, got "name"/],
    [5, /expected an object, got 5/],
    [{ cookieName: '' }, /"cookieName": expected a cookie name, got an empty string/],
    [{ cookieName: 'a=b' }, /"cookieName": expected a cookie name, got "a=b"/],
    [{ cookieName: 'a;b' }, /"cookieName": expected a cookie name, got "a;b"/],
    [{ cookieName: 'a\r\nb' }, /"cookieName": expected a cookie name, got "a\\r\\nb"/],
    [{ cookieName: 5 }, /"cookieName": expected a cookie name, got 5/],
    [{ maxAge: -1 }, /"maxAge": expected a finite number of seconds, not negative, got -1/],
    [{ maxAge: '5' }, /"maxAge": .+, got "5"/],
    [{ maxAge: '5; Domain=x' }, /"maxAge": .+, got "5; Domain=x"/],
    [{ maxAge: Number.NaN }, /"maxAge": .+, got NaN/],
    [{ maxAge: Number.POSITIVE_INFINITY }, /"maxAge": .+, got Infinity/],
    [{ maxAge: null }, /"maxAge": .+, got null/],
    [{ path: '' }, /"path": .+, got an empty string/],
    [{ path: 'api' }, /path/],
    [{ path: '/;HttpOnly' }, /path/],
    [{ path: '/\r\nX: y' }, /path/],
    [{ path: '/ä' }, /path/],
    [{ domain: '' }, /"domain": .+, got an empty string/],
    [{ domain: 'a;b' }, /domain/],
    [{ domain: 'a b' }, /domain/],
    [{ domain: 'a\r\nb' }, /domain/],
    [{ domain: 'a,b' }, /domain/],
    [{ sameSite: 'Strict; Domain=x' }, /"sameSite": expected 'strict', 'lax' or 'none', got "Strict; Domain=x"/],
    [{ sameSite: false }, /"sameSite": .+, got false/],
    [{ cookieName: '__Host-t', domain: 'd.test' }, /__Host-/],
    [{ cookieName: '__Host-t', path: '/p' }, /__Host-/],
    [{ secure: false }, /Unknown option "secure": known options are cookieName, domain, maxAge, path, sameSite/],
    [{ httpOnly: false }, /Unknown option "httpOnly"/],
    [{ name: 'x' }, /Unknown option "name"/],
    [{ maxage: 5 }, /Unknown option "maxage": did you mean "maxAge"\?/],
  ])) {
    test(`refuses ${inspect(options)}`, () => {
      assert.throws(() => buildAuthCookieHeader('T', options), { name: 'TypeError', code: 'invalid_options', message })
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

  test('carries an id that verifyAuth then reads', async () => {
    const verifier = createVerifier({ logtoUrl: LOGTO_URL, audience: AUDIENCE, allowGuest: true })
    const first = await verifier.verify({ headers: {} })
    assert.ok(first.isGuest)
    const [cookie] = buildGuestCookieHeader(first.guestId).split(';')
    const second = await verifier.verify({ headers: { cookie } })
    assert.equal(second.isGuest && second.guestId, first.guestId)
  })

  for (const id of ['', 'a b', 'a;b', 'a=b', 'a.b', 'ä', 'a\r\nX: y', 'x'.repeat(129)]) {
    test(`refuses the id ${inspect(id, { maxStringLength: 40 })}`, () => {
      assert.throws(() => buildGuestCookieHeader(id), {
        name: 'TypeError',
        code: 'invalid_options',
        message: /"guestId": expected 1 to 128 of the characters A-Z a-z 0-9 _ -, got /,
      })
    })
  }

  // The id of a context that is no guest's: all such visitors would share the id `undefined`.
  for (const id of [undefined, null, 5, true, {}, ['a']]) {
    test(`refuses ${inspect(id)}, which is no id`, () => {
      assert.throws(() => buildGuestCookieHeader(/** @type {any} */ (id)), {
        name: 'TypeError',
        code: 'invalid_options',
      })
    })
  }

  for (const options of [
    false,
    null,
    'name',
    5,
    [],
    { cookieName: 'x' },
    { name: 'a b' },
    { sameSite: 'none', secure: false },
  ]) {
    test(`refuses ${inspect(options)}`, () => {
      const given = /** @type {any} */ (options)
      assert.throws(() => buildGuestCookieHeader('G', given), { name: 'TypeError', code: 'invalid_options' })
    })
  }
})
