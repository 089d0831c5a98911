const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { test } = require('node:test')
const { NextRequest } = require('next/server')
const { authProxy, createNextAuth } = require('logto-authkit/next')
const { isPublicPath } = require('../../../js/next/public-paths')
const { pollute } = require('../../support/helpers')
const { AUDIENCE, HOST, OPTIONS, PAGE, issued, visit } = require('../../support/next')

test('redirects a page request without a session to the sign-in page', async () => {
  const response = await visit({ signInUrl: '/sign-in' }, '/account?tab=1&next=//evil.example', PAGE)
  assert.equal(response.status, 307)
  assert.equal(
    response.headers.get('location'),
    `${HOST}/sign-in?redirect_to=%2Faccount%3Ftab%3D1%26next%3D%2F%2Fevil.example`,
  )
  assert.equal(response.headers.get('cache-control'), 'no-store')
})

test('redirects a page request with an expired token', async (t) => {
  const { options, token } = await issued(t, { expiresIn: -1 })
  const response = await visit({ ...options, signInUrl: '/sign-in' }, '/account', { ...PAGE, ...cookie(token) })
  assert.equal(response.headers.get('location'), `${HOST}/sign-in?redirect_to=%2Faccount`)
})

test('keeps the query of a sign-in page on another host', async () => {
  const signInUrl = 'https://login.example.test/start?app=1'
  const response = await visit({ signInUrl }, '/account', PAGE)
  assert.equal(response.headers.get('location'), `${signInUrl}&redirect_to=%2Faccount`)
})

test('adds the base path and the locale of the page to signInUrl', async () => {
  const nextConfig = { basePath: '/shop', i18n: { locales: ['en', 'de'], defaultLocale: 'en' } }
  const response = await visit({ signInUrl: '/sign-in?from=shop' }, '/shop/de/account', PAGE, { nextConfig })
  const query = 'from=shop&redirect_to=%2Fde%2Faccount'
  assert.equal(response.headers.get('location'), `${HOST}/shop/de/sign-in?${query}`)
})

test('adds a trailing slash to signInUrl if the application uses them', async () => {
  const nextConfig = { basePath: '/shop', trailingSlash: true }
  const response = await visit({ signInUrl: '/sign-in' }, '/shop/account/', PAGE, { nextConfig })
  assert.equal(response.headers.get('location'), `${HOST}/shop/sign-in/?redirect_to=%2Faccount%2F`)
  const page = await visit({ signInUrl: '/sign-in' }, '/shop/sign-in/', PAGE, { nextConfig })
  assert.equal(page.headers.get('x-middleware-next'), '1')
})

test('never redirects the sign-in page, however its URL is written', async () => {
  for (const [signInUrl, ...paths] of [
    ['/sign-in/', '/sign-in', '/sign-in/'],
    ['/sign-in/?from=shop', '/sign-in', '/sign-in/'],
    ['/anmelden-für', '/anmelden-für', '/anmelden-f%C3%BCr'],
    ['/anmelden-f%C3%BCr', '/anmelden-für'],
    ['/sign in', '/sign%20in'],
    ['/', '/'],
  ]) {
    for (const path of paths) {
      const response = await visit({ signInUrl }, path, PAGE)
      assert.equal(response.headers.get('x-middleware-next'), '1', `${signInUrl} ${path}`)
    }
    assert.equal((await visit({ signInUrl }, '/account', PAGE)).status, 307)
  }
})

test('never names another host in redirect_to', async () => {
  for (const path of ['//evil.example/x', '///evil.example/x', '/\\evil.example/x', '/\\/evil.example']) {
    const response = await visit({ signInUrl: '/sign-in' }, path, PAGE)
    const target = new URL(response.headers.get('location') ?? '').searchParams.get('redirect_to') ?? ''
    assert.match(target, /^\/[^/\\]/, path)
    assert.equal(new URL(target, HOST).origin, HOST, path)
  }
})

test('responds with JSON to requests other than for a page', async () => {
  for (const [headers, method] of /** @type {[Record<string, string>, string][]} */ ([
    [{}, 'GET'],
    [{ accept: '*/*' }, 'GET'],
    [{ accept: 'application/json' }, 'GET'],
    [{ accept: '*/*', rsc: '1' }, 'GET'],
    [{ accept: '*/*' }, 'POST'],
    [PAGE, 'PUT'],
    [PAGE, 'HEAD'],
  ])) {
    const response = await visit({ signInUrl: '/sign-in' }, '/account', headers, { method })
    assert.equal(response.status, 401, method)
    assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="api"')
    assert.deepEqual(await response.json(), {
      error: 'Authentication required',
      code: 'missing_token',
      message: 'No token found in cookies or Authorization header',
    })
  }
})

