const assert = require('node:assert/strict')
const { once } = require('node:events')
const { test } = require('node:test')
const { NextRequest } = require('next/server')
const { requireScopes } = require('logto-authkit')
const { authProxy, createNextAuth, getAuth, verifyNextAuth, withApiAuth, withAuth } = require('logto-authkit/next')
const { ask, serve } = require('../../support/frameworks')
const { OPTIONS, issued } = require('../../support/next')

test('wraps a Route Handler that can be tested without Next.js', async (t) => {
  const { options, token } = await issued(t)
  const handler = withAuth(async (request, { params }) => {
    return Response.json({ id: (await params).id, userId: request.auth.userId })
  }, options)
  const request = new NextRequest('http://app.example.test/', { headers: { authorization: `Bearer ${token}` } })
  const response = await handler(request, { params: Promise.resolve({ id: '7' }) })
  assert.deepEqual(await response.json(), { id: '7', userId: 'alice' })
  assert.equal(
    (await handler(new NextRequest('http://app.example.test/'), { params: Promise.resolve({}) })).status,
    401,
  )
})

test('throws for invalid options when a handler is wrapped', () => {
  const wrong = { name: 'TypeError', code: 'invalid_options' }
  const handler = () => new Response()
  // @ts-expect-error: the options are missing
  assert.throws(() => withAuth(handler), wrong)
  // @ts-expect-error: the arguments are in the wrong order
  assert.throws(() => withAuth(OPTIONS, handler), { ...wrong, message: /^Invalid/ })
  assert.throws(() => createNextAuth(), wrong)
  const auth = createNextAuth(OPTIONS)
  for (const [given, description] of [
    [null, 'null'],
    [undefined, 'undefined'],
    [OPTIONS, 'an object'],
  ]) {
    const message = `Invalid option "handler": expected a function, got ${description}`
    assert.throws(() => auth.withAuth(/** @type {any} */ (given)), { ...wrong, message })
  }
  assert.throws(() => auth.withAuth(handler, { requiredScope: '' }), wrong)
  // @ts-expect-error: unknown requirement
  assert.throws(() => auth.withAuth(handler, { scope: 'read:orders' }), wrong)
})

test('names .env.local in the error for missing variables', () => {
  const hint = 'In Next.js, set missing variables in .env.local or in the environment, and restart the application'
  for (const create of /** @type {((options: any) => unknown)[]} */ ([createNextAuth, authProxy])) {
    const both = new RegExp(`^Invalid option "logtoUrl".*LOGTO_AUDIENCE is missing, too\\. ${hint}$`)
    assert.throws(() => create({}), { message: both })
    const { logtoUrl } = OPTIONS
    assert.throws(() => create({ logtoUrl }), { message: new RegExp(`^Invalid option "audience".*\\. ${hint}$`) })
    // An unset variable often becomes an empty string: `process.env.LOGTO_AUDIENCE ?? ''`.
    assert.throws(() => create({ logtoUrl, audience: '' }), {
      message: new RegExp(`an empty string\\. .*\\. ${hint}$`),
    })
    assert.throws(
      () => create({ logtoUrl, audience: 'a b' }),
      ({ message }) => !message.includes(hint),
    )
  }
})

test('rejects with a TypeError for invalid options in verifyNextAuth and getAuth', async () => {
  const wrong = { name: 'TypeError', code: 'invalid_options' }
  await assert.rejects(verifyNextAuth({ headers: {} }, { logtoUrl: 'https://auth.example.test' }), wrong)
  await assert.rejects(getAuth({ logtoUrl: 'https://auth.example.test' }), wrong)
})

test('returns the context or the reason of the rejection from verifyNextAuth', async (t) => {
  const { options, token } = await issued(t)
  const request = new NextRequest('http://app.example.test/', { headers: { cookie: `logto_authtoken=${token}` } })
  const verified = await verifyNextAuth(request, options)
  assert.ok(verified.success)
  assert.equal(verified.auth.userId, 'alice')
  assert.deepEqual(await createNextAuth(options).verify({ headers: {} }), {
    success: false,
    error: 'No token found in cookies or Authorization header',
    code: 'missing_token',
    status: 401,
  })
  const guest = await verifyNextAuth({ headers: {} }, { ...options, allowGuest: true })
  assert.ok(guest.success && guest.auth.isGuest)
})

test('B3: rejects the request with wrong_organization if organizationId returns undefined', async (t) => {
  const { options, token } = await issued(t)
  const request = { headers: { authorization: `Bearer ${token}` } }
  const organizationId = /** @type {any} */ (() => undefined)
  const unnamed = await verifyNextAuth(request, { ...options, organizationId })
  assert.deepEqual([unnamed.success, 'code' in unnamed && unnamed.code], [false, 'wrong_organization'])
  const none = await verifyNextAuth(request, { ...options, organizationId: () => null })
  assert.equal(none.success, true)
})

