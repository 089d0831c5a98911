const assert = require('node:assert/strict')
const { once } = require('node:events')
const http = require('node:http')
const http2 = require('node:http2')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { outcome, pollute, rejection, startIssuer, startServer, verdict } = require('../../support/helpers')
const { listen } = require('../../support/servers')
const { AUDIENCE, bearer, createKey, optionsFor, signToken } = require('../../support/tokens')

const key = createKey('EdDSA')
const stranger = createKey('EdDSA')

const ALICE = signToken(key, { sub: 'alice' })
const BOB = signToken(key, { sub: 'bob' })
const EXPIRED = signToken(key, { sub: 'eve', exp: 1 })
const FORGED = signToken(stranger)
const SCOPED = signToken(key, { sub: 'carol', scope: 'read' })
const cookie = (token) => `logto_authtoken=${token}`
const [A, B, BASIC] = [`Bearer ${ALICE}`, `Bearer ${BOB}`, 'Basic YTpi']

describe('an HTTP request of Node.js', () => {
  for (const [name, headers, wanted] of /** @type {[string, string[], string][]} */ ([
    ['no token', [], 'missing_token'],
    ['a bearer token', ['Authorization', A], 'alice'],
    ['a cookie', ['Cookie', cookie(ALICE)], 'alice'],
    ['a cookie among others', ['Cookie', `a=b; ${cookie(ALICE)}; c=d`], 'alice'],
    ['header names in mixed case', ['aUTHORIZATION', A], 'alice'],
    ['two Authorization headers with bearer tokens', ['Authorization', A, 'Authorization', B], 'ambiguous_token'],
    ['the same Authorization header twice', ['Authorization', A, 'authorization', A], 'ambiguous_token'],
    [
      'a second Authorization header of another scheme',
      ['Authorization', A, 'Authorization', BASIC],
      'ambiguous_token',
    ],
    ['a first Authorization header of another scheme', ['Authorization', BASIC, 'Authorization', A], 'ambiguous_token'],
    [
      'two Authorization headers without a bearer token',
      ['Authorization', BASIC, 'Authorization', 'Basic YTpj'],
      'missing_token',
    ],
    ['two Cookie headers with one token', ['Cookie', 'a=b', 'Cookie', cookie(ALICE)], 'alice'],
    ['two Cookie headers with the same token', ['Cookie', cookie(ALICE), 'Cookie', cookie(ALICE)], 'alice'],
    ['two Cookie headers with two tokens', ['Cookie', cookie(ALICE), 'Cookie', cookie(BOB)], 'ambiguous_token'],
    ['two bearer tokens in one header', ['Authorization', `Bearer ${ALICE}, Bearer ${BOB}`], 'ambiguous_token'],
    ['a bearer token in other headers', ['X-Authorization', A, 'Proxy-Authorization', A], 'missing_token'],
    ['a header called get', ['Get', 'x', 'Authorization', A], 'alice'],
  ])) {
    test(`with ${name}: ${wanted}`, async (t) => assert.equal(await overHttp(t, headers), wanted))
  }

  test('is read with the changes that the application made to it', async (t) => {
    const headers = ['Authorization', A, 'Authorization', B]
    const change = (value) => (request) => {
      request.headers.authorization = value
      return request
    }
    assert.equal(await overHttp(t, headers, change(`Bearer ${SCOPED}`)), 'carol')
    assert.equal(await overHttp(t, headers, change(undefined)), 'missing_token')
  })

  for (const [name, wrap, hasRawHeaders] of /** @type {[string, (request: any) => any, boolean][]} */ ([
    ['Fastify (raw)', (raw) => ({ headers: raw.headers, raw }), true],
    ['Koa (req)', (req) => ({ headers: req.headers, req }), true],
    ['Socket.IO (handshake)', ({ headers }) => ({ headers, query: {}, auth: {} }), false],
  ])) {
    test(`is found through the request object of ${name}`, async (t) => {
      assert.equal(await overHttp(t, ['Authorization', A], wrap), 'alice')
      assert.equal(await overHttp(t, ['Cookie', cookie(ALICE)], wrap), 'alice')
      const headers = ['Authorization', A, 'Authorization', B]
      if (hasRawHeaders) assert.equal(await overHttp(t, headers, wrap), 'ambiguous_token')
    })
  }

  test('may use HTTP/2, where each cookie is a header of its own', async (t) => {
    const server = http2.createServer(async (request, response) => response.end(String(await who(request))))
    const session = http2.connect(await listen(t, server))
    t.after(() => session.close())
    const ask = async (headers) => {
      const [...chunks] = await session.request(headers).toArray()
      return Buffer.concat(chunks).toString()
    }
    assert.equal(await ask({ authorization: `bearer ${ALICE}` }), 'alice')
    assert.equal(await ask({ cookie: ['a=b', cookie(ALICE)] }), 'alice')
    assert.equal(await ask({ cookie: [cookie(BOB), cookie(ALICE)] }), 'ambiguous_token')
  })
})

