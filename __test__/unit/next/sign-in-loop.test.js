const assert = require('node:assert/strict')
const { on } = require('node:events')
const { test } = require('node:test')
const { NextRequest } = require('next/server')
const { authProxy } = require('logto-authkit/next')
const { contract } = require('../../../js/core/contract')
const { startIssuer, warningsOf } = require('../../support/helpers')
const { AUDIENCE, HOST, OPTIONS, PAGE, follow, visit } = require('../../support/next')

const MARKER_COOKIE_NAME = contract().cookies.signIn
const SIGN_IN = { signInUrl: '/sign-in' }
const OTHER = 'https://other.example.test'

/**
 * Opens a page in a browser that is still signed in at Logto: each visit to the sign-in page sets a cookie and returns.
 * Checks the statuses of the page, and returns the last response.
 */
async function browse(
  proxy,
  statuses,
  { jar = new Map(), signIn = /** @type {(jar: any) => unknown} */ (() => {}) } = {},
) {
  const responses = []
  for (let visits = 0; visits < 10; visits += 1) {
    const seen = await follow(proxy, '/account', { jar, headers: { 'sec-fetch-site': 'none' } })
    responses.push(seen[0])
    if (seen[0].status !== 307) break
    signIn(jar)
  }
  assert.deepEqual(
    responses.map(({ status }) => status),
    statuses,
  )
  return responses[responses.length - 1]
}

/** An issuer and a proxy that accepts its tokens. `signIn` puts a token with these properties into a cookie. */
async function setUp(t) {
  const issuer = await startIssuer(t)
  const mint = (claims = {}) => issuer.mint({ audience: AUDIENCE, ...claims })
  const signIn =
    (claims, name = 'logto_authtoken') =>
    (jar) =>
      jar.set(name, mint(claims))
  return { proxy: authProxy({ ...SIGN_IN, logtoUrl: issuer.logtoUrl, audience: AUDIENCE }), mint, signIn }
}

/** Mutes the expected warnings and returns the one about the loop. */
async function warning() {
  for await (const [warned] of on(process, 'warning')) if (warned.code === 'LOGTO_AUTHKIT_SIGN_IN_LOOP') return warned
}