test('returns what the handler returns, even if it is not a Response', async () => {
  const handler = withAuth(/** @type {any} */ (() => undefined), { ...OPTIONS, allowGuest: true })
  assert.equal(await handler(new NextRequest('http://app.example.test/'), { params: Promise.resolve({}) }), undefined)
})

test('replaces an existing request.auth', async (t) => {
  const { options, token } = await issued(t)
  const handler = withAuth((request) => Response.json(request.auth.userId), options)
  const request = new NextRequest('http://app.example.test/', { headers: { authorization: `Bearer ${token}` } })
  Object.defineProperty(request, 'auth', { value: { userId: 'mallory' }, configurable: true })
  assert.equal(await (await handler(request, { params: Promise.resolve({}) })).json(), 'alice')
})

test('gives a new guest one id per request', async () => {
  const guests = createNextAuth({ ...OPTIONS, allowGuest: true })
  const request = new NextRequest('http://app.example.test/')
  const ids = new Set()
  const see = async () => {
    const result = await guests.verify(request)
    ids.add(result.success && result.auth.isGuest && result.auth.guestId)
  }
  await see()
  const response = await guests.withAuth(async ({ auth }) => {
    ids.add(auth.isGuest && auth.guestId)
    await see()
    return new Response()
  })(request, { params: Promise.resolve({}) })
  ids.add(/^guest_logto_authtoken=([0-9a-f-]{36});/.exec(response.headers.get('set-cookie') ?? '')?.[1])
  assert.equal(ids.size, 1)
})

test('aborts a response that has begun if an API handler throws an AuthError, and warns', {
  timeout: 10_000,
}, async (t) => {
  const { options, token } = await issued(t)
  const handler = withAuth((/** @type {any} */ req, /** @type {any} */ res) => {
    res.write('one ')
    if (req.url === '/ended') res.end('two')
    requireScopes(req.auth, 'admin')
  }, options)
  const url = await serve(t, /** @type {any} */ (handler))
  const headers = { authorization: `Bearer ${token}` }
  for (const [path, outcome] of [
    ['/ended', /^one two$/],
    ['/', /^(aborted|socket hang up)$/],
  ]) {
    const warned = once(process, 'warning')
    const answered = ask(url + path, { headers }).then(
      ({ body }) => body,
      (error) => error.message,
    )
    assert.match(await answered, /** @type {RegExp} */ (outcome))
    assert.equal((await warned)[0].code, 'missing_scope')
  }
})

test('C9: withApiAuth awaits whatever an API handler of the Pages Router returns', async (t) => {
  const { options, token } = await issued(t)
  const headers = { authorization: `Bearer ${token}` }
  const json = (res, body) => res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
  const auth = createNextAuth(options)
  for (const handler of [
    withApiAuth((req, res) => json(res, req.auth.userId), options),
    withApiAuth((req, res) => void json(res, req.auth.userId), options),
    auth.withApiAuth(async (req, res) => json(res, req.auth.userId)),
    auth.withApiAuth((req, res) => json(res, req.auth.userId), {}),
  ]) {
    const url = await serve(t, /** @type {any} */ (handler))
    assert.equal((await ask(url, { headers })).body, '"alice"')
    const { status, body } = await ask(url)
    assert.deepEqual([status, JSON.parse(body).code], [401, 'missing_token'])
    const anything = /** @type {any} */ ({ setHeader() {}, end() {} })
    assert.equal(await handler(/** @type {any} */ ({ headers: {} }), anything), undefined)
  }
  const scoped = auth.withApiAuth((_req, res) => res.end(), { requiredScope: 'admin' })
  const url = await serve(t, /** @type {any} */ (scoped))
  assert.equal(JSON.parse((await ask(url, { headers })).body).code, 'missing_scope')
})

test('withApiAuth checks its arguments, and says which function the App Router needs', async () => {
  const wrong = { name: 'TypeError', code: 'invalid_options' }
  assert.throws(() => withApiAuth(/** @type {any} */ (undefined), OPTIONS), wrong)
  // @ts-expect-error: the options are missing
  assert.throws(() => withApiAuth(() => {}), wrong)
  assert.throws(() => createNextAuth(OPTIONS).withApiAuth(() => {}, { requiredScope: '' }), wrong)
  const handler = /** @type {any} */ (withApiAuth(() => {}, OPTIONS))
  const route = handler(new NextRequest('http://app.example.test/'), { params: Promise.resolve({}) })
  await assert.rejects(route, { name: 'TypeError', message: /in the App Router, use withAuth$/ })
})
