const assert = require('node:assert/strict')
const { before, test } = require('node:test')
const { buildSync } = require('esbuild')
const { NextRequest, NextResponse } = require('next/server')
const { requireScopes } = require('logto-authkit')
const { authProxy, createNextAuth } = require('logto-authkit/next')
const { HOST, OPTIONS, PAGE, follow, issued, visit } = require('../../support/next')

const GUESTS = { allowGuest: true, publicPaths: ['/', /^\/(?:en|de)(?:\/shop)?$/, '/shop'], signInUrl: '/sign-in' }
const GUEST_COOKIE_PATTERN = /^guest_logto_authtoken=([0-9a-f-]{36}); Path=\//

/** The proxy of next-intl, which is bundled because Node cannot resolve its `import 'next/server'`. @type {any} */
let localize

before(() => {
  const contents = "export { default } from 'next-intl/middleware'"
  const [file] = buildSync({
    stdin: { contents, resolveDir: __dirname },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['next/*', 'react'],
    write: false,
  }).outputFiles
  /** @type {{ exports: any }} */
  const module = { exports: {} }
  new Function('module', 'exports', 'require', file.text)(module, module.exports, require)
  localize = module.exports.default({ locales: ['en', 'de'], defaultLocale: 'en' })
})

const guestOf = (response) => {
  const ids = response.headers.getSetCookie().map((line) => GUEST_COOKIE_PATTERN.exec(line)?.[1])
  return ids.find(Boolean)
}

test('C11: next-intl redirects a new guest to a locale, and both cookies are set', async () => {
  const response = await visit({ ...GUESTS, next: localize }, '/', PAGE)
  assert.deepEqual([response.status, response.headers.get('location')], [307, `${HOST}/en`])
  assert.ok(guestOf(response))
  assert.ok(response.headers.getSetCookie().some((line) => line.startsWith('NEXT_LOCALE=en;')))
  assert.equal(response.headers.get('cache-control'), 'private, no-store')
})

test('C11: next-intl passes its locale and the new guest to the page', async () => {
  const response = await visit({ ...GUESTS, next: localize }, '/de/shop', { ...PAGE, cookie: 'theme=dark; odd=a%zz=b' })
  const guest = `guest_logto_authtoken=${guestOf(response)}`
  const { headers } = response
  assert.equal(headers.get('x-middleware-request-cookie'), `theme=dark; odd=a%zz=b; ${guest}`)
  assert.equal(headers.get('x-middleware-request-x-next-intl-locale'), 'de')
  assert.equal(headers.get('x-middleware-request-accept'), PAGE.accept)
  const overridden = (headers.get('x-middleware-override-headers') ?? '').split(',')
  assert.deepEqual(overridden.sort(), ['accept', 'cookie', 'x-next-intl-locale'])
  assert.match(headers.get('x-middleware-set-cookie') ?? '', /^NEXT_LOCALE=de/)
  assert.match(headers.get('link') ?? '', /hreflang="en"/)
  assert.equal(headers.get('x-middleware-next'), '1')
})

test('C11: with next-intl, visitors get to the sign-in page in their language without a loop', async () => {
  for (const options of [GUESTS, { signInUrl: '/sign-in' }, { signInUrl: () => '/de/sign-in' }]) {
    const proxy = authProxy({ ...OPTIONS, ...options, next: localize })
    const responses = await follow(proxy, '/de/account?tab=1', { headers: { 'accept-language': 'de' } })
    assert.ok(responses.length <= 3)
    const [first, last] = [responses[0], responses[responses.length - 1]]
    assert.match(first.headers.get('location'), /\/sign-in\?redirect_to=%2Fde%2Faccount%3Ftab%3D1$/)
    assert.equal(last.headers.get('x-middleware-request-x-next-intl-locale'), 'de')
  }
})

test('next gets the request and the context', async (t) => {
  const { options, token } = await issued(t)
  const seen = []
  const next = (request, auth) => void seen.push([request.nextUrl.pathname, auth?.userId ?? auth?.guestReason])
  const cookie = `logto_authtoken=${token}`
  const user = await visit({ ...options, next }, '/account', { ...PAGE, cookie })
  assert.deepEqual([...user.headers], [['x-middleware-next', '1']])
  await visit({ ...options, publicPaths: ['/docs'], next }, '/docs', { ...PAGE, cookie })
  await visit({ ...options, allowGuest: true, next }, '/account', PAGE)
  const preflight = { origin: HOST, 'access-control-request-method': 'PUT' }
  await visit({ ...options, allowPreflight: true, next }, '/account', preflight, { method: 'OPTIONS' })
  const expected = [
    ['/account', 'alice'],
    ['/docs', undefined],
    ['/account', 'missing_token'],
    ['/account', undefined],
  ]
  assert.deepEqual(seen, expected)
  const bound = createNextAuth(options).authProxy({ next })
  await bound(new NextRequest(`${HOST}/bound`, { headers: { cookie } }))
  assert.deepEqual(seen.pop(), ['/bound', 'alice'])
})