describe('a fetch Request', () => {
  const url = 'https://api.example.test/orders'
  const pairs = (/** @type {[string, string][]} */ ...all) => all

  for (const [name, headers, wanted] of /** @type {[string, [string, string][], string][]} */ ([
    ['no token', [], 'missing_token'],
    ['a bearer token', [['Authorization', A]], 'alice'],
    ['a cookie', [['Cookie', `a=b; ${cookie(ALICE)}`]], 'alice'],
    [
      'two Authorization headers, which fetch joins',
      pairs(['Authorization', A], ['Authorization', B]),
      'ambiguous_token',
    ],
    [
      'two Cookie headers, which fetch joins',
      pairs(['Cookie', cookie(ALICE)], ['Cookie', cookie(BOB)]),
      'ambiguous_token',
    ],
  ])) {
    test(`with ${name}: ${wanted}`, async () => {
      assert.equal(await who(new Request(url, { headers })), wanted)
      assert.equal(await who({ headers: new Headers(headers) }), wanted)
    })
  }

  test('may be a NextRequest, whose cookies have a get method', async () => {
    const next = (token) => {
      const request = new Request(url, { headers: { cookie: cookie(token) } })
      const cookies = {
        get: (name) => (name === 'logto_authtoken' ? { name, value: token } : undefined),
      }
      return Object.assign(request, { cookies })
    }
    assert.equal(await who(next(ALICE)), 'alice')
    assert.equal(await who(next('')), 'missing_token')
  })

  test('may consist of the headers and cookies of next/headers', async () => {
    const cookies = new Map([['logto_authtoken', { name: 'logto_authtoken', value: ALICE }]])
    assert.equal(await who({ headers: new Headers(), cookies }), 'alice')
  })
})

