const assert = require('node:assert/strict')
const { on } = require('node:events')
const { test } = require('node:test')
const { NextRequest } = require('next/server')
const { authProxy } = require('logto-authkit/next')
const { contract } = require('../../../js/core/contract')
const { startIssuer } = require('../../support/helpers')
const { AUDIENCE, HOST, OPTIONS, PAGE, follow, visit } = require('../../support/next')

const MARKER = contract().cookies.signIn
const SIGN_IN = { signInUrl: '/sign-in' }
const OTHER = 'https://other.example.test'

/** Opens a page in a browser that is still signed in at Logto: each visit of the sign-in page sets a cookie and returns. */
async function browse(proxy, { jar = new Map(), path = '/account', signIn }) {
  const responses = []
  for (let visits = 0; visits < 10; visits += 1) {
    const seen = await follow(proxy, path, { jar, headers: { 'sec-fetch-site': 'none' } })
    responses.push(seen[0])
    if (seen[0].status !== 307) break
    signIn(jar)
  }
  return responses
}

/** Mutes the expected warnings and returns the one about the loop. */
async function warning() {
  for await (const [warned] of on(process, 'warning')) if (warned.code === 'LOGTO_AUTHKIT_SIGN_IN_LOOP') return warned
}

for (const [name, claims, code, hint] of /** @type {[string, any, string, RegExp][]} */ ([
  ['a wrong audience', { audience: OTHER }, 'invalid_audience', /compare the option audience with the resource/],
  ['a token of another issuer', { claims: { iss: `${OTHER}/oidc` } }, 'invalid_issuer', /compare the option logtoUrl/],
  ['an ID token', { header: { typ: 'JWT' } }, 'invalid_token_type', /not an ID token/],
  ['a token that is not valid yet', { notBefore: 600 }, 'token_not_active', /Compare the clocks/],
])) {
  test(`D1: the proxy ends a sign-in loop caused by ${name}, and says what is wrong`, async (t) => {
    const issuer = await startIssuer(t)
    const proxy = authProxy({ ...SIGN_IN, logtoUrl: issuer.logtoUrl, audience: AUDIENCE })
    const warned = warning()
    const jar = new Map()
    const signIn = () => jar.set('logto_authtoken', issuer.mint({ audience: AUDIENCE, ...claims }))
    const responses = await browse(proxy, { jar, signIn })
    assert.deepEqual(
      responses.map(({ status }) => status),
      [307, 401],
    )
    const last = responses[1]
    const { code: warningCode, message } = await warned
    assert.equal(warningCode, 'LOGTO_AUTHKIT_SIGN_IN_LOOP')
    assert.ok(message.includes(code), message)
    assert.match(message, hint)
    const page = await last.text()
    assert.match(page, new RegExp(`<code>${code}</code>`))
    assert.match(page, hint)
    assert.match(page, /href="\/sign-in\?redirect_to=%2Faccount"/)
    assert.equal(last.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.equal(last.headers.get('cache-control'), 'no-store')
    assert.match(last.headers.get('www-authenticate'), /^Bearer /)
    for (const text of [page, message])
      assert.ok(!text.includes(String(jar.get('logto_authtoken'))), 'a token was printed')
    // The record is gone, so the link can be tried.
    assert.equal(jar.has(MARKER), false)
  })
}

test('the warning contains the expected and the actual audience', async (t) => {
  const issuer = await startIssuer(t)
  const proxy = authProxy({ ...SIGN_IN, logtoUrl: issuer.logtoUrl, audience: AUDIENCE })
  const warned = warning()
  const signIn = (jar) => jar.set('logto_authtoken', issuer.mint({ audience: OTHER }))
  await browse(proxy, { signIn })
  const { message } = await warned
  assert.ok(message.includes(AUDIENCE) && message.includes(OTHER), message)
})

test('D1: the proxy ends a sign-in loop if the token is in another cookie, and names both cookies', async (t) => {
  const issuer = await startIssuer(t)
  const proxy = authProxy({ ...OPTIONS, ...SIGN_IN })
  const warned = warning()
  const signIn = (jar) => jar.set('access_token', issuer.mint({ audience: AUDIENCE }))
  const responses = await browse(proxy, { signIn })
  assert.deepEqual(
    responses.map(({ status }) => status),
    [307, 307, 307, 401],
  )
  const page = await responses[3].text()
  assert.match(page, /the cookie &#34;logto_authtoken&#34; or the Authorization header/)
  assert.match(page, /There is a token in the cookie &#34;access_token&#34;: set the option cookieName/)
  assert.match((await warned).message, /There is a token in the cookie "access_token"/)
})

test('D1: the proxy ends a sign-in loop if no token arrives at all', async () => {
  const warned = warning()
  const responses = await browse(authProxy({ ...OPTIONS, ...SIGN_IN }), { signIn: () => {} })
  assert.deepEqual(
    responses.map(({ status }) => status),
    [307, 307, 307, 401],
  )
  assert.match(await responses[3].text(), /several times without a token[\s\S]*SameSite=Lax/)
  await warned
})

test('the proxy ends a loop in which a token is expired each time', async (t) => {
  const issuer = await startIssuer(t)
  const proxy = authProxy({ ...SIGN_IN, logtoUrl: issuer.logtoUrl, audience: AUDIENCE })
  const warned = warning()
  const signIn = (jar) => jar.set('logto_authtoken', issuer.mint({ audience: AUDIENCE, expiresIn: -1 }))
  const responses = await browse(proxy, { signIn })
  assert.deepEqual(
    responses.map(({ status }) => status),
    [307, 307, 307, 401],
  )
  assert.match((await warned).message, /Compare the clocks/)
})

test('a user who opens protected pages without signing in is redirected each time', async (t) => {
  const issuer = await startIssuer(t)
  const proxy = authProxy({ ...SIGN_IN, logtoUrl: issuer.logtoUrl, audience: AUDIENCE })
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  const expired = issuer.mint({ audience: AUDIENCE, expiresIn: -1 })
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
  const issuer = await startIssuer(t)
  const proxy = authProxy({ ...SIGN_IN, logtoUrl: issuer.logtoUrl, audience: AUDIENCE })
  const jar = new Map([['logto_authtoken', issuer.mint({ audience: AUDIENCE, expiresIn: -60 })]])
  assert.equal((await follow(proxy, '/account', { jar }))[0].status, 307)
  assert.ok(jar.has(MARKER))
  // Since then, the user has signed in and visited only public pages.
  jar.set('logto_authtoken', issuer.mint({ audience: AUDIENCE, expiresIn: -1 }))
  assert.equal((await follow(proxy, '/account', { jar }))[0].status, 307)
  // A valid session removes the record.
  jar.set('logto_authtoken', issuer.mint({ audience: AUDIENCE }))
  const [passed] = await follow(proxy, '/account', { jar })
  assert.equal(passed.headers.get('x-middleware-next'), '1')
  assert.equal(passed.headers.get('cache-control'), 'private, no-store')
  assert.equal(jar.has(MARKER), false)
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
  const marker = async (headers) => (await visit(SIGN_IN, '/account', headers)).headers.get('set-cookie')
  const attributes = 'Path=/; Max-Age=600; HttpOnly; SameSite=Lax'
  assert.match((await marker(browser)) ?? '', new RegExp(`^${MARKER}=\\.[\\w-]{16}\\.1\\.\\d{13}; ${attributes}$`))
  assert.match((await marker({ ...browser, 'x-forwarded-proto': 'https' })) ?? '', /; SameSite=Lax; Secure$/)
  // A crawler has no cookies.
  assert.equal(await marker(PAGE), null)
})

test('an invalid record is ignored, and a forged one affects only its own client', async () => {
  for (const value of ['', 'x', '..1.1', 'a.b.-1.5', 'a.b.9999.1', `a.b.1.${'9'.repeat(99)}`, '"', '<script>', 'é']) {
    const cookie = `${MARKER}=${encodeURIComponent(value)}`
    const response = await visit(SIGN_IN, '/account', { ...PAGE, cookie })
    assert.equal(response.status, 307, value)
    assert.match(response.headers.get('set-cookie'), /\.1\.\d{13};/)
  }
})

test('names of cookies on the error page are escaped', async () => {
  const name = '<script>alert(1)</script>'
  const jar = new Map([[name, 'eyJhIjoxfQ.eyJhIjoxfQ.c2ln']])
  const warned = warning()
  const responses = await browse(authProxy({ ...OPTIONS, ...SIGN_IN }), { jar, signIn: () => {} })
  const page = await responses[3].text()
  assert.match(page, /cookie &#34;&#60;script&#62;/)
  assert.doesNotMatch(page, /<script/)
  assert.match(responses[3].headers.get('content-security-policy'), /default-src 'none'/)
  await warned
})

test('the proxy warns once per code, so that clients cannot flood the log', async () => {
  const warnings = []
  const listen = (warned) => warnings.push(warned.code)
  process.on('warning', listen)
  const proxy = authProxy({ ...OPTIONS, ...SIGN_IN })
  for (let i = 0; i < 3; i += 1) await browse(proxy, { signIn: () => {} })
  await new Promise(setImmediate)
  process.off('warning', listen)
  assert.deepEqual(warnings, ['LOGTO_AUTHKIT_SIGN_IN_LOOP'])
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
