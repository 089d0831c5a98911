const assert = require('node:assert/strict')
const { test } = require('node:test')
const { NextRequest, NextResponse } = require('next/server')
const { authProxy, createNextAuth } = require('logto-authkit/next')
const { HOST, OPTIONS, PAGE, follow, localize, visit } = require('../../support/next')

const ACTION = { accept: 'text/x-component', 'next-action': '40a1', 'content-type': 'text/plain;charset=UTF-8' }
const FORM = { ...PAGE, 'content-type': 'multipart/form-data; boundary=x' }
const SHOP = { basePath: '/shop' }
const SLASH = { basePath: '/shop', trailingSlash: true }

const location = (response) => response.headers.get('location')

test('C11: redirect_to has no base path, which Next.js adds again', async () => {
  for (const [path, target] of [
    ['/shop/account?tab=1', '/account?tab=1'],
    ['/shop/shop', '/shop'],
    ['/shop', '/'],
    ['/shop//evil.example/x', '/evil.example/x'],
    ['/shop/\\evil.example', '/evil.example'],
  ]) {
    const response = await visit({ signInUrl: '/sign-in' }, path, PAGE, { nextConfig: SHOP })
    const query = new URLSearchParams({ redirect_to: target })
    assert.equal(location(response), `${HOST}/shop/sign-in?${query}`, path)
  }
  const outside = await visit({ signInUrl: '/sign-in' }, '/shopping', PAGE)
  assert.equal(location(outside), `${HOST}/sign-in?redirect_to=%2Fshopping`)
})

test('C11: signInUrl may be a function of the request', async () => {
  /** @param {NextRequest} request */
  const signInUrl = ({ nextUrl, cookies }) => {
    if (nextUrl.pathname.startsWith('/partners')) return 'https://partners.example.test/login?app=1'
    return `/${cookies.get('language')?.value ?? 'en'}/sign-in`
  }
  for (const [path, cookie, expected] of [
    ['/account', '', `${HOST}/en/sign-in?redirect_to=%2Faccount`],
    ['/account', 'language=de', `${HOST}/de/sign-in?redirect_to=%2Faccount`],
    ['/partners/7', '', 'https://partners.example.test/login?app=1&redirect_to=%2Fpartners%2F7'],
  ]) {
    assert.equal(location(await visit({ signInUrl }, path, { ...PAGE, cookie })), expected)
  }
  const extra = createNextAuth(OPTIONS).authProxy({ signInUrl })
  const response = await extra(new NextRequest(`${HOST}/account`, { headers: PAGE }))
  assert.equal(location(response), `${HOST}/en/sign-in?redirect_to=%2Faccount`)
})

test('equal options with different functions do not share the functions', async () => {
  const proxies = ['/one', '/two'].map((path) => authProxy({ ...OPTIONS, signInUrl: () => path }))
  for (const [i, expected] of ['/one', '/two'].entries()) {
    const response = await proxies[i](new NextRequest(`${HOST}/account`, { headers: PAGE }))
    assert.equal(location(response), `${HOST}${expected}?redirect_to=%2Faccount`)
  }
})

test('a signInUrl function that returns anything but a URL is a TypeError', async () => {
  for (const result of [
    undefined,
    null,
    '',
    'sign-in',
    '//evil.example',
    'javascript:alert(1)',
    5,
    Promise.resolve('/a'),
  ]) {
    const signInUrl = /** @type {any} */ (() => result)
    await assert.rejects(visit({ signInUrl }, '/account', PAGE), {
      name: 'TypeError',
      code: 'invalid_options',
      message: /^Invalid option "signInUrl": expected a path such as/,
    })
  }
})