describe('a plain object as a request', () => {
  const metadata = (values) => ({ get: (/** @type {string} */ name) => values[name] ?? [] })
  const bare = (members) => Object.assign(Object.create(null), members)

  for (const [name, request, wanted] of /** @type {[string, any, string][]} */ ([
    ['a header in lower case', { headers: { authorization: A } }, 'alice'],
    ['a header with a capital', { headers: { Authorization: A } }, 'alice'],
    ['a header in capitals', { headers: { AUTHORIZATION: A } }, 'alice'],
    ['a cookie header with a capital', { headers: { Cookie: cookie(ALICE) } }, 'alice'],
    ['two spellings with two tokens', { headers: { Authorization: A, AUTHORIZATION: B } }, 'ambiguous_token'],
    ['an array with one value', { headers: { authorization: [A] } }, 'alice'],
    ['an array with two values', { headers: { authorization: [A, B] } }, 'ambiguous_token'],
    ['an empty array', { headers: { authorization: [] } }, 'missing_token'],
    ['an array of cookies', { headers: { cookie: ['a=b', cookie(ALICE)] } }, 'alice'],
    ['an array of cookies with two tokens', { headers: { cookie: [cookie(BOB), cookie(ALICE)] } }, 'ambiguous_token'],
    ['headers without a prototype', { headers: bare({ authorization: A }) }, 'alice'],
    ['cookies by name', { headers: {}, cookies: { logto_authtoken: ALICE } }, 'alice'],
    ['cookies without a prototype', { headers: {}, cookies: bare({ logto_authtoken: ALICE }) }, 'alice'],
    ['cookies in a Map', { headers: {}, cookies: new Map([['logto_authtoken', ALICE]]) }, 'alice'],
    [
      'cookies in a Map, but not a string',
      { headers: {}, cookies: new Map([['logto_authtoken', 5]]) },
      'missing_token',
    ],
    ['the cookies of a Lambda event', { headers: {}, cookies: ['a=b', cookie(ALICE)] }, 'alice'],
    ['two tokens in a Lambda event', { headers: {}, cookies: [cookie(ALICE), cookie(BOB)] }, 'ambiguous_token'],
    ['a Lambda event without cookies', { headers: {}, cookies: [] }, 'missing_token'],
    ['a cookie header and listed cookies', { headers: { cookie: 'a=b' }, cookies: [cookie(ALICE)] }, 'alice'],
    ['the metadata of gRPC', { headers: metadata({ authorization: [A] }) }, 'alice'],
    ['metadata with two values', { headers: metadata({ authorization: [A, B] }) }, 'ambiguous_token'],
    ['metadata with cookies', { headers: metadata({ cookie: ['a=b', cookie(ALICE)] }) }, 'alice'],
    ['empty metadata', { headers: metadata({}) }, 'missing_token'],
    ['headers that are null', { headers: { authorization: null, cookie: undefined } }, 'missing_token'],
    ['a header called then', { headers: JSON.parse(`{"then":"x","authorization":"${A}"}`) }, 'alice'],
    ['a cookie called get', { headers: {}, cookies: { get: 'x', logto_authtoken: ALICE } }, 'alice'],
    ['cookies that are null', { headers: { cookie: cookie(ALICE) }, cookies: null }, 'alice'],
    ['cookies that are a string', { headers: { cookie: cookie(ALICE) }, cookies: 'x' }, 'alice'],
    ['an inherited cookie', { headers: {}, cookies: Object.create({ logto_authtoken: ALICE }) }, 'missing_token'],
    [
      'a parsed cookie, which replaces the header',
      { headers: { cookie: cookie(BOB) }, cookies: { logto_authtoken: ALICE } },
      'alice',
    ],
    [
      'two cookies of which the parser kept one',
      { headers: { cookie: `${cookie(ALICE)}; ${cookie(BOB)}` }, cookies: { logto_authtoken: ALICE } },
      'ambiguous_token',
    ],
    ['an empty parsed cookie', { headers: { cookie: cookie(ALICE) }, cookies: { logto_authtoken: '' } }, 'alice'],
  ])) {
    test(`with ${name}: ${wanted}`, async () => assert.equal(await who(request), wanted))
  }

  for (const value of [
    undefined,
    null,
    5,
    5n,
    true,
    {},
    { token: ALICE },
    [ALICE],
    [A],
    () => ALICE,
    Symbol('x'),
    new Date(),
  ]) {
    test(`with the cookie ${inspect(value, { depth: 0, maxStringLength: 20 })} has no token`, async () => {
      assert.equal(await who({ headers: {}, cookies: { logto_authtoken: value } }), 'missing_token')
      assert.equal(await who({ headers: {}, cookies: new Map([['logto_authtoken', value]]) }), 'missing_token')
      assert.equal(await who({ headers: {}, cookies: { get: () => ({ value }) } }), 'missing_token')
    })
  }

  // cookie-parser turns `j:{"a":1}` into an object whose members the client chooses.
  test('with a cookie that a parser turned into an object has no token', async () => {
    for (const object of [{ toString: ALICE }, { value: ALICE }, { length: 1, 0: ALICE }, [ALICE]]) {
      assert.equal(await who({ headers: {}, cookies: { logto_authtoken: object } }), 'missing_token')
    }
    assert.equal(await who({ headers: { cookie: `logto_authtoken=j:["${ALICE}"]` } }), 'malformed_token')
  })

  for (const value of [5, true, {}, { 0: A, length: 1 }, [5], [[A]], [null], [A, 5], () => A, new Date()]) {
    test(`C1: with the header ${inspect(value, { depth: 0, maxStringLength: 20 })} is a TypeError`, async () => {
      for (const headers of [
        { authorization: value },
        { Authorization: value },
        { cookie: value },
        { get: () => value },
      ]) {
        await assertUnreadable(
          { headers },
          /^Expected the header (authorization|cookie) as a string or an array of strings, got /,
        )
      }
    })
  }

  test('C1: with the headers of a CloudFront event is a TypeError that says what to pass', async () => {
    const headers = { authorization: [{ key: 'Authorization', value: A }] }
    await assertUnreadable({ headers }, /got an array of \{ key, value \}: pass only the values$/)
  })

  for (const [name, request, message] of /** @type {[string, any, RegExp][]} */ ([
    [
      'a promise as headers',
      { headers: Promise.resolve(new Headers({ authorization: A })) },
      /^Expected headers, got a promise: await it$/,
    ],
    ['a promise with a get method', { headers: Object.assign(Promise.resolve(), { get: () => A }) }, /await it$/],
    [
      'a promise as cookies',
      { headers: {}, cookies: Promise.resolve(new Map()) },
      /^Expected cookies, got a promise: await it$/,
    ],
    ['pairs as headers', { headers: [['authorization', A]] }, /^Expected headers as an object .*, got an array/],
    ['a flat list as headers', { headers: ['authorization', A] }, /got an array/],
    ['a Map as headers', { headers: new Map([['authorization', A]]) }, /got a Map/],
    ['an iterator as headers', { headers: new Headers({ authorization: A }).entries() }, /got a list/],
    ['a Set as headers', { headers: new Set([A]) }, /got a list/],
    [
      'cookies as objects',
      { headers: {}, cookies: [{ name: 'logto_authtoken', value: ALICE }] },
      /^Expected cookies as an array/,
    ],
  ])) {
    test(`C1: with ${name} is a TypeError`, () => assertUnreadable(request, message))
  }

  test('C1: is a TypeError in Next.js, too, and neither a failure nor a guest', async () => {
    const load = (/** @type {string} */ name) => require(name)
    const request = { headers: Promise.resolve(new Headers({ authorization: A })) }
    const options = own({ allowGuest: true })
    await assert.rejects(load('logto-authkit/next').verifyNextAuth(request, options), {
      name: 'TypeError',
      message: /await it$/,
    })
  })

  /** The error is never a missing token, and the request never becomes a guest. */
  async function assertUnreadable(request, message) {
    for (const allowGuest of /** @type {const} */ ([false, true, 'no-token'])) {
      const error = await verifyAuth(request, own({ allowGuest })).catch((error) => error)
      assert.ok(error instanceof TypeError && !('code' in error), inspect(error))
      assert.match(error.message, message)
      assert.ok(!error.message.includes(ALICE.slice(0, 20)))
    }
  }
})

