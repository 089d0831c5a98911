const assert = require('node:assert/strict')
const { once } = require('node:events')
const http = require('node:http')
const http2 = require('node:http2')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const { createVerifier, verifyAuth } = require('logto-authkit')
const {
  AUDIENCE,
  LOGTO_URL,
  bearer,
  goodToken,
  makeKey,
  pollute,
  refusal,
  startIssuer,
  startServer,
  verdict,
} = require('../../support/helpers')

const key = makeKey('EdDSA')
const stranger = makeKey('EdDSA')

const ALICE = goodToken(key, { sub: 'alice' })
const BOB = goodToken(key, { sub: 'bob' })
const EXPIRED = goodToken(key, { sub: 'eve', exp: 1 })
const FORGED = goodToken(stranger)
const SCOPED = goodToken(key, { sub: 'carol', scope: 'read' })
const cookie = (/** @type {string} */ token) => `logto_authtoken=${token}`

describe('a request of Node’s http', () => {
  for (const [name, headers, wanted] of /** @type {[string, string[], string][]} */ ([
    ['nothing', [], 'missing_token'],
    ['a bearer token', ['Authorization', `Bearer ${ALICE}`], 'alice'],
    ['a cookie', ['Cookie', cookie(ALICE)], 'alice'],
    ['a cookie among others', ['Cookie', `a=b; ${cookie(ALICE)}; c=d`], 'alice'],
    ['names in another letter case', ['aUTHORIZATION', `Bearer ${ALICE}`], 'alice'],
    [
      'two Authorization headers',
      ['Authorization', `Bearer ${ALICE}`, 'Authorization', `Bearer ${BOB}`],
      'ambiguous_token',
    ],
    ['the same one twice', ['Authorization', `Bearer ${ALICE}`, 'authorization', `Bearer ${ALICE}`], 'ambiguous_token'],
    [
      'a second one of another scheme',
      ['Authorization', `Bearer ${ALICE}`, 'Authorization', 'Basic YTpi'],
      'ambiguous_token',
    ],
    [
      'a first one of another scheme',
      ['Authorization', 'Basic YTpi', 'Authorization', `Bearer ${ALICE}`],
      'ambiguous_token',
    ],
    [
      'two, neither of them a bearer token',
      ['Authorization', 'Basic YTpi', 'Authorization', 'Basic YTpj'],
      'missing_token',
    ],
    ['two Cookie headers with one token', ['Cookie', 'a=b', 'Cookie', cookie(ALICE)], 'alice'],
    ['two Cookie headers with the same token', ['Cookie', cookie(ALICE), 'Cookie', cookie(ALICE)], 'alice'],
    ['two Cookie headers with two tokens', ['Cookie', cookie(ALICE), 'Cookie', cookie(BOB)], 'ambiguous_token'],
    ['two tokens joined by a comma', ['Authorization', `Bearer ${ALICE}, Bearer ${BOB}`], 'ambiguous_token'],
    [
      'a value that only another header has',
      ['X-Authorization', `Bearer ${ALICE}`, 'Proxy-Authorization', `Bearer ${ALICE}`],
      'missing_token',
    ],
    ['a header called get', ['Get', 'x', 'Authorization', `Bearer ${ALICE}`], 'alice'],
  ])) {
    test(`with ${name}: ${wanted}`, async (t) => assert.equal(await overHttp(t, headers), wanted))
  }

  test('counts as the application has changed it', async (t) => {
    const headers = ['Authorization', `Bearer ${ALICE}`, 'Authorization', `Bearer ${BOB}`]
    const change = (/** @type {string | undefined} */ value) => (/** @type {any} */ request) => {
      request.headers.authorization = value
      return request
    }
    assert.equal(await overHttp(t, headers, change(`Bearer ${SCOPED}`)), 'carol')
    assert.equal(await overHttp(t, headers, change(undefined)), 'missing_token')
  })

  for (const [name, wrap] of /** @type {[string, (request: any) => any][]} */ ([
    ['Fastify (raw)', (raw) => ({ headers: raw.headers, raw })],
    ['Koa (req)', (req) => ({ headers: req.headers, req })],
    ['Socket.IO (handshake)', ({ headers }) => ({ headers, query: {}, auth: {} })],
  ])) {
    test(`is found behind the request of ${name}`, async (t) => {
      assert.equal(await overHttp(t, ['Authorization', `Bearer ${ALICE}`], wrap), 'alice')
      assert.equal(await overHttp(t, ['Cookie', cookie(ALICE)], wrap), 'alice')
    })
  }

  for (const [name, wrap] of /** @type {[string, (request: any) => any][]} */ ([
    ['Fastify (raw)', (raw) => ({ headers: raw.headers, raw })],
    ['Koa (req)', (req) => ({ headers: req.headers, req })],
  ])) {
    test(`hides no second Authorization behind the request of ${name}`, async (t) => {
      const headers = ['Authorization', `Bearer ${ALICE}`, 'Authorization', `Bearer ${BOB}`]
      assert.equal(await overHttp(t, headers, wrap), 'ambiguous_token')
    })
  }

  test('may be one of http2, whose cookies come in crumbs', async (t) => {
    const server = http2.createServer(async (request, response) => response.end(await who(request)))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    const session = http2.connect(`http://127.0.0.1:${port}`)
    t.after(() => void [session.close(), server.close()])
    const ask = async (/** @type {import('node:http').OutgoingHttpHeaders} */ headers) => {
      const [...chunks] = await session.request(headers).toArray()
      return Buffer.concat(chunks).toString()
    }
    assert.equal(await ask({ authorization: `bearer ${ALICE}` }), 'alice')
    assert.equal(await ask({ cookie: ['a=b', cookie(ALICE)] }), 'alice')
    assert.equal(await ask({ cookie: [cookie(BOB), cookie(ALICE)] }), 'ambiguous_token')
  })
})