test('C11: a request that is on its way to the sign-in page is never redirected again', async () => {
  for (const [signInUrl, path, nextConfig] of /** @type {[any, string, any?][]} */ ([
    ['/sign-in', '/sign-in'],
    ['/sign-in', '/sign-in/'],
    ['/sign-in', '/sign-in/factor-two'],
    ['/sign-in', '/de/sign-in?redirect_to=%2Faccount'],
    ['/sign-in', '/pt-BR/sign-in/'],
    ['/sign-in', '/zh-Hant-TW/sign-in/factor-two'],
    ['/auth/sign-in', '/de/auth/sign-in'],
    ['/sign-in', '/shop/sign-in', SHOP],
    ['/sign-in', '/shop/de/sign-in', SHOP],
    ['/sign-in', '/shop/sign-in/', SLASH],
    ['/sign-in', '/shop/de/sign-in/', SLASH],
    [() => '/de/sign-in', '/de/sign-in'],
    [() => '/sign-in/', '/de/sign-in'],
    [({ nextUrl }) => `/${nextUrl.pathname.split('/')[1]}/sign-in`, '/de/sign-in'],
    [`${HOST}/sign-in`, '/sign-in'],
    [`${HOST}/shop/sign-in`, '/shop/de/sign-in', SHOP],
    [() => `${HOST}/sign-in?a=1`, '/sign-in/'],
  ])) {
    for (const [method, headers] of /** @type {[string, any][]} */ ([
      ['GET', PAGE],
      ['POST', FORM],
      ['POST', ACTION],
    ])) {
      const response = await visit(
        { signInUrl },
        path,
        { host: 'app.example.test', ...headers },
        { nextConfig, method },
      )
      assert.deepEqual([...response.headers], [['x-middleware-next', '1']], `${method} ${signInUrl} ${path}`)
    }
  }
})

test('only the sign-in page is public because of signInUrl', async () => {
  for (const [signInUrl, path] of /** @type {[any, string][]} */ ([
    ['/sign-in', '/sign-in-internal'],
    ['/sign-in', '/account/sign-in'],
    ['/sign-in', '/de/account/sign-in'],
    ['/sign-in', '/de/account?redirect_to=/sign-in'],
    ['/sign-in', '/DE/../account/sign-in'],
    ['/sign-in', '/de/sign-in-internal'],
    ['/sign-in', '/account?redirect_to=%2Fsign-in'],
    ['/a.b', '/de/axb'],
    ['/', '/de'],
    ['/', '/faq'],
    ['https://login.example.test/sign-in', '/sign-in'],
    [`${HOST}/`, '/'],
    [() => '/de/sign-in', '/sign-in'],
  ])) {
    const response = await visit({ signInUrl }, path, { host: 'app.example.test', ...PAGE })
    assert.equal(response.status, 307, `${signInUrl} ${path}`)
  }
  const spoofed = { 'x-forwarded-host': 'login.example.test', host: 'login.example.test' }
  const response = await visit({ signInUrl: 'https://login.example.test/' }, '/', { ...PAGE, ...spoofed })
  assert.equal(response.status, 307)
})

test('the sign-in page is open to an invalid token, whatever becomes a guest', async () => {
  const headers = { ...PAGE, cookie: 'logto_authtoken=invalid' }
  for (const allowGuest of [false, true, 'no-token']) {
    const response = await visit({ signInUrl: '/sign-in', allowGuest, publicPaths: [] }, '/sign-in', headers)
    assert.equal(response.headers.get('x-middleware-next'), '1', String(allowGuest))
  }
})