test('next is not called for rejected requests and assets', async () => {
  const next = () => assert.fail('called')
  for (const [path, headers] of /** @type {[string, any][]} */ ([
    ['/account', PAGE],
    ['/account', {}],
    ['/_next/static/chunks/a.js', {}],
    ['/_next/image?url=%2Fa.png', {}],
    ['/favicon.ico', {}],
  ])) {
    await visit({ signInUrl: '/sign-in', next }, path, headers)
  }
})

test('the other proxy sees the id of a new guest, and the cookies as they were received', async () => {
  const next = (request) => {
    const id = request.cookies.get('guest_logto_authtoken')?.value
    return NextResponse.json({ id, theme: request.cookies.get('theme')?.value, header: request.headers.get('cookie') })
  }
  const response = await visit({ ...GUESTS, next }, '/shop', { cookie: 'theme=a%20b; odd=c d' })
  const id = guestOf(response)
  const header = `theme=a%20b; odd=c d; guest_logto_authtoken=${id}`
  assert.deepEqual(await response.json(), { id, theme: 'a b', header })
})

test('C11: cookies and headers of both proxies are kept, whatever the other one returns', async () => {
  const replaced = new Headers({ 'x-own': '1' })
  const passing = (id) => ({ 'x-middleware-request-cookie': `a=1; guest_logto_authtoken=${id}` })
  for (const [name, next, expected] of /** @type {[string, (request: any) => any, (id: string) => object][]} */ ([
    [
      'passes with a cookie',
      () => {
        const response = NextResponse.next({ headers: { 'x-locale': 'de', 'Cache-Control': 'max-age=60' } })
        response.cookies.set('locale', 'de')
        return response
      },
      (id) => ({ ...passing(id), 'x-locale': 'de', 'x-middleware-set-cookie': 'locale=de; Path=/' }),
    ],
    [
      'replaces the headers of the request',
      () => NextResponse.next({ request: { headers: replaced } }),
      (id) => ({
        'x-middleware-override-headers': 'x-own,cookie',
        'x-middleware-request-cookie': `guest_logto_authtoken=${id}`,
      }),
    ],
    [
      'changes a cookie of the request',
      (request) => {
        const headers = new Headers(request.headers)
        headers.set('cookie', 'b=2')
        return NextResponse.next({ request: { headers } })
      },
      (id) => ({ 'x-middleware-request-cookie': `b=2; guest_logto_authtoken=${id}` }),
    ],
    [
      'rewrites',
      (request) => NextResponse.rewrite(new URL('/de/shop', request.url), { headers: { 'x-locale': 'de' } }),
      (id) => ({ ...passing(id), 'x-middleware-rewrite': `${HOST}/de/shop`, 'x-locale': 'de' }),
    ],
    [
      'redirects, with immutable headers',
      () => Response.redirect(`${HOST}/de/shop`, 308),
      () => ({ location: `${HOST}/de/shop`, 'x-middleware-override-headers': null }),
    ],
    [
      'responds itself',
      () => new Response('closed', { status: 503, statusText: 'Closed', headers: { 'Retry-After': '60' } }),
      () => ({ 'retry-after': '60' }),
    ],
    ['returns nothing', () => undefined, (id) => ({ ...passing(id), 'x-middleware-next': '1' })],
    [
      'returns a promise',
      async () => NextResponse.next({ headers: { 'x-locale': 'de' } }),
      () => ({ 'x-locale': 'de' }),
    ],
  ])) {
    const original = await next(new NextRequest(`${HOST}/shop`))
    const response = await visit({ ...GUESTS, next }, '/shop', { ...PAGE, cookie: 'a=1' })
    const id = guestOf(response)
    assert.ok(id, name)
    assert.equal(response.status, original?.status ?? 200, name)
    assert.equal(await response.text(), (await original?.text()) ?? '', name)
    assert.equal(response.headers.get('cache-control'), 'private, no-store', name)
    assert.deepEqual(response.headers.getSetCookie().slice(0, -1), original?.headers.getSetCookie() ?? [], name)
    for (const [header, value] of Object.entries(expected(id))) assert.equal(response.headers.get(header), value, name)
  }
})

