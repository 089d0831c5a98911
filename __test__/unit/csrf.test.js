const assert = require('node:assert/strict')
const { test } = require('node:test')
const cookieParser = require('cookie-parser')
const csrf = require('logto-authkit/csrf')
const { logtoAuth } = require('logto-authkit/express')
const { FRAMEWORKS, ask, bearer, serve } = require('../support/frameworks')
const { pollute, startIssuer } = require('../support/helpers')
const { AUDIENCE } = require('../support/tokens')

const { buildCsrfCookieHeader, createCsrfMiddleware, generateCsrfToken, verifyCsrfToken } = csrf

const hello = (_req, res) => res.end('hello')

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const REJECTION = {
  error: 'CSRF validation failed',
  message: "Include the 'x-csrf-token' request header with the value from the 'logto_csrf_token' cookie.",
}

test('exports the default names of the cookie and the header', () => {
  assert.deepEqual([csrf.CSRF_COOKIE_NAME, csrf.CSRF_HEADER_NAME], ['logto_csrf_token', 'x-csrf-token'])
})

test('a token is a random UUID', () => {
  const tokens = new Set(Array.from({ length: 100 }, generateCsrfToken))
  assert.equal(tokens.size, 100)
  for (const token of tokens) assert.match(token, UUID_PATTERN)
})

test('buildCsrfCookieHeader sets the documented attributes', () => {
  assert.equal(buildCsrfCookieHeader('T'), 'logto_csrf_token=T; Max-Age=86400; Path=/; Secure; SameSite=Strict')
  assert.equal(
    buildCsrfCookieHeader('T', { cookieName: 'c', maxAge: 60, path: '/app', sameSite: 'Lax', domain: 'example.test' }),
    'c=T; Max-Age=60; Path=/app; Secure; SameSite=Lax; Domain=example.test',
  )
})

test('buildCsrfCookieHeader rejects tokens that would break out of their attribute', () => {
  for (const token of ['a; Domain=evil.test', 'a\r\nSet-Cookie: b=c']) {
    assert.throws(() => buildCsrfCookieHeader(token), { name: 'TypeError', code: 'invalid_options' })
  }
})