test('responds with JSON to page requests if there is no signInUrl', async () => {
  assert.equal((await visit({ signInUrl: undefined, publicPaths: undefined }, '/account', PAGE)).status, 401)
  assert.equal((await visit({}, '/account', PAGE)).status, 401)
})

test('does not redirect a missing scope or an outage', async (t) => {
  const { options, token } = await issued(t)
  const signInUrl = '/sign-in'
  const forbidden = await visit({ ...options, signInUrl, requiredScope: 'admin' }, '/a', { ...PAGE, ...cookie(token) })
  assert.equal(forbidden.status, 403)
  const jwksUri = 'http://127.0.0.1:1/'
  const outage = await visit({ ...options, signInUrl, jwksUri }, '/a', { ...PAGE, ...cookie(token) })
  assert.equal(outage.status, 503)
})

test('lets a request with a valid token through without forwarding anything about the user', async (t) => {
  const { options, token } = await issued(t)
  const response = await visit({ ...options, signInUrl: '/sign-in' }, '/account', { ...PAGE, ...cookie(token) })
  assert.deepEqual([...response.headers], [['x-middleware-next', '1']])
})

test('accepts the tokens of several Logto servers', async (t) => {
  const [one, two] = [await issued(t), await issued(t)]
  const paths = { publicPaths: ['/docs'], signInUrl: '/sign-in' }
  for (const proxy of [
    authProxy([one, two].map(({ options }) => ({ ...options, ...paths }))),
    createNextAuth([one.options, two.options]).authProxy(paths),
  ]) {
    const open = (path, headers) => proxy(new NextRequest(HOST + path, { headers: { ...PAGE, ...headers } }))
    for (const { token } of [one, two]) {
      assert.deepEqual([...(await open('/account', cookie(token))).headers], [['x-middleware-next', '1']])
    }
    assert.equal((await open('/docs', {})).headers.get('x-middleware-next'), '1')
    const redirected = await open('/account', {})
    assert.equal(redirected.headers.get('location'), `${HOST}/sign-in?redirect_to=%2Faccount`)
  }
})

test('B1: lets CORS preflights pass only if the application allows it', async () => {
  const headers = { 'access-control-request-method': 'POST', origin: 'https://other.example.test' }
  const response = await visit({ allowPreflight: true }, '/api/orders', headers, { method: 'OPTIONS' })
  assert.deepEqual([...response.headers], [['x-middleware-next', '1']])
  assert.equal((await visit({}, '/api/orders', headers, { method: 'OPTIONS' })).status, 401)
  assert.equal((await visit({ allowPreflight: true }, '/api/orders', {}, { method: 'OPTIONS' })).status, 401)
  assert.equal((await visit({}, '/api/orders', {}, { method: 'OPTIONS' })).status, 401)
})

const words = (text) => text.trim().split(/\s+/)

test('A10: compares a path with many segments in linear time', { timeout: 60_000 }, () => {
  const path = `/a${'.segments/'.repeat(150_000)}x`
  for (const end of ['', '.segment.rsc', '.rsc', '.json']) assert.equal(isPublicPath(path + end, ['/docs']), false)
  assert.equal(isPublicPath(`${path}.segment.rsc`, [/^\/a/]), true)
})

test('B6: the position of a regular expression does not matter, before or between requests', async () => {
  const pattern = /\/docs/gy
  pattern.lastIndex = 3
  for (let call = 0; call < 3; call += 1) {
    const response = await visit({ publicPaths: [pattern] }, '/docs/a')
    assert.equal(response.headers.get('x-middleware-next'), '1')
  }
  const proxy = authProxy({ ...OPTIONS, publicPaths: [pattern] })
  for (let call = 0; call < 3; call += 1) {
    const response = await proxy(new NextRequest(`${HOST}/docs/a`))
    assert.equal(response.headers.get('x-middleware-next'), '1')
    pattern.lastIndex = 5
  }
})

const PUBLIC_PATHS = [
  '/',
  '/docs',
  '/caf\u00e9',
  '/th%C3%A9',
  '/help/',
  /^\/assets\/.+\.png$/,
  /secret-free/g,
  /\/sticky/y,
]