describe('C13: the request of Hapi', () => {
  test('is read, including its raw headers and cookies', async (t) => {
    // Its types need the types of joi.
    const load = (/** @type {string} */ name) => require(name)
    const server = load('@hapi/hapi').server({ host: '127.0.0.1' })
    server.route({ method: 'GET', path: '/', handler: async (request) => String(await who(request)) })
    await server.start()
    t.after(() => server.stop())
    const ask = async (...headers) => {
      const raw = ['Host', '127.0.0.1', ...headers]
      const request = http.request({ port: server.info.port, host: '127.0.0.1', headers: raw, agent: false }).end()
      const [response] = await once(request, 'response')
      return Buffer.concat(await response.toArray()).toString()
    }
    assert.equal(await ask('Authorization', A), 'alice')
    assert.equal(await ask('Cookie', cookie(ALICE)), 'alice')
    assert.equal(await ask('Authorization', A, 'Authorization', B), 'ambiguous_token')
    assert.equal(await ask(), 'missing_token')
  })
})

describe('C13: the message for a missing token', () => {
  for (const [tokenSources, message] of /** @type {[any, string][]} */ ([
    [undefined, 'No token found in cookies or Authorization header'],
    [['header', 'cookie'], 'No token found in cookies or Authorization header'],
    [['header'], 'No token found in Authorization header'],
    [['cookie'], 'No token found in cookies'],
    [[], 'No token found'],
  ])) {
    test(`names only the sources ${inspect(tokenSources)}`, async () => {
      const options = own({ tokenSources, getToken: () => null })
      for (const verification of [
        verifyAuth({ headers: {} }, options),
        createVerifier(options).verify({ headers: {} }),
      ]) {
        const error = await rejection(verification)
        assert.deepEqual([error.code, error.message], ['missing_token', message])
        assert.equal(error.wwwAuthenticate, 'Bearer realm="api"')
      }
    })
  }
})