test('C11: redirects always end, whatever the application and its other proxies do', async () => {
  const growing = ({ nextUrl }) => `/x${nextUrl.pathname}/sign-in`
  const toSection = ({ nextUrl }) => `/${nextUrl.pathname.split('/')[1]}/sign-in`
  const elsewhere = ({ nextUrl }) =>
    nextUrl.pathname.startsWith('/hidden')
      ? NextResponse.next()
      : NextResponse.redirect(new URL(`/hidden/a${nextUrl.search}`, HOST))
  for (const [options, nextConfig] of /** @type {[any, any?][]} */ ([
    [{ signInUrl: '/sign-in' }],
    [{ signInUrl: '/sign-in', next: localize }],
    [{ signInUrl: '/', next: localize }],
    [{ signInUrl: '/sign-in', next: localize, allowGuest: true, publicPaths: [] }],
    [{ signInUrl: `${HOST}/sign-in`, next: localize }],
    [{ signInUrl: `${HOST}/` }],
    [{ signInUrl: toSection, next: localize }],
    [{ signInUrl: growing }],
    [{ signInUrl: growing, next: localize }],
    [{ signInUrl: '/sign-in', next: elsewhere }],
    [{ signInUrl: '/sign-in' }, SLASH],
    [{ signInUrl: '/sign-in' }, { i18n: { locales: ['en', 'de'], defaultLocale: 'en' } }],
  ])) {
    const start = nextConfig === SLASH ? '/shop/de/account/' : '/de/account'
    const responses = await follow(authProxy({ ...OPTIONS, ...options }), start, { nextConfig })
    assert.ok(responses.length <= 6, `${options.signInUrl}: ${responses.map(location)}`)
    const last = responses[responses.length - 1]
    assert.ok(last.headers.has('x-middleware-next') || last.status === 401, String(last.status))
  }
})

test('C11: a form post without a session is redirected with 303, so that the browser opens the page', async () => {
  for (const headers of [FORM, { ...PAGE, 'content-type': 'application/x-www-form-urlencoded' }]) {
    const response = await visit({ signInUrl: '/sign-in' }, '/cart?item=7', headers, { method: 'POST', body: 'a=1' })
    assert.deepEqual([response.status, location(response)], [303, `${HOST}/sign-in?redirect_to=%2Fcart%3Fitem%3D7`])
    assert.equal(response.headers.get('cache-control'), 'no-store')
  }
})

test('C11: a Server Action without a session gets the 401, with the sign-in page for its client', async () => {
  for (const [signInUrl, expected, nextConfig] of /** @type {[any, string, any?][]} */ ([
    ['/sign-in', '/sign-in?redirect_to=%2Fcart%3Fa%3D1'],
    // The client adds the base path.
    ['/sign-in', '/sign-in?redirect_to=%2Fcart%3Fa%3D1', SHOP],
    [() => '/de/sign-in?from=a;b', '/de/sign-in?from=a%3Bb&redirect_to=%2Fcart%3Fa%3D1'],
    ['https://login.example.test/', 'https://login.example.test/?redirect_to=%2Fcart%3Fa%3D1'],
  ])) {
    const path = `${nextConfig?.basePath ?? ''}/cart?a=1`
    const response = await visit({ signInUrl }, path, ACTION, { method: 'POST', body: '[]', nextConfig })
    assert.equal(response.headers.get('x-action-redirect'), `${expected};push`)
    assert.equal(response.status, 401)
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/)
    assert.equal(/** @type {any} */ (await response.json()).code, 'missing_token')
  }
  const without = await visit({}, '/cart', ACTION, { method: 'POST', body: '[]' })
  assert.equal(without.headers.get('x-action-redirect'), null)
  const read = await visit({ signInUrl: '/sign-in' }, '/cart', ACTION)
  assert.equal(read.headers.get('x-action-redirect'), null)
})

test('only a language counts as a locale before the sign-in page', async () => {
  for (const path of ['/api/sign-in', '/app/sign-in', '/org-admin/sign-in/keys']) {
    const { status } = await visit({ signInUrl: '/sign-in' }, path, { host: 'app.example.test', ...PAGE }, {})
    assert.equal(status, 307, path)
  }
  const headers = { host: 'app.example.test', 'x-forwarded-host': 'id.example.test', ...PAGE }
  const { status } = await visit({ signInUrl: 'https://id.example.test/account' }, '/account/secrets', headers, {})
  assert.equal(status, 307)
})