for (const path of words(`
  / /?a=1 /docs /docs/ /docs/a/b /docs/a.json /caf%C3%A9 /th%C3%A9 /help /help/me /assets/a/b.png
  /assets/a/b.png/ /secret-free /a/secret-free /sticky /sticky/a /_next/static/chunks/app/%5Bid%5D/page.js /_next/data/build/docs.json
  /_next/image?url=/docs /favicon.ico /robots.txt /sitemap.xml /manifest.json /manifest.webmanifest
  /_next/data/build/index.json /docs.rsc /docs.prefetch.rsc /docs.segments/_tree.segment.rsc
`)) {
  test(`${path} is public`, async () => {
    for (let i = 0; i < 2; i += 1) {
      const response = await visit({ publicPaths: PUBLIC_PATHS }, path)
      assert.equal(response.headers.get('x-middleware-next'), '1')
    }
  })
}

for (const path of words(`
  /account /docs-internal /docsx/a /DOCS /account/docs /index // //docs /docs//account /docs/..%2faccount
  /docs/..%2Faccount /docs%2f..%2faccount /docs/..%5caccount /docs/%252e%252e/account /%64ocs /docs%00/account
  /docs/%0d%0a /docs/%E0%A4%A /account/%2e%2e%2fdocs /assets/%2e%2e/a.png /account.rsc /account.png
  /account.segments/docs.segment.rsc /docs.segments/account.segments/_tree.segment.rsc
  /_next/data/build/account.json /_next/data/docs/account.json /_next/data/build/account/docs.json
  /_next/data/docs /_next/imagery /_next/image/docs /favicon.ico/account /account/favicon.ico /account/robots.txt /manifestxjson
  /_next/static/../account /_next/static/..%2faccount /_next/image/../account /account/sticky /a/sticky/b
  /docs/..;/account /docs/;/account /docs;/../account /docs;v=1 /docs/..%3b/account /docs/a%3Bb /docs/..%20/account
`)) {
  test(`${path} is not public`, async () => {
    assert.equal((await visit({ publicPaths: PUBLIC_PATHS }, path)).status, 401)
  })
}

test('the data of a page whose path starts with /index is not public, because Next.js serves another page', () => {
  // With `skipProxyUrlNormalize`, Next.js passes data URLs to the proxy unchanged.
  assert.equal(isPublicPath('/_next/data/build/docs.json', ['/docs']), true)
  assert.equal(isPublicPath('/_next/data/build/index.json', ['/']), true)
  for (const items of [[/^\/(?!account)/], ['/index']])
    assert.equal(isPublicPath('/_next/data/build/index/account.json', items), false)
})

test('treats only the sign-in page as public without publicPaths', async () => {
  const passes = async (path) => (await visit({ signInUrl: '/sign-in?a=1' }, path)).headers.has('x-middleware-next')
  assert.equal(await passes('/sign-in'), true)
  assert.equal(await passes('/sign-in/factor-two'), true)
  assert.equal(await passes('/'), false)
})

test('verifies nothing on public paths without allowGuest', async (t) => {
  const { issuer, options, token } = await issued(t)
  const response = await visit({ ...options, publicPaths: ['/docs'] }, '/docs', cookie(token))
  assert.deepEqual([...response.headers], [['x-middleware-next', '1']])
  assert.equal(issuer.jwksRequests, 0)
})

const GUESTS = { allowGuest: true, publicPaths: ['/shop'], signInUrl: '/sign-in' }

test('sends the id of a new guest to the page and to the browser', async () => {
  const response = await visit(GUESTS, '/shop', { ...PAGE, cookie: 'theme=dark' })
  const [, id] = /^guest_logto_authtoken=([0-9a-f-]{36}); Path=/.exec(response.headers.get('set-cookie') ?? '') ?? []
  assert.match(response.headers.get('x-middleware-override-headers') ?? '', /\bcookie\b/)
  assert.equal(response.headers.get('x-middleware-request-cookie'), `theme=dark; guest_logto_authtoken=${id}`)
  assert.equal(response.headers.get('cache-control'), 'private, no-store')
  assert.equal(response.headers.get('vary'), 'Cookie')
})

test('keeps all headers of the request when it adds a guest', async () => {
  const headers = { ...PAGE, authorization: 'Basic YTpi', 'x-user-id': 'alice', 'x-own': '1' }
  const response = await visit(GUESTS, '/shop', headers)
  for (const [name, value] of Object.entries(headers)) {
    assert.equal(response.headers.get(`x-middleware-request-${name}`), value)
  }
})