describe('a request of fetch', () => {
  const url = 'https://api.example.test/orders'
  for (const [name, headers, wanted] of /** @type {[string, [string, string][], string][]} */ ([
    ['nothing', [], 'missing_token'],
    ['a bearer token', [['Authorization', `Bearer ${ALICE}`]], 'alice'],
    ['a cookie', [['Cookie', `a=b; ${cookie(ALICE)}`]], 'alice'],
    [
      'two Authorization headers, which it joins',
      [
        ['Authorization', `Bearer ${ALICE}`],
        ['Authorization', `Bearer ${BOB}`],
      ],
      'ambiguous_token',
    ],
    [
      'two cookies, which it joins',
      [
        ['Cookie', cookie(ALICE)],
        ['Cookie', cookie(BOB)],
      ],
      'ambiguous_token',
    ],
  ])) {
    test(`with ${name}: ${wanted}`, async () => {
      assert.equal(await who(new Request(url, { headers })), wanted)
      assert.equal(await who({ headers: new Headers(headers) }), wanted)
    })
  }

  test('may be a NextRequest, whose cookies are looked up by name', async () => {
    const next = (/** @type {string} */ token) => {
      const request = new Request(url, { headers: { cookie: cookie(token) } })
      const cookies = {
        get: (/** @type {string} */ name) => (name === 'logto_authtoken' ? { name, value: token } : undefined),
      }
      return Object.assign(request, { cookies })
    }
    assert.equal(await who(next(ALICE)), 'alice')
    assert.equal(await who(next('')), 'missing_token')
  })

  test('may be what next/headers gives', async () => {
    const cookies = new Map([['logto_authtoken', { name: 'logto_authtoken', value: ALICE }]])
    assert.equal(await who({ headers: new Headers(), cookies }), 'alice')
  })
})