for (const [framework, listener] of Object.entries(FRAMEWORKS)) {
  test(`${framework}: safe methods pass and receive the cookie if they have none`, async (t) => {
    const url = await serve(t, listener(createCsrfMiddleware(), hello))
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE']) {
      const { status, cookies, headers } = await ask(url, { method })
      assert.equal(status, 200, method)
      const [, token, rest] = /^logto_csrf_token=([^;]*)(.*)$/.exec(cookies[0]) ?? []
      assert.match(token, UUID_PATTERN)
      assert.equal(rest, '; Max-Age=86400; Path=/; SameSite=Strict')
      assert.deepEqual([headers.vary, headers['cache-control']], ['Cookie', 'private'])
      const again = await ask(url, { method, headers: { cookie: `theme=dark; logto_csrf_token=${token}` } })
      assert.deepEqual([again.status, again.cookies], [200, []], method)
    }
    const empty = await ask(url, { headers: { cookie: 'logto_csrf_token=' } })
    assert.equal(empty.cookies.length, 1)
  })

  test(`${framework}: all other methods require the cookie value in the header`, async (t) => {
    const url = await serve(t, listener(createCsrfMiddleware(), hello))
    const token = generateCsrfToken()
    const [cookie, header] = [`logto_csrf_token=${token}`, token]
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      const passed = await ask(url, { method, headers: { cookie, 'x-csrf-token': header } })
      assert.deepEqual([passed.status, passed.body], [200, 'hello'], method)

      const forged = [
        {},
        { cookie },
        { 'x-csrf-token': header },
        { cookie, 'x-csrf-token': generateCsrfToken() },
        { cookie, 'x-csrf-token': header.slice(0, -1) },
        { cookie, 'x-csrf-token': header.toUpperCase() },
        { cookie, 'x-csrf-token': [header, header] },
        { cookie: 'logto_csrf_token=', 'x-csrf-token': '' },
        { cookie: `xlogto_csrf_token=${token}`, 'x-csrf-token': header },
        { cookie: `${cookie}; logto_csrf_token=planted`, 'x-csrf-token': header },
        { cookie: `logto_csrf_token=planted; ${cookie}`, 'x-csrf-token': 'planted' },
        { cookie: [cookie, 'logto_csrf_token=planted'], 'x-csrf-token': 'planted' },
      ]
      for (const headers of forged) {
        const rejected = await ask(url, { method, headers })
        assert.equal(rejected.status, 403, JSON.stringify(headers))
        assert.equal(rejected.body, JSON.stringify(REJECTION))
        assert.equal(rejected.headers['content-type'], 'application/json; charset=utf-8')
        assert.equal(rejected.headers['cache-control'], 'no-store')
        assert.deepEqual(rejected.cookies, [])
      }
    }
    const twice = { cookie: `${cookie}; ${cookie}`, 'x-csrf-token': header }
    assert.equal((await ask(url, { method: 'POST', headers: twice })).status, 200)
  })

  test(`${framework}: keeps other Set-Cookie headers, including the guest cookie`, async (t) => {
    const issuer = await startIssuer(t)
    const auth = logtoAuth({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE, allowGuest: true })
    const before = (_req, res, next) => {
      res.setHeader('Set-Cookie', 'before=1')
      next()
    }
    const replacing = (_req, res) => res.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'] }).end()
    const kept = await serve(t, listener(before, createCsrfMiddleware(), auth, hello))
    const names = async (url) => (await ask(url)).cookies.map((cookie) => cookie.split('=')[0])
    assert.deepEqual(await names(kept), ['before', 'logto_csrf_token', 'guest_logto_authtoken'])
    const replaced = await serve(t, listener(auth, createCsrfMiddleware(), replacing))
    assert.deepEqual(await names(replaced), ['a', 'b', 'guest_logto_authtoken', 'logto_csrf_token'])
    assert.equal((await ask(kept)).headers.vary, 'Cookie')
  })
}

test('C4: the cookie of the middleware is Secure, except over plain http on the local machine', async (t) => {
  const cookieFor = async (host, options) => {
    const url = await serve(t, FRAMEWORKS.http(createCsrfMiddleware(options), hello))
    return (await ask(url, { headers: { host } })).cookies[0]
  }
  for (const host of ['localhost:3000', '127.0.0.1', '[::1]:80']) {
    assert.doesNotMatch(await cookieFor(host), /Secure/)
    assert.match(await cookieFor(host, { secure: true }), /; Secure/)
    assert.match(await cookieFor(host, { cookieName: '__Secure-csrf' }), /; Secure/)
  }
  assert.match(await cookieFor('api.example.test'), /; Secure/)
  assert.doesNotMatch(await cookieFor('api.example.test', { secure: false }), /Secure/)
  assert.match(buildCsrfCookieHeader('T'), /; Secure/)
  const behindProxy = (req, _res, next) => next(Object.assign(req, { protocol: 'https' }) && undefined)
  const url = await serve(t, FRAMEWORKS.http(behindProxy, createCsrfMiddleware(), hello))
  assert.match((await ask(url, { headers: { host: 'localhost' } })).cookies[0], /; Secure/)
})

test('createCsrfMiddleware uses the given names and attributes', async (t) => {
  const options = {
    cookieName: '__Host-c',
    headerName: 'X-My-Token',
    maxAge: 60,
    sameSite: /** @type {const} */ ('Lax'),
  }
  const url = await serve(t, FRAMEWORKS.http(createCsrfMiddleware(options), hello))
  const { cookies } = await ask(url)
  const [, token, rest] = /^__Host-c=([^;]*)(.*)$/.exec(cookies[0]) ?? []
  assert.equal(rest, '; Max-Age=60; Path=/; Secure; SameSite=Lax')
  const headers = { cookie: `__Host-c=${token}`, 'x-my-token': token }
  assert.equal((await ask(url, { method: 'POST', headers })).status, 200)
  const rejected = await ask(url, { method: 'POST' })
  assert.match(rejected.body, /Include the 'X-My-Token' request header with the value from the '__Host-c' cookie\./)
})