for (const [name, claims, named, hint] of /** @type {[string, any, string[], RegExp][]} */ ([
  [
    'a wrong audience',
    { audience: OTHER },
    ['invalid_audience', AUDIENCE, OTHER],
    /compare the option audience with the resource/,
  ],
  [
    'a token of another issuer',
    { claims: { iss: `${OTHER}/oidc` } },
    ['invalid_issuer'],
    /compare the option logtoUrl/,
  ],
  ['an ID token', { header: { typ: 'JWT' } }, ['invalid_token_type'], /not an ID token/],
  ['a token that is not valid yet', { notBefore: 600 }, ['token_not_active'], /Compare the clocks/],
])) {
  test(`D1: the proxy ends a sign-in loop caused by ${name}, and says what is wrong`, async (t) => {
    const { proxy, signIn } = await setUp(t)
    const warned = warning()
    const jar = new Map()
    const last = await browse(proxy, [307, 401], { jar, signIn: signIn(claims) })
    const { code: warningCode, message } = await warned
    assert.equal(warningCode, 'LOGTO_AUTHKIT_SIGN_IN_LOOP')
    for (const part of named) assert.ok(message.includes(part), message)
    assert.match(message, hint)
    const page = await last.text()
    assert.match(page, new RegExp(`<code>${named[0]}</code>`))
    assert.match(page, hint)
    assert.match(page, /href="\/sign-in\?redirect_to=%2Faccount"/)
    assert.equal(last.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.equal(last.headers.get('cache-control'), 'no-store')
    assert.match(last.headers.get('www-authenticate'), /^Bearer /)
    for (const text of [page, message])
      assert.ok(!text.includes(String(jar.get('logto_authtoken'))), 'a token was printed')
    // The proxy has removed the record of the loop, so the link on the page can be tried.
    assert.equal(jar.has(MARKER_COOKIE_NAME), false)
  })
}

test('D1: the proxy ends a sign-in loop if the token is in another cookie, and names both cookies', async (t) => {
  const { signIn } = await setUp(t)
  const warned = warning()
  const options = { signIn: signIn({}, 'access_token') }
  const page = await (await browse(authProxy({ ...OPTIONS, ...SIGN_IN }), [307, 307, 307, 401], options)).text()
  assert.match(page, /the cookie &#34;logto_authtoken&#34; or the Authorization header/)
  assert.match(page, /There is a token in the cookie &#34;access_token&#34;: set the option cookieName/)
  assert.match((await warned).message, /There is a token in the cookie "access_token"/)
})

test('D1: the proxy ends a sign-in loop if no token arrives at all', async () => {
  const warned = warning()
  const last = await browse(authProxy({ ...OPTIONS, ...SIGN_IN }), [307, 307, 307, 401])
  assert.match(await last.text(), /several times without a token[\s\S]*SameSite=Lax/)
  await warned
})

test('the proxy ends a loop in which the callback requires a session', async () => {
  const warned = warning()
  const proxy = authProxy({ ...OPTIONS, ...SIGN_IN })
  const jar = new Map()
  const statuses = []
  let last
  for (let visits = 0; visits < 5; visits += 1) {
    const path = `/callback?code=code-${visits}&state=state-${visits}&iss=x`
    last = (await follow(proxy, path, { jar, headers: { 'sec-fetch-site': 'cross-site' } }))[0]
    statuses.push(last.status)
    if (last.status !== 307) break
  }
  assert.deepEqual(statuses, [307, 307, 307, 401])
  assert.match(await last.text(), /completes the sign-in requires a session itself[\s\S]*publicPaths/)
  assert.match((await warned).message, /Add the path of the redirect URI to publicPaths/)
})

test('the proxy names getToken if the application reads no cookie', async () => {
  const warned = warning()
  const options = { ...OPTIONS, ...SIGN_IN, tokenSources: [], getToken: async () => null }
  const page = await (await browse(authProxy(options), [307, 307, 307, 401])).text()
  assert.match(page, /Check that the function getToken returns a token/)
  assert.doesNotMatch(page, /logto_authtoken/)
  await warned
})

test('the proxy ends a loop in which a token is expired each time', async (t) => {
  const { proxy, signIn } = await setUp(t)
  const warned = warning()
  await browse(proxy, [307, 307, 307, 401], { signIn: signIn({ expiresIn: -1 }) })
  assert.match((await warned).message, /Compare the clocks/)
})

test('a user who opens protected pages without signing in is redirected each time', async (t) => {
  const { proxy, mint } = await setUp(t)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  const expired = mint({ expiresIn: -1 })
  for (const jar of [new Map([['theme', 'dark']]), new Map([['logto_authtoken', expired]])]) {
    // Several restored tabs are opened at once.
    for (let tab = 0; tab < 8; tab += 1) assert.equal((await follow(proxy, `/page/${tab}`, { jar }))[0].status, 307)
    // A single page is opened from time to time.
    for (let visits = 0; visits < 8; visits += 1) {
      assert.equal((await follow(proxy, '/account', { jar }))[0].status, 307)
      t.mock.timers.tick(60_000)
    }
  }
})

test('a session that ends after signing in leads to the sign-in page, not to the error page', async (t) => {
  const { proxy, mint } = await setUp(t)
  const jar = new Map([['logto_authtoken', mint({ expiresIn: -60 })]])
  assert.equal((await follow(proxy, '/account', { jar }))[0].status, 307)
  assert.ok(jar.has(MARKER_COOKIE_NAME))
  // Since then, the user has signed in and visited only public pages.
  jar.set('logto_authtoken', mint({ expiresIn: -1 }))
  assert.equal((await follow(proxy, '/account', { jar }))[0].status, 307)
  // A valid session removes the record.
  jar.set('logto_authtoken', mint())
  const [passed] = await follow(proxy, '/account', { jar })
  assert.equal(passed.headers.get('x-middleware-next'), '1')
  assert.equal(passed.headers.get('cache-control'), 'private, no-store')
  assert.equal(jar.has(MARKER_COOKIE_NAME), false)
  const [again] = await follow(proxy, '/account', { jar })
  assert.deepEqual([...again.headers], [['x-middleware-next', '1']])
})

test('credentials for another server are not mistaken for a token', async () => {
  const proxy = authProxy({ ...OPTIONS, ...SIGN_IN })
  const jar = new Map([['theme', 'dark']])
  assert.equal((await follow(proxy, '/account', { jar }))[0].status, 307)
  const headers = { authorization: 'Basic YWxpY2U6' }
  assert.equal((await follow(proxy, '/account', { jar, headers }))[0].status, 307)
})

test('the record of a redirect is a cookie that scripts cannot read, Secure on https', async () => {
  const browser = { ...PAGE, 'sec-fetch-site': 'none' }
  const markerCookie = async (headers) => (await visit(SIGN_IN, '/account', headers)).headers.get('set-cookie')
  const attributes = 'Path=/; Max-Age=600; HttpOnly; SameSite=Lax'
  assert.match(
    (await markerCookie(browser)) ?? '',
    new RegExp(`^${MARKER_COOKIE_NAME}=\\.[\\w-]{16}\\.1\\.\\d{13}; ${attributes}$`),
  )
  assert.match((await markerCookie({ ...browser, 'x-forwarded-proto': 'https' })) ?? '', /; SameSite=Lax; Secure$/)
  // A crawler has no cookies.
  assert.equal(await markerCookie(PAGE), null)
})

test('an invalid record is ignored, and a forged one affects only its own client', async () => {
  for (const value of ['', 'x', '..1.1', 'a.b.-1.5', 'a.b.9999.1', `a.b.1.${'9'.repeat(99)}`, '"', '<script>', 'é']) {
    const cookie = `${MARKER_COOKIE_NAME}=${encodeURIComponent(value)}`
    const response = await visit(SIGN_IN, '/account', { ...PAGE, cookie })
    assert.equal(response.status, 307, value)
    assert.match(response.headers.get('set-cookie'), /\.1\.\d{13};/)
  }
})

test('names of cookies on the error page are escaped', async () => {
  const name = '<script>alert(1)</script>'
  const jar = new Map([[name, 'eyJhIjoxfQ.eyJhIjoxfQ.c2ln']])
  const warned = warning()
  const last = await browse(authProxy({ ...OPTIONS, ...SIGN_IN }), [307, 307, 307, 401], { jar })
  const page = await last.text()
  assert.match(page, /cookie &#34;&#60;script&#62;/)
  assert.doesNotMatch(page, /<script/)
  assert.match(last.headers.get('content-security-policy'), /default-src 'none'/)
  await warned
})

test('the proxy warns once per code, so that clients cannot flood the log', async (t) => {
  const warnings = warningsOf(t)
  const proxy = authProxy({ ...OPTIONS, ...SIGN_IN })
  for (let i = 0; i < 3; i += 1) await browse(proxy, [307, 307, 307, 401])
  await new Promise(setImmediate)
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['LOGTO_AUTHKIT_SIGN_IN_LOOP'],
  )
})

test('a sign-in page that is moved to a protected path ends with an error page that says so', async () => {
  const { NextResponse } = require('next/server')
  const next = ({ nextUrl }) => NextResponse.redirect(new URL(`/anmelden${nextUrl.search}`, HOST))
  const warned = warning()
  const responses = await follow(authProxy({ ...OPTIONS, ...SIGN_IN, next }), '/account')
  const last = responses[responses.length - 1]
  assert.equal(last.status, 401)
  assert.match(
    await last.text(),
    /The sign-in page itself requires a session[\s\S]*Add the path of the page to publicPaths/,
  )
  assert.match((await warned).message, /publicPaths/)
})

test('requests other than for pages are not counted', async () => {
  const proxy = authProxy({ ...OPTIONS, ...SIGN_IN })
  for (const headers of [{ accept: '*/*' }, { accept: 'application/json', rsc: '1' }]) {
    const sent = { ...headers, 'sec-fetch-site': 'same-origin' }
    const response = await proxy(new NextRequest(`${HOST}/account`, { headers: sent }))
    assert.equal(response.headers.get('set-cookie'), null)
  }
})