describe('the Authorization header', () => {
  for (const [value, wanted] of [
    [`Bearer ${ALICE}`, 'alice'],
    [`bearer ${ALICE}`, 'alice'],
    [`BEARER ${ALICE}`, 'alice'],
    [`bEaReR ${ALICE}`, 'alice'],
    [`Bearer  ${ALICE}`, 'alice'],
    [`Bearer     ${ALICE}`, 'alice'],
    [`Bearer ${ALICE} `, 'alice'],
    [` Bearer ${ALICE}`, 'alice'],
    [`Bearer${ALICE}`, 'missing_token'],
    [`Bearer:${ALICE}`, 'missing_token'],
    [`Bearer=${ALICE}`, 'missing_token'],
    [`Bearer\t${ALICE}`, 'missing_token'],
    [`Bearer\u00a0${ALICE}`, 'missing_token'],
    [`Bearers ${ALICE}`, 'missing_token'],
    [`XBearer ${ALICE}`, 'missing_token'],
    [`Token ${ALICE}`, 'missing_token'],
    [`JWT ${ALICE}`, 'missing_token'],
    [`DPoP ${ALICE}`, 'missing_token'],
    ['Basic YWxpY2U6c2VjcmV0', 'missing_token'],
    ['Digest username="a", realm="b", nonce="c"', 'missing_token'],
    [ALICE, 'missing_token'],
    ['Bearer', 'missing_token'],
    ['Bearer ', 'missing_token'],
    ['Bearer      ', 'missing_token'],
    ['', 'missing_token'],
    [' ', 'missing_token'],
    [',', 'missing_token'],
    [`Bearer ${ALICE} ${BOB}`, 'malformed_token'],
    [`Bearer Bearer ${ALICE}`, 'malformed_token'],
    [`Bearer "${ALICE}"`, 'malformed_token'],
    [`Bearer ${ALICE}\n`, 'malformed_token'],
    [`Bearer ${ALICE}, Bearer ${ALICE}`, 'ambiguous_token'],
    [`Bearer ${ALICE},Basic YTpi`, 'ambiguous_token'],
    [`Basic YTpi, Bearer ${ALICE}`, 'ambiguous_token'],
    ['Bearer null', 'malformed_token'],
    ['Bearer undefined', 'malformed_token'],
    ['Bearer [object Object]', 'malformed_token'],
  ]) {
    const shown = value.replaceAll(ALICE, '<alice>').replaceAll(BOB, '<bob>')
    test(`${inspect(shown)}: ${wanted}`, async () =>
      assert.equal(await who({ headers: { authorization: value } }), wanted))
  }
})