test('keeps the id of a known guest, and replaces an invalid one', async () => {
  const known = await visit(GUESTS, '/shop', { cookie: 'guest_logto_authtoken=visitor-1' })
  assert.deepEqual([...known.headers], [['x-middleware-next', '1']])
  const unusable = await visit(GUESTS, '/shop', { cookie: 'guest_logto_authtoken="<script>"' })
  assert.match(unusable.headers.get('set-cookie') ?? '', /^guest_logto_authtoken=[0-9a-f-]{36};/)
})

test('accepts guests on public paths only, if publicPaths is given', async () => {
  const rejected = await visit(GUESTS, '/account', PAGE)
  assert.equal(rejected.headers.get('location'), `${HOST}/sign-in?redirect_to=%2Faccount`)
  assert.equal(rejected.headers.get('set-cookie'), null)
  assert.equal((await visit({ ...GUESTS, publicPaths: [] }, '/shop')).status, 401)
  const everywhere = await visit({ allowGuest: true }, '/account', PAGE)
  assert.equal(everywhere.headers.get('x-middleware-next'), '1')
})

test('rejects a session for its own reason where guests are not accepted', async (t) => {
  const { issuer, options } = await issued(t)
  const code = async (claims, extra = {}) => {
    const token = issuer.mint({ audience: AUDIENCE, ...claims })
    const headers = { ...PAGE, ...cookie(token) }
    const response = await visit({ ...options, ...GUESTS, requiredScope: 'read', ...extra }, '/account', headers)
    return response.status === 307 ? 307 : /** @type {any} */ (await response.json()).code
  }
  assert.equal(await code({ scope: 'read' }, { jwksUri: 'http://127.0.0.1:1/' }), 'jwks_unavailable')
  assert.equal(await code({ scope: 'write' }), 'missing_scope')
  assert.equal(await code({ scope: 'read', expiresIn: -1 }), 307)
  assert.equal(await code({ scope: 'read', expiresIn: -1 }, { signInUrl: undefined }), 'token_expired')
})

test('creates no guest for assets', async () => {
  const response = await visit(GUESTS, '/_next/static/chunks/a.js')
  assert.deepEqual([...response.headers], [['x-middleware-next', '1']])
})

test('decides about Secure by the forwarded protocol and host', async () => {
  const secure = async (headers) =>
    /; Secure/.test((await visit(GUESTS, '/shop', headers)).headers.get('set-cookie') ?? '')
  assert.equal(await secure({ host: 'localhost:3000', 'x-forwarded-proto': 'http' }), false)
  assert.equal(await secure({ host: 'localhost:3000', 'x-forwarded-proto': 'https' }), true)
  const behind = { host: 'localhost:3000', 'x-forwarded-host': 'shop.example.test', 'x-forwarded-proto': 'http' }
  assert.equal(await secure(behind), true)
})

for (const [name, value] of /** @type {[string, unknown][]} */ ([
  ['publicPaths', ['/account']],
  ['signInUrl', 'https://evil.example'],
])) {
  test(`ignores a polluted Object.prototype.${name}`, async (t) => {
    pollute(t, name, value)
    const auth = createNextAuth(OPTIONS)
    for (const proxy of [authProxy(OPTIONS), auth.authProxy(), auth.authProxy({})]) {
      assert.equal((await proxy(new NextRequest(`${HOST}/account`, { headers: PAGE }))).status, 401)
    }
  })
}

const cookie = (token) => ({ cookie: `logto_authtoken=${token}` })

test('C11: the documented matcher excludes files in public/, and nothing else', () => {
  const { unstable_doesMiddlewareMatch: doesMatch } = require('next/experimental/testing/server')
  const documented = ['examples/next/proxy.ts', 'docs/next-proxy.md'].flatMap((path) => {
    const text = readFileSync(join(__dirname, '../../..', path), 'utf8')
    return [...text.matchAll(/matcher: ('\/\(\(\?!.*')/g)].map(([, literal]) => new Function(`return ${literal}`)())
  })
  assert.equal(documented.length, 3)
  for (const matcher of documented) {
    const matches = (url) => doesMatch({ config: { matcher }, nextConfig: {}, url })
    for (const path of words(`
      / /account /account/ /account/7 /account.json /account.rsc /account.segments/_tree.segment.rsc /v1.2/a /svg /a.svg/b /a.jsx
      /_next/data/build/account.json /account?file=a.svg
    `)) {
      assert.equal(matches(path), true, `${matcher} ${path}`)
    }
    for (const path of words('/icon.svg /images/a.png /a.b.jpeg /a.jpg /fonts/a.woff2 /a.css /a.js /a.webp /a.txt')) {
      assert.equal(matches(path), false, `${matcher} ${path}`)
    }
  }
})