describe('a plain object', () => {
  for (const [name, request, wanted] of /** @type {[string, any, string][]} */ ([
    ['a header in lower case', { headers: { authorization: `Bearer ${ALICE}` } }, 'alice'],
    ['a header with a capital', { headers: { Authorization: `Bearer ${ALICE}` } }, 'alice'],
    ['a header in capitals', { headers: { AUTHORIZATION: `Bearer ${ALICE}` } }, 'alice'],
    ['a cookie header with a capital', { headers: { Cookie: cookie(ALICE) } }, 'alice'],
    [
      'two spellings with two tokens',
      { headers: { Authorization: `Bearer ${ALICE}`, AUTHORIZATION: `Bearer ${BOB}` } },
      'ambiguous_token',
    ],
    ['a list of one', { headers: { authorization: [`Bearer ${ALICE}`] } }, 'alice'],
    ['a list of two', { headers: { authorization: [`Bearer ${ALICE}`, `Bearer ${BOB}`] } }, 'ambiguous_token'],
    ['an empty list', { headers: { authorization: [] } }, 'missing_token'],
    ['a list of cookies', { headers: { cookie: ['a=b', cookie(ALICE)] } }, 'alice'],
    ['a list of cookies with two tokens', { headers: { cookie: [cookie(BOB), cookie(ALICE)] } }, 'ambiguous_token'],
    ['no prototype', { headers: Object.assign(Object.create(null), { authorization: `Bearer ${ALICE}` }) }, 'alice'],
    ['cookies by name', { headers: {}, cookies: { logto_authtoken: ALICE } }, 'alice'],
    [
      'cookies without prototype',
      { headers: {}, cookies: Object.assign(Object.create(null), { logto_authtoken: ALICE }) },
      'alice',
    ],
    ['cookies in a Map', { headers: {}, cookies: new Map([['logto_authtoken', ALICE]]) }, 'alice'],
    ['a Map of something else', { headers: {}, cookies: new Map([['logto_authtoken', 5]]) }, 'missing_token'],
    ['headers in a Map', { headers: new Map([['authorization', `Bearer ${ALICE}`]]) }, 'alice'],
    ['a cookie called get', { headers: {}, cookies: { get: 'x', logto_authtoken: ALICE } }, 'alice'],
    ['cookies that are null', { headers: { cookie: cookie(ALICE) }, cookies: null }, 'alice'],
    ['cookies that are a string', { headers: { cookie: cookie(ALICE) }, cookies: 'x' }, 'alice'],
    ['an inherited cookie', { headers: {}, cookies: Object.create({ logto_authtoken: ALICE }) }, 'missing_token'],
    [
      'the cookie as the application parsed it',
      { headers: { cookie: cookie(BOB) }, cookies: { logto_authtoken: ALICE } },
      'alice',
    ],
    [
      'two cookies, of which a parser took one',
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
    [`Bearer ${ALICE}`],
    () => ALICE,
    Symbol('x'),
    new Date(),
  ]) {
    test(`with a cookie that is ${inspect(value, { depth: 0, maxStringLength: 20 })}, not a string`, async () => {
      assert.equal(await who({ headers: {}, cookies: { logto_authtoken: value } }), 'missing_token')
      assert.equal(await who({ headers: {}, cookies: new Map([['logto_authtoken', value]]) }), 'missing_token')
      assert.equal(await who({ headers: {}, cookies: { get: () => ({ value }) } }), 'missing_token')
    })
  }

  // cookie-parser makes an object of `j:{"a":1}`, and whoever writes the cookie chooses its members.
  test('with a cookie that a parser made an object of, by j:', async () => {
    for (const object of [{ toString: ALICE }, { value: ALICE }, { length: 1, 0: ALICE }, [ALICE]]) {
      assert.equal(await who({ headers: {}, cookies: { logto_authtoken: object } }), 'missing_token')
    }
    assert.equal(await who({ headers: { cookie: `logto_authtoken=j:["${ALICE}"]` } }), 'malformed_token')
  })

  for (const value of [
    null,
    5,
    true,
    {},
    { 0: `Bearer ${ALICE}`, length: 1 },
    [5],
    [[`Bearer ${ALICE}`]],
    [null],
    () => `Bearer ${ALICE}`,
  ]) {
    test(`with headers that are ${inspect(value, { depth: 0, maxStringLength: 20 })}, not strings`, async () => {
      assert.equal(await who({ headers: { authorization: value, cookie: value } }), 'missing_token')
      assert.equal(await who({ headers: { get: () => value } }), 'missing_token')
    })
  }
})

describe('the value of Authorization', () => {
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
    ['Bearer null', 'opaque_token'],
    ['Bearer undefined', 'opaque_token'],
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

  test('is read for the name in cookieName', async () => {
    const headers = { cookie: `${cookie(ALICE)}; __Host-token=${BOB}` }
    assert.equal(await who({ headers }, { cookieName: '__Host-token' }), 'bob')
    assert.equal(await who({ headers, cookies: { '__Host-token': SCOPED } }, { cookieName: '__Host-token' }), 'carol')
    assert.equal(await who({ headers }, { cookieName: 'other' }), 'missing_token')
  })

  test('a cookie of a plain object’s own names is not there unless it is sent', async () => {
    for (const cookieName of ['__proto__', 'constructor', 'toString']) {
      assert.equal(await who({ headers: {}, cookies: {} }, { cookieName }), 'missing_token')
      assert.equal(await who({ headers: { cookie: `${cookieName}=${ALICE}` }, cookies: {} }, { cookieName }), 'alice')
    }
  })
})

describe('cookie and header', () => {
  const both = (/** @type {string} */ inCookie, /** @type {string} */ inHeader) => ({
    headers: { cookie: cookie(inCookie), authorization: `Bearer ${inHeader}` },
  })

  for (const [name, inCookie, inHeader, options, wanted] of /** @type {[string, string, string, object, string][]} */ ([
    ['the cookie goes first', ALICE, BOB, {}, 'alice'],
    ['the header goes first where it is named first', ALICE, BOB, { tokenSources: ['header', 'cookie'] }, 'bob'],
    ['an expired cookie gives way to the header', EXPIRED, BOB, {}, 'bob'],
    ['a forged cookie gives way to the header', FORGED, BOB, {}, 'bob'],
    ['a cookie that is no token gives way to the header', 'x', BOB, {}, 'bob'],
    ['an expired header gives way to the cookie', ALICE, EXPIRED, { tokenSources: ['header', 'cookie'] }, 'alice'],
    ['of two bad ones, the error of the first stands', EXPIRED, FORGED, {}, 'token_expired'],
    [
      'of two bad ones, the error of the first stands, the header',
      EXPIRED,
      FORGED,
      { tokenSources: ['header', 'cookie'] },
      'unknown_key',
    ],
    ['a good cookie makes up for nothing in the header', ALICE, 'x', {}, 'alice'],
    [
      'a cookie without the scope does not give way: 403 is an answer',
      ALICE,
      SCOPED,
      { requiredScope: 'read' },
      'missing_scope',
    ],
    [
      'a bad cookie, and a header without the scope: the first error',
      EXPIRED,
      ALICE,
      { requiredScope: 'read' },
      'token_expired',
    ],
    ['a bad cookie, and a header with the scope', EXPIRED, SCOPED, { requiredScope: 'read' }, 'carol'],
    ['the header alone, if the cookie is not a source', ALICE, BOB, { tokenSources: ['header'] }, 'bob'],
    ['the cookie alone, if the header is not a source', ALICE, BOB, { tokenSources: ['cookie'] }, 'alice'],
    ['no giving way to what is not a source', EXPIRED, BOB, { tokenSources: ['cookie'] }, 'token_expired'],
    ['an empty cookie is none', '', BOB, {}, 'bob'],
    [
      'a revoked cookie gives way to the header',
      ALICE,
      BOB,
      { isRevoked: (/** @type {any} */ { userId }) => userId === 'alice' },
      'bob',
    ],
    ['two that are revoked', ALICE, BOB, { isRevoked: () => true }, 'token_revoked'],
    [
      'an expired cookie, and a revoked header: the first error',
      EXPIRED,
      BOB,
      { isRevoked: () => true },
      'token_expired',
    ],
  ])) {
    test(`${name}: ${wanted}`, async () => assert.equal(await who(both(inCookie, inHeader), options), wanted))
  }

  test('an outage is an answer too: the other one is not tried', async (t) => {
    const issuer = await startIssuer(t)
    issuer.setOutage('error')
    const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
    assert.equal(await verdict(verifyAuth(both(issuer.mint(), 'x'), options)), 'jwks_unavailable')
    assert.equal(issuer.jwksRequests, 1)
  })

  test('what is ambiguous in a source that is not asked does not count', async () => {
    const headers = { cookie: `${cookie(ALICE)}; ${cookie(BOB)}`, authorization: [`Bearer ${ALICE}`, `Bearer ${BOB}`] }
    assert.equal(
      await who({ headers: { ...headers, authorization: `Bearer ${BOB}` } }, { tokenSources: ['header'] }),
      'bob',
    )
    assert.equal(await who({ headers: { ...headers, cookie: cookie(ALICE) } }, { tokenSources: ['cookie'] }), 'alice')
    assert.equal(await who({ headers }, { tokenSources: [], getToken: () => BOB }), 'bob')
  })

  test('what is ambiguous in one of them is refused, and says which', async () => {
    for (const [headers, reason] of /** @type {[any, string][]} */ ([
      [{ cookie: `${cookie(ALICE)}; ${cookie(BOB)}` }, 'two different cookies of that name'],
      [{ authorization: [`Bearer ${ALICE}`, `Bearer ${BOB}`] }, 'two Authorization values'],
      [{ cookie: cookie(ALICE), authorization: [`Bearer ${ALICE}`, `Bearer ${BOB}`] }, 'two Authorization values'],
    ])) {
      const error = await refusal(verifyAuth({ headers }, own()))
      assert.deepEqual([error.code, error.status, error.details], ['ambiguous_token', 400, { reason }])
    }
  })
})

describe('getToken', () => {
  test('is asked first, with the request', async () => {
    const request = { ...bearer(ALICE), url: '/?token=x' }
    /** @type {unknown[]} */
    const asked = []
    const getToken = (/** @type {unknown} */ given) => {
      asked.push(given)
      return BOB
    }
    assert.equal(await who(request, { getToken }), 'bob')
    assert.equal(asked.length, 1)
    assert.equal(asked[0], request)
  })

  for (const nothing of [null, undefined, '']) {
    test(`that answers ${inspect(nothing)} leaves it to cookie and header`, async () => {
      assert.equal(await who(bearer(ALICE), { getToken: () => nothing }), 'alice')
      assert.equal(await who({ headers: {} }, { getToken: () => nothing }), 'missing_token')
    })
  }

  test('that has a token has the only one', async () => {
    assert.equal(await who(bearer(ALICE), { getToken: () => EXPIRED }), 'token_expired')
  })

  for (const answer of [5, true, {}, [ALICE], Promise.resolve(ALICE)]) {
    test(`that answers ${inspect(answer, { depth: 0, maxStringLength: 20 })} is a wrong option, also where guests are allowed`, async () => {
      const verification = verifyAuth(bearer(ALICE), own({ getToken: () => answer, allowGuest: true }))
      await assert.rejects(verification, { name: 'TypeError', code: 'invalid_options', message: /"getToken"/ })
    })
  }

  test('that throws fails the verification with its own error', async () => {
    const error = new RangeError('no query')
    const getToken = () => {
      throw error
    }
    await assert.rejects(verifyAuth(bearer(ALICE), own({ getToken, allowGuest: true })), error)
  })

  test('is not asked about a string', async () => {
    assert.equal(await who(ALICE, { getToken: () => assert.fail('asked') }), 'alice')
  })

  test('may be the only source', async () => {
    assert.equal(await who(bearer(ALICE), { tokenSources: [], getToken: () => undefined }), 'missing_token')
    assert.throws(() => createVerifier(own({ tokenSources: [] })), { code: 'invalid_options' })
  })
})

test('a string is a token and nothing else', async () => {
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
  test(`a header ${name} that a polluted Object.prototype has was not sent`, async (t) => {
    pollute(t, name, value)
    assert.equal(await who({ headers: {} }), 'missing_token')
  })
}

test('cookies that a polluted Object.prototype has were not sent', async (t) => {
  pollute(t, 'cookies', { logto_authtoken: BOB, guest_logto_authtoken: 'bob' })
  assert.equal(await who({ headers: {} }), 'missing_token')
  assert.equal(await who({ headers: { cookie: cookie(ALICE) } }), 'alice')
  assert.equal(await who({ headers: {}, cookies: { logto_authtoken: ALICE } }), 'alice')
})

test('a request is left as it was', async () => {
  const request = {
    headers: Object.freeze({ cookie: cookie(ALICE) }),
    cookies: Object.freeze({ logto_authtoken: ALICE }),
  }
  assert.equal(await who(Object.freeze(request)), 'alice')
})

/** @type {(change?: object) => any} */
function own(change) {
  return { logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks: { keys: [key.jwk] }, ...change }
}

/**
 * Who is asking, or the code of the refusal.
 *
 * @type {(request: any, options?: object) => Promise<string>}
 */
async function who(request, options) {
  let userId
  const verification = verifyAuth(request, own(options)).then((auth) => {
    userId = auth.userId
  })
  const outcome = await verdict(verification)
  return userId ?? outcome
}

/**
 * The same for a request that comes over HTTP with these raw headers.
 *
 * @type {(t: import('node:test').TestContext, headers: string[], wrap?: (request: any) => any) => Promise<string>}
 */
async function overHttp(t, headers, wrap = (/** @type {any} */ request) => request) {
  const { port } = await startServer(t, async (request, response) => response.end(await who(wrap(request))))
  const request = http
    .request({ port, host: '127.0.0.1', headers: ['Host', '127.0.0.1', ...headers], agent: false })
    .end()
  const [response] = await once(request, 'response')
  return Buffer.concat(await response.toArray()).toString()
}