describe('the Cookie header', () => {
  for (const [value, wanted] of [
    [cookie(ALICE), 'alice'],
    [`a=b;${cookie(ALICE)};c=d`, 'alice'],
    [` ${cookie(ALICE)} `, 'alice'],
    [`logto_authtoken = ${ALICE}`, 'alice'],
    [`logto_authtoken="${ALICE}"`, 'alice'],
    [`logto_authtoken=; ${cookie(ALICE)}`, 'alice'],
    [`${cookie(ALICE)}; ${cookie(ALICE)}`, 'alice'],
    [`${cookie(ALICE)}; ${cookie(BOB)}`, 'ambiguous_token'],
    [`${cookie(ALICE)}; ${cookie('x')}`, 'ambiguous_token'],
    [`${cookie(BOB)}; a=b; logto_authtoken="${ALICE}"`, 'ambiguous_token'],
    [`Logto_Authtoken=${ALICE}`, 'missing_token'],
    [`xlogto_authtoken=${ALICE}`, 'missing_token'],
    [`logto_authtokenx=${ALICE}`, 'missing_token'],
    [`logto_authtoken.0=${ALICE}`, 'missing_token'],
    [`a="; ${cookie(ALICE)}"`, 'malformed_token'],
    [`a=logto_authtoken=${ALICE}`, 'missing_token'],
    [`a=b, ${cookie(ALICE)}`, 'missing_token'],
    ['logto_authtoken', 'missing_token'],
    ['logto_authtoken=', 'missing_token'],
    ['logto_authtoken=""', 'missing_token'],
    ['logto_authtoken= ', 'missing_token'],
    ['', 'missing_token'],
    [';;;=;', 'missing_token'],
    [`${'a=b; '.repeat(50_000)}${cookie(ALICE)}`, 'alice'],
  ]) {
    const shown = inspect(value.replaceAll(ALICE, '<alice>').replaceAll(BOB, '<bob>').slice(0, 80))
    test(`${shown}: ${wanted}`, async () => assert.equal(await who({ headers: { cookie: value } }), wanted))
  }

  test('is searched for the name in cookieName', async () => {
    const headers = { cookie: `${cookie(ALICE)}; __Host-token=${BOB}` }
    assert.equal(await who({ headers }, { cookieName: '__Host-token' }), 'bob')
    assert.equal(await who({ headers, cookies: { '__Host-token': SCOPED } }, { cookieName: '__Host-token' }), 'carol')
    assert.equal(await who({ headers }, { cookieName: 'other' }), 'missing_token')
  })

  test('has no token under a name of Object.prototype unless that cookie was sent', async () => {
    for (const cookieName of ['__proto__', 'constructor', 'toString']) {
      assert.equal(await who({ headers: {}, cookies: {} }, { cookieName }), 'missing_token')
      assert.equal(await who({ headers: { cookie: `${cookieName}=${ALICE}` }, cookies: {} }, { cookieName }), 'alice')
    }
  })
})