test('a cookie that cookie-parser turned into an object never matches', async (t) => {
  const url = await serve(t, FRAMEWORKS['Express 5'](cookieParser(), createCsrfMiddleware(), hello))
  const cookie = `logto_csrf_token=${encodeURIComponent('j:{"a":1}')}`
  const status = async (token) =>
    (await ask(url, { method: 'POST', headers: { cookie, 'x-csrf-token': token } })).status
  assert.equal(await status('[object Object]'), 403)
  assert.equal(await status('{"a":1}'), 403)
})

test('mounted middleware checks only its own paths', async (t) => {
  const express = require('express')
  const app = express().use('/api', createCsrfMiddleware()).use(hello)
  const url = await serve(t, app)
  assert.equal((await ask(url, { method: 'POST' })).status, 200)
  assert.equal((await ask(`${url}/api/orders`, { method: 'POST' })).status, 403)
})

test('a polluted Object.prototype does not change the header name', (t) => {
  pollute(t, 'headerName', 'accept')
  const headers = { cookie: 'logto_csrf_token=a', accept: 'a' }
  assert.equal(verifyCsrfToken({ headers }).valid, false)
})

test('verifyCsrfToken describes what is missing or different', () => {
  const token = generateCsrfToken()
  const verdict = (headers) => verifyCsrfToken(new Request('https://app.example.test', { method: 'POST', headers }))
  const cookie = `logto_csrf_token=${token}`
  assert.deepEqual(verdict({ cookie, 'x-csrf-token': token }), { valid: true })
  assert.deepEqual(verdict({ 'x-csrf-token': token }), {
    valid: false,
    error: "CSRF cookie 'logto_csrf_token' not found. Ensure GET requests are made first to receive the CSRF cookie.",
  })
  assert.deepEqual(verdict({ cookie }), {
    valid: false,
    error:
      "Missing 'x-csrf-token' request header. Read the 'logto_csrf_token' cookie value and send it in this header.",
  })
  assert.deepEqual(verdict({ cookie, 'x-csrf-token': 'other' }), {
    valid: false,
    error: 'CSRF token mismatch. The header value does not match the cookie value.',
  })
  assert.deepEqual(verdict({ cookie: `${cookie}; logto_csrf_token=planted`, 'x-csrf-token': token }), {
    valid: false,
    error: "More than one CSRF cookie 'logto_csrf_token' found.",
  })
})

test('verifyCsrfToken accepts every kind of request', () => {
  const token = generateCsrfToken()
  const cookie = `c=${token}`
  const names = { cookieName: 'c', headerName: 'X-T' }
  const requests = [
    new Request('https://app.example.test', { headers: { cookie, 'x-t': token } }),
    { headers: { cookie, 'x-t': token } },
    { headers: { 'x-t': [token] }, cookies: { c: token } },
    { headers: { get: (name) => (name === 'x-t' ? token : null) }, cookies: { get: () => ({ value: token }) } },
  ]
  for (const request of requests) assert.deepEqual(verifyCsrfToken(request, names), { valid: true })
  const objects = { headers: { 'x-t': '[object Object]' }, cookies: { c: { a: 1 } } }
  assert.equal(verifyCsrfToken(objects, names).valid, false)
})

test('a bearer token does not replace the CSRF token', async (t) => {
  const issuer = await startIssuer(t)
  const auth = logtoAuth({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE })
  const url = await serve(t, FRAMEWORKS.http(createCsrfMiddleware(), auth, hello))
  assert.equal((await ask(url, { method: 'POST', ...bearer(issuer.mint()) })).status, 403)
})