test('without a cookie to add, the NextResponse of the other proxy is returned as it is', async (t) => {
  const { options, token } = await issued(t)
  const own = NextResponse.redirect(`${HOST}/de`, 308)
  const headers = { ...PAGE, cookie: `logto_authtoken=${token}` }
  assert.equal(await visit({ ...options, next: () => own }, '/account', headers), own)
  const plain = await visit({ ...options, next: () => Response.redirect(`${HOST}/de`, 308) }, '/account', headers)
  assert.ok(plain instanceof NextResponse)
  assert.deepEqual([plain.status, [...plain.headers]], [308, [['location', `${HOST}/de`]]])
  const wrong = /** @type {any} */ ({ status: 200 })
  assert.equal(await visit({ ...GUESTS, next: () => wrong }, '/shop', PAGE), wrong)
})

test('an AuthError thrown by next becomes the response, and other errors are passed on', async (t) => {
  const { options, token } = await issued(t)
  const headers = { ...PAGE, cookie: `logto_authtoken=${token}` }
  const refused = await visit({ ...options, next: (_, auth) => requireScopes(auth, 'admin') }, '/account', headers)
  assert.deepEqual([refused.status, (await refused.json()).code], [403, 'missing_scope'])
  const fault = () => {
    throw new Error('a fault of the other proxy')
  }
  await assert.rejects(visit({ ...options, next: fault }, '/account', headers), /a fault of the other proxy/)
  assert.throws(() => authProxy({ ...OPTIONS, next: /** @type {any} */ ('localize') }), { code: 'invalid_options' })
})

test('removes Next-Url if it names a page that the visitor may not open', async (t) => {
  const { options, token } = await issued(t)
  const overridden = async (changes, from, headers = {}) => {
    const sent = { 'next-url': from, 'x-kept': '1', ...headers }
    const response = await visit({ ...options, ...changes }, '/photos/1', sent)
    assert.equal(response.headers.get('x-middleware-next'), '1')
    return response.headers.get('x-middleware-override-headers')
  }
  const open = { publicPaths: ['/photos'] }
  const forward = () => NextResponse.next()
  for (const changes of [open, { ...open, next: forward }]) {
    assert.equal(await overridden(changes, '/dashboard'), 'x-kept')
    assert.equal(await overridden(changes, '/photos/../dashboard'), 'x-kept')
    assert.equal(await overridden(changes, '/photos'), null)
  }
  const copy = (request) => NextResponse.next({ request: { headers: request.headers } })
  assert.equal(await overridden({ ...open, next: copy }, '/dashboard'), 'x-kept')
  assert.equal(await overridden({ ...open, allowGuest: true }, '/dashboard'), 'cookie,x-kept')
  assert.equal(await overridden(open, '/dashboard', { authorization: `Bearer ${token}` }), null)
  assert.equal(await overridden({ publicPaths: ['/photos', /\/help$/] }, '/dashboard/help'), 'x-kept')
  assert.equal(await overridden({ publicPaths: ['/photos', '/help'] }, '/help/a/b'), null)
  assert.equal(await overridden({ publicPaths: [/./] }, '/a'.repeat(40)), 'x-kept')
  assert.equal(await overridden({ ...open, signInUrl: '/sign-in' }, '/de/sign-in/reset'), 'x-kept')
  assert.equal(await overridden({ ...open, signInUrl: '/sign-in' }, '/sign-in/reset'), null)
  assert.equal(await overridden({}, '/dashboard', { authorization: `Bearer ${token}` }), null)
  assert.match(String(await overridden({ allowGuest: true }, '/dashboard')), /next-url/)
})

test('shows a public page whatever happens to the token of a client that comes from another page', async (t) => {
  const { issuer, options, token } = await issued(t)
  const onRefused = () => assert.fail('nothing is rejected')
  const isRevoked = () => {
    throw new Error('planned')
  }
  const headers = { 'next-url': '/dashboard', authorization: `Bearer ${token}` }
  for (const changes of [{ isRevoked }, { audience: 'https://other.example.test' }]) {
    const response = await visit({ ...options, onRefused, publicPaths: ['/photos'], ...changes }, '/photos', headers)
    assert.equal(response.headers.get('x-middleware-next'), '1')
    assert.equal(response.headers.get('x-middleware-override-headers'), 'authorization')
  }
  issuer.setOutage('error')
  const response = await visit(
    { ...options, onRefused, publicPaths: ['/photos'], skipJwksCache: true },
    '/photos',
    headers,
  )
  assert.equal(response.headers.get('x-middleware-override-headers'), 'authorization')
})