describe('a request with a cookie and a header', () => {
  const isAlice = (/** @type {any} */ { userId }) => userId === 'alice'
  const headerFirst = { tokenSources: ['header', 'cookie'] }
  const both = (inCookie, inHeader) => ({
    headers: { cookie: cookie(inCookie), authorization: `Bearer ${inHeader}` },
  })

  for (const [name, inCookie, inHeader, options, wanted] of /** @type {[string, string, string, object, string][]} */ ([
    ['the cookie comes first', ALICE, BOB, {}, 'alice'],
    ['the header comes first if tokenSources says so', ALICE, BOB, headerFirst, 'bob'],
    ['after an expired cookie, the header is tried', EXPIRED, BOB, {}, 'bob'],
    ['after a forged cookie, the header is tried', FORGED, BOB, {}, 'bob'],
    ['after a cookie that is not a token, the header is tried', 'x', BOB, {}, 'bob'],
    ['after an expired header, the cookie is tried', ALICE, EXPIRED, headerFirst, 'alice'],
    ['if both fail, the first error is reported', EXPIRED, FORGED, {}, 'token_expired'],
    ['if both fail, the error of the header, which comes first', EXPIRED, FORGED, headerFirst, 'unknown_key'],
    ['after a valid cookie, the header is not read', ALICE, 'x', {}, 'alice'],
    ['after a 403 for the cookie, the header is not tried', ALICE, SCOPED, { requiredScope: 'read' }, 'missing_scope'],
    ['the first error, if the header lacks the scope', EXPIRED, ALICE, { requiredScope: 'read' }, 'token_expired'],
    ['an expired cookie and a header with the scope', EXPIRED, SCOPED, { requiredScope: 'read' }, 'carol'],
    ['only the header, if the cookie is not a source', ALICE, BOB, { tokenSources: ['header'] }, 'bob'],
    ['only the cookie, if the header is not a source', ALICE, BOB, { tokenSources: ['cookie'] }, 'alice'],
    ['a header that is not a source is not tried', EXPIRED, BOB, { tokenSources: ['cookie'] }, 'token_expired'],
    ['an empty cookie counts as no cookie', '', BOB, {}, 'bob'],
    ['after a revoked cookie, the header is tried', ALICE, BOB, { isRevoked: isAlice }, 'bob'],
    ['both are revoked', ALICE, BOB, { isRevoked: () => true }, 'token_revoked'],
    ['the first error, if the header is revoked', EXPIRED, BOB, { isRevoked: () => true }, 'token_expired'],
  ])) {
    test(`${name}: ${wanted}`, async () => assert.equal(await who(both(inCookie, inHeader), options), wanted))
  }

  test('after an outage, the second source is not tried', async (t) => {
    const issuer = await startIssuer(t)
    issuer.setOutage('error')
    const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
    assert.equal(await verdict(verifyAuth(both(issuer.mint(), 'x'), options)), 'jwks_unavailable')
    assert.equal(issuer.jwksRequests, 1)
  })

  test('two tokens in a source that is not used do not count', async () => {
    const headers = { cookie: `${cookie(ALICE)}; ${cookie(BOB)}`, authorization: [`Bearer ${ALICE}`, `Bearer ${BOB}`] }
    assert.equal(
      await who({ headers: { ...headers, authorization: `Bearer ${BOB}` } }, { tokenSources: ['header'] }),
      'bob',
    )
    assert.equal(await who({ headers: { ...headers, cookie: cookie(ALICE) } }, { tokenSources: ['cookie'] }), 'alice')
    assert.equal(await who({ headers }, { tokenSources: [], getToken: () => BOB }), 'bob')
  })

  test('two tokens in one source are rejected, and details name the source', async () => {
    for (const [headers, reason] of /** @type {[any, string][]} */ ([
      [{ cookie: `${cookie(ALICE)}; ${cookie(BOB)}` }, 'two_cookies'],
      [{ authorization: [`Bearer ${ALICE}`, `Bearer ${BOB}`] }, 'two_authorization_values'],
      [{ cookie: cookie(ALICE), authorization: [`Bearer ${ALICE}`, `Bearer ${BOB}`] }, 'two_authorization_values'],
    ])) {
      const error = await rejection(verifyAuth({ headers }, own()))
      assert.deepEqual([error.code, error.status, error.details], ['ambiguous_token', 400, { reason }])
    }
  })
})

describe('getToken', () => {
  test('is called first, with the request', async () => {
    const request = { ...bearer(ALICE), url: '/?token=x' }
    const asked = []
    const getToken = (given) => {
      asked.push(given)
      return BOB
    }
    assert.equal(await who(request, { getToken }), 'bob')
    assert.equal(asked.length, 1)
    assert.equal(asked[0], request)
  })

  for (const nothing of [null, undefined, '']) {
    test(`that returns ${inspect(nothing)} is followed by cookie and header`, async () => {
      assert.equal(await who(bearer(ALICE), { getToken: () => nothing }), 'alice')
      assert.equal(await who({ headers: {} }, { getToken: () => nothing }), 'missing_token')
    })
  }

  test('that returns a token, or a promise of one, replaces cookie and header', async () => {
    assert.equal(await who(bearer(ALICE), { getToken: () => EXPIRED }), 'token_expired')
    assert.equal(await who(bearer(ALICE), { getToken: async () => BOB }), 'bob')
    assert.equal(await who(bearer(ALICE), { getToken: async () => null }), 'alice')
  })

  for (const answer of [5, true, {}, [ALICE], Promise.resolve(5)]) {
    test(`that returns ${inspect(answer, { depth: 0, maxStringLength: 20 })} is an invalid option, even if guests are allowed`, async () => {
      const verification = verifyAuth(bearer(ALICE), own({ getToken: () => answer, allowGuest: true }))
      await assert.rejects(verification, { name: 'TypeError', code: 'invalid_options', message: /"getToken"/ })
    })
  }

  test('that throws makes the verification fail with that error', async () => {
    const error = new RangeError('no query')
    const getToken = () => {
      throw error
    }
    await assert.rejects(verifyAuth(bearer(ALICE), own({ getToken, allowGuest: true })), error)
  })

  test('is not called for a string', async () => {
    assert.equal(await who(ALICE, { getToken: () => assert.fail('it was called') }), 'alice')
  })

  test('may be the only token source', async () => {
    assert.equal(await who(bearer(ALICE), { tokenSources: [], getToken: () => undefined }), 'missing_token')
    assert.throws(() => createVerifier(own({ tokenSources: [] })), { code: 'invalid_options' })
  })
})

test('a string input is a token and nothing else', async () => {
  assert.equal(await who(ALICE), 'alice')
  assert.equal(await who(''), 'missing_token')
  assert.equal(await who(`Bearer ${ALICE}`), 'malformed_token')
  assert.equal(await who(cookie(ALICE)), 'malformed_token')
  assert.equal(await who(`${ALICE}\n`), 'malformed_token')
})

for (const [name, value] of [
  ['authorization', `Bearer ${ALICE}`],
  ['cookie', cookie(ALICE)],
]) {
  test(`the header ${name} is not read from a polluted Object.prototype`, async (t) => {
    pollute(t, name, value)
    assert.equal(await who({ headers: {} }), 'missing_token')
  })
}

test('cookies are not read from a polluted Object.prototype', async (t) => {
  pollute(t, 'cookies', { logto_authtoken: BOB, guest_logto_authtoken: 'bob' })
  assert.equal(await who({ headers: {} }), 'missing_token')
  assert.equal(await who({ headers: { cookie: cookie(ALICE) } }), 'alice')
  assert.equal(await who({ headers: {}, cookies: { logto_authtoken: ALICE } }), 'alice')
})

test('a request is not modified', async () => {
  const request = {
    headers: Object.freeze({ cookie: cookie(ALICE) }),
    cookies: Object.freeze({ logto_authtoken: ALICE }),
  }
  assert.equal(await who(Object.freeze(request)), 'alice')
})

const own = (changes) => optionsFor(key, changes)

/** The user, or the error code of the rejection. */
const who = (request, options) => outcome(verifyAuth(request, own(options)))

/** The user or the error code for an HTTP request with these raw headers. */
async function overHttp(t, headers, wrap = (request) => request) {
  const { port } = await startServer(t, async (request, response) => response.end(String(await who(wrap(request)))))
  const request = http
    .request({ port, host: '127.0.0.1', headers: ['Host', '127.0.0.1', ...headers], agent: false })
    .end()
  const [response] = await once(request, 'response')
  return Buffer.concat(await response.toArray()).toString()
}
