/** The tests of Next.js applications. Each `system/next-*.test.js` runs them with one Next.js version and bundler. */

const assert = require('node:assert/strict')
const { createHmac, randomBytes } = require('node:crypto')
const { once } = require('node:events')
const { existsSync, readFileSync, readdirSync } = require('node:fs')
const { createServer, get } = require('node:http')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { AuthError, verifyAuth } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { errorResponse: answer } = require('../../js/adapters/response')
const { Application } = require('./application')
const { ask } = require('./client')

/** @typedef {import('./client').Answer} Answer */
/** @typedef {import('./application').Server} Server */

const FIXTURE = join(__dirname, 'fixture')
const CHROMIUM = '/usr/bin/chromium'
const hasChromium = existsSync(CHROMIUM)
const AUDIENCE = 'https://api.example.com'
/** In milliseconds: an upper limit for a busy machine. Builds and starts have their own limits in application.js. */
const SUITE_TIMEOUT = 1_800_000
const NODE_ONLY_ERROR_PATTERN = /logto-authkit runs only in Node\.js: .* remove runtime = 'edge' from routes/
const PAGE = { accept: 'text/html' }

let issuer
/** A key server whose responses the tests write. */
let slowKeys
let gates
let alice
/** @type {InstanceType<typeof Application>[]} */
const applications = []

before(async () => {
  issuer = await createTestIssuer()
  alice = issuer.mint({ sub: 'alice', audience: AUDIENCE, scope: 'read:orders' })
  process.env.LOGTO_URL = issuer.logtoUrl
  ;({ gates } = require('./fixture/lib/gates'))
  slowKeys = createServer().listen(0, '127.0.0.1')
  await once(slowKeys, 'listening')
})

after(async () => {
  for (const application of applications) await application.remove()
  slowKeys.closeAllConnections()
  slowKeys.close()
  await issuer.close()
})

function testVariant(variant) {
  describe(variant.name, { timeout: SUITE_TIMEOUT }, () => {
    /** @type {InstanceType<typeof Application>} */
    let application
    let server
    /** @type {(path: string, init?: Parameters<typeof ask>[2]) => Promise<Answer>} */
    const visit = (path, init) => ask(server.url, path, init)

    before(async () => {
      application = createFixture(variant)
      const { code, output } = await application.build(variant.args)
      // Next.js checks the types of all routes here.
      assert.equal(code, 0, output)
      buildId = readFileSync(join(application.folder, '.next/BUILD_ID'), 'utf8')
      chunks = scripts(join(application.folder, '.next/static'))
      server = variant.isStandalone ? await application.serveStandalone() : await application.serve('start')
    })
    after(() => application.remove())
    let buildId
    let chunks

    for (const path of ['/api/gates', '/api/legacy/gates']) {
      for (const [code, gate, headers] of rejections()) {
        test(`${path} rejects a request with ${code}, like every adapter`, async () => {
          const sent = headers()
          const error = await verifyAuth({ headers: sent }, gates[gate]).catch((error) => error)
          assert.ok(error instanceof AuthError && error.code === code, String(error))
          for (const method of ['GET', 'POST']) {
            const answered = await visit(`${path}/${gate}`, { method, headers: sent })
            assertRejected(answered, error)
          }
        })
      }

      test(`${path} accepts a valid token from the header and the cookie`, async () => {
        for (const headers of [bearer(alice), cookie(alice)]) {
          const { status, text, cookies } = await visit(`${path}/token`, { headers })
          assert.deepEqual([status, JSON.parse(text), cookies], [200, { userId: 'alice', scopes: ['read:orders'] }, []])
        }
      })

      test(`${path} ignores spoofed Next.js, proxy and middleware headers`, async () => {
        for (const headers of SPOOFED) {
          const { status, text } = await visit(`${path}/token`, { headers })
          assert.equal(status, 401, JSON.stringify(headers))
          assert.equal(JSON.parse(text).code, 'missing_token')
        }
        const objects = ['j:{"userId":"alice"}', 's:alice.signature', '[object Object]', 'null']
        for (const value of objects) {
          const headers = { cookie: `logto_authtoken=${encodeURIComponent(value)}` }
          assert.equal((await visit(`${path}/token`, { headers })).status, 401, value)
        }
      })

      test(`${path} rejects a request with two tokens`, async () => {
        const mallory = issuer.mint({ sub: 'mallory', audience: AUDIENCE })
        for (const headers of [
          { cookie: `logto_authtoken=${alice}; logto_authtoken=${mallory}` },
          { cookie: [`logto_authtoken=${alice}`, `logto_authtoken=${mallory}`] },
          { authorization: `Bearer ${alice}, Bearer ${mallory}` },
        ]) {
          const { status, text } = await visit(`${path}/token`, { headers })
          assert.deepEqual([status, JSON.parse(text).code], [400, 'ambiguous_token'])
        }
      })

      test(`${path} does not accept a token from a second Authorization header`, async () => {
        const mallory = issuer.mint({ sub: 'mallory', audience: AUDIENCE })
        const outcome = async (tokens) => {
          const authorization = tokens.map((token) => `Bearer ${token}`)
          const { status, text } = await visit(`${path}/token`, { headers: { authorization } })
          const { code, userId } = JSON.parse(text)
          return `${status} ${code ?? userId}`
        }
        // Next.js passes only the first header to a Route Handler.
        const seesFirstOnly = path === '/api/gates'
        assert.equal(await outcome(['invalid', alice]), seesFirstOnly ? '401 opaque_token' : '400 ambiguous_token')
        assert.equal(await outcome([alice, mallory]), seesFirstOnly ? '200 alice' : '400 ambiguous_token')
      })

      test(`${path} keeps working after a client disconnects while its token is verified`, async () => {
        const [request, [, response]] = await Promise.all([
          openRequest(`${server.url}${path}/slow`, bearer(alice)),
          once(slowKeys, 'request'),
        ])
        request.destroy()
        response.writeHead(404).end()
        const after = await visit(`${path}/token`, { headers: bearer(alice) })
        assert.equal(after.status, 200)
        assert.doesNotMatch(server.output(), /unhandled/i)
      })
    }

    test('routes of one createNextAuth can have different requirements', async () => {
      const orders = await visit('/api/orders/7', { headers: bearer(alice) })
      assert.deepEqual(JSON.parse(orders.text), { id: '7', userId: 'alice' })
      const machine = issuer.mint({ sub: 'cron', clientId: 'cron', audience: AUDIENCE, scope: 'read:orders' })
      assertRejected(await visit('/api/orders/7', { headers: bearer(machine) }), { status: 403, code: 'missing_role' })
      const scopeless = issuer.mint({ sub: 'bob', audience: AUDIENCE })
      assertRejected(await visit('/api/orders/7', { headers: bearer(scopeless) }), {
        status: 403,
        code: 'missing_scope',
      })
    })

    test('the required organization can come from the path', async () => {
      const member = issuer.mint({ audience: AUDIENCE, organizationId: 'my-org' })
      const own = await visit('/api/orders/my-org', { method: 'PUT', headers: bearer(member) })
      assert.deepEqual(JSON.parse(own.text), { id: 'my-org', organizationId: 'my-org' })
      const other = await visit('/api/orders/other', { method: 'PUT', headers: bearer(member) })
      assertRejected(other, { status: 403, code: 'wrong_organization' })
    })

    test('a handler can read the request body', async () => {
      const headers = { ...bearer(alice), 'content-type': 'application/json' }
      const { text } = await visit('/api/me', { method: 'POST', headers, body: '{"a":1}' })
      assert.deepEqual(JSON.parse(text), { userId: 'ALICE', body: { a: 1 } })
    })

    test('a HEAD request gets the response of GET without the body', async () => {
      assert.equal((await visit('/api/me', { method: 'HEAD', headers: bearer(alice) })).status, 200)
      const rejected = await visit('/api/me', { method: 'HEAD' })
      assert.deepEqual(
        [rejected.status, rejected.headers['www-authenticate'], rejected.text],
        [401, 'Bearer realm="api"', ''],
      )
    })

    test('an AuthError that a handler throws becomes the response, in the App Router', async () => {
      const missing = await visit('/api/thrown/scope', { headers: bearer(alice) })
      assertRejected(missing, { status: 403, code: 'missing_scope' })
      assertRejected(await visit('/api/thrown/token', { headers: bearer(alice) }), {
        status: 401,
        code: 'malformed_token',
      })
    })

    test('an AuthError that a handler throws becomes the response, in the Pages Router', async () => {
      const missing = await visit('/api/legacy/thrown', { headers: bearer(alice) })
      assertRejected(missing, { status: 403, code: 'missing_scope' })
    })

    test('an AuthError does not replace a response that the handler has sent', async () => {
      const { status, text } = await visit('/api/legacy/thrown?late=1', { headers: bearer(alice) })
      assert.deepEqual([status, text], [200, '{"answered":true}'])
    })

    test('any other thrown value becomes a 500 that reveals nothing', async () => {
      for (const kind of ['fault', 'text']) {
        const { status, text } = await visit(`/api/thrown/${kind}`, { headers: bearer(alice) })
        assert.equal(status, 500)
        assert.doesNotMatch(text, /fault|text/)
      }
    })

    for (const kind of [
      'json',
      'asked',
      'own',
      'jar',
      'redirect',
      'stream',
      'fetched',
      'cached',
      'shared',
      'refused',
    ]) {
      test(`a new guest gets the cookie in addition to the handler's response: ${kind}`, async () => {
        const { status, headers, cookies, text } = await visit(`/api/guests/${kind}`)
        const [expected, check] = ANSWERS[kind]
        assert.equal(status, expected, text)
        check?.(headers, text)
        assert.equal(cookies.filter((value) => GUEST_COOKIE_PATTERN.test(value)).length, 1, cookies.join('\n'))
        assert.match(headers.vary ?? '', /\bcookie\b/i)
        if (kind === 'json') assert.equal(JSON.parse(text).guestId, guestOf(cookies))
        if (kind === 'asked') assert.deepEqual(JSON.parse(text), Array(3).fill(guestOf(cookies)))

        const known = await visit(`/api/guests/${kind}`, { headers: { cookie: 'guest_logto_authtoken=visitor-1' } })
        assert.equal(known.status, expected)
        assert.equal(guestOf(known.cookies), undefined)
        if (kind === 'json') assert.equal(JSON.parse(known.text).guestId, 'visitor-1')
        if (kind === 'own') assert.equal(known.headers['cache-control'], 'max-age=60')
      })
    }

    test('redirect() and notFound() keep working, and a redirected guest gets the cookie', async () => {
      const thrown = await visit('/api/guests/thrown')
      assert.deepEqual([thrown.status, thrown.headers.location], [307, '/api/me'])
      assert.ok(guestOf(thrown.cookies))
      assert.equal((await visit('/api/guests/missing')).status, 404)
    })

    test('a response object that a module shares does not keep the cookie of a guest', async () => {
      const ids = []
      for (let i = 0; i < 3; i += 1) ids.push(guestOf((await visit('/api/guests/shared')).cookies))
      assert.equal(new Set(ids).size, 3)
    })

    test('requirements reject a guest even if the route allows guests', async () => {
      const rejected = await visit('/api/guests/json', { method: 'POST' })
      assertRejected(rejected, { status: 401, code: 'missing_token' })
      assert.ok(guestOf(rejected.cookies))
    })

    test('an API handler of the Pages Router sends the guest cookie in addition to its own', async () => {
      for (const path of ['/api/legacy/guest', '/api/legacy/guest?redirect=1']) {
        const { cookies, headers } = await visit(path)
        assert.equal(cookies.length, 2)
        assert.ok(cookies.includes('theme=dark') && guestOf(cookies))
        assert.match(headers.vary ?? '', /\bcookie\b/i)
        assert.equal(headers['cache-control'], 'private')
      }
    })

    test('both routers receive webhooks with their raw body, and logout tokens', async () => {
      const send = async (path, body, headers) => {
        const { status, text } = await visit(path, { method: 'POST', body, headers })
        return [status, text === '' ? {} : JSON.parse(text)]
      }
      const event = JSON.stringify({ event: 'PostSignIn', createdAt: new Date().toISOString(), hookId: 'h' })
      const signed = {
        'content-type': 'application/json',
        'logto-signature-sha-256': createHmac('sha256', 'the-signing-key').update(event).digest('hex'),
      }
      for (const path of ['/api/webhook', '/api/legacy/webhook']) {
        assert.deepEqual(await send(path, event, signed), [200, { received: true }], path)
        assert.equal((await send(path, `${event} `, signed))[0], 401, path)
      }
      const [status, { message }] = await send('/api/legacy/parsed-webhook', event, signed)
      assert.equal(status, 500)
      assert.match(message, /Next\.js Pages Router: export const config = \{ api: \{ bodyParser: false \} \}/)

      const form = { 'content-type': 'application/x-www-form-urlencoded' }
      const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
      for (const path of ['/api/logout', '/api/legacy/logout']) {
        const token = issuer.mint({ audience: 'my-app', header: { typ: 'logout+jwt' }, claims: { events } })
        assert.deepEqual(await send(path, `logout_token=${token}`, form), [200, {}], path)
        assert.equal((await send(path, 'logout_token=forged', form))[0], 400, path)
      }
    })

    test('a route with revalidate is rendered for each request', async () => {
      const bob = issuer.mint({ sub: 'bob', audience: AUDIENCE })
      for (const [token, userId] of [
        [alice, 'alice'],
        [bob, 'bob'],
        [alice, 'alice'],
      ]) {
        const { text, headers } = await visit('/api/revalidated', { headers: bearer(token) })
        assert.deepEqual(JSON.parse(text), { userId })
        assert.doesNotMatch(headers['cache-control'] ?? '', /s-maxage/)
      }
      assert.equal((await visit('/api/revalidated')).status, 401)
    })

    test('a static route, which would send the same response to everyone, fails with an error', async () => {
      for (const path of ['/fixed/1', '/fixed-page/1']) {
        for (const headers of [{}, bearer(alice)]) {
          const { status, text } = await visit(path, { headers })
          assert.equal(status, 500)
          assert.doesNotMatch(text, /alice|guestId/)
        }
      }
      assert.match(server.output(), /A static route has no request to verify: remove `dynamic = 'force-static'`/)
    })

    test('getAuth in a Server Component returns the user or a guest, and never throws', async () => {
      const seen = async (headers) =>
        JSON.parse(unescaped(/<pre>(.*?)<\/pre>/.exec((await visit('/whoami', { headers })).text)?.[1]))
      const user = await seen(cookie(alice))
      assert.deepEqual([user.strict.userId, user.first.userId], ['alice', 'alice'])
      const visitor = await seen({})
      assert.equal(visitor.strict.guestReason, 'missing_token')
      assert.match(visitor.first.guestId, /^[0-9a-f-]{36}$/)
      assert.equal(new Set([visitor.strict.guestId, visitor.first.guestId, visitor.second.guestId]).size, 1)
      for (const [code, gate, headers] of rejections()) {
        if (gate === 'token') assert.equal((await seen(headers())).strict.guestReason, code)
      }
    })

    test('a Server Action sees the cookies that it has set', async () => {
      const page = await visit('/action')
      const [, name] = /name="(\$ACTION_ID_\w+)"/.exec(page.text) ?? []
      const act = async (fields, headers = {}) => {
        const body = new FormData()
        for (const [key, value] of Object.entries({ [name ?? '']: '', ...fields })) body.set(key, value)
        const response = await fetch(`${server.url}/action`, { method: 'POST', body, headers })
        const shown = /<output>(.*?)<\/output>/.exec(await response.text())?.[1]
        return { auth: JSON.parse(unescaped(shown)), cookies: response.headers.getSetCookie() }
      }
      const signedIn = await act({ do: 'in', token: alice })
      assert.equal(signedIn.auth.userId, 'alice')
      const signedOut = await act({ do: 'out' }, cookie(alice))
      assert.equal(signedOut.auth.guestReason, 'missing_token')
      const visitor = await act({})
      assert.equal(visitor.auth.guestId, guestOf(visitor.cookies))
    })

    test('getServerSideProps gets the user', async () => {
      const { text } = await visit('/gated/legacy', { headers: cookie(alice) })
      assert.equal(JSON.parse(unescaped(/<output>(.*?)<\/output>/.exec(text)?.[1])).userId, 'alice')
    })

    test('the proxy redirects a browser to the sign-in page and rejects an API client', async () => {
      const page = await visit('/gated?tab=1', { headers: PAGE })
      assert.deepEqual([page.status, page.headers.location], [307, '/sign-in?redirect_to=%2Fgated%3Ftab%3D1'])
      assert.equal(page.headers['cache-control'], 'no-store')
      assertRejected(await visit('/gated'), { status: 401, code: 'missing_token' })
      const user = await visit('/gated', { headers: { ...PAGE, ...cookie(alice) } })
      assert.match(user.text, /user alice/)
      const second = { authorization: ['Bearer invalid', `Bearer ${alice}`] }
      assertRejected(await visit('/gated', { headers: second }), { status: 401, code: 'opaque_token' })
    })

    test('C11: a form post without a session is redirected with 303', async () => {
      const headers = { ...PAGE, 'content-type': 'application/x-www-form-urlencoded' }
      const post = await visit('/gated?tab=1', { method: 'POST', headers, body: 'a=1' })
      assert.deepEqual([post.status, post.headers.location], [303, '/sign-in?redirect_to=%2Fgated%3Ftab%3D1'])
    })

    test('C11: a Server Action without a session is not run, and its client gets to know the sign-in page', async () => {
      const page = await visit('/gated/action', { headers: cookie(alice) })
      const [, id] = /name="\$ACTION_ID_(\w+)"/.exec(page.text) ?? []
      const headers = { accept: 'text/x-component', 'next-action': id, 'content-type': 'text/plain;charset=UTF-8' }
      const rejected = await visit('/gated/action', { method: 'POST', headers, body: '[]' })
      assertRejected(rejected, { status: 401, code: 'missing_token' })
      assert.equal(rejected.headers['x-action-redirect'], '/sign-in?redirect_to=%2Fgated%2Faction;push')
    })

    test('C11: in a browser, a Server Action without a session leads to the sign-in page', {
      skip: !hasChromium,
    }, async (t) => {
      const { chromium } = require('playwright-core')
      const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
      t.after(() => browser.close())
      for (const javaScriptEnabled of [true, false]) {
        const context = await browser.newContext({ javaScriptEnabled })
        await context.addCookies([{ name: 'logto_authtoken', value: alice, url: server.url }])
        const page = await context.newPage()
        page.setDefaultTimeout(120_000)
        await page.goto(`${server.url}/gated/action?tab=1`, { waitUntil: 'networkidle' })
        await context.clearCookies()
        await page.getByRole('button').click()
        await page.waitForURL(`${server.url}/sign-in?redirect_to=%2Fgated%2Faction%3Ftab%3D1`)
      }
    })

    test('C11: files in public/, images and well-known files need no session', async () => {
      const file = await visit('/cup.svg', { headers: PAGE })
      assert.deepEqual([file.status, file.headers['content-type'], file.cookies], [200, 'image/svg+xml', []])
      for (const path of ['/_next/image?url=%2Fcup.svg&w=64&q=75', '/favicon.ico', '/robots.txt', '/sitemap.xml']) {
        const { status, cookies } = await visit(path, { headers: PAGE })
        assert.ok(status === 400 || status === 404 || status === 200, `${path} ${status}`)
        assert.deepEqual(cookies, [])
      }
    })

    test('C11: next-intl redirects to a locale, and both cookies are set', async () => {
      const start = await visit('/intl', { headers: { ...PAGE, 'accept-language': 'de' } })
      assert.deepEqual([start.status, start.headers.location], [307, '/de/intl'])
      assert.ok(guestOf(start.cookies))
    })

    test('C11: the page gets the locale of next-intl and the guest, and the browser gets both cookies', async () => {
      const headers = { ...PAGE, cookie: 'theme=dark', 'accept-language': 'en' }
      const page = await visit('/de/intl', { headers })
      const [, locale, own, id] = /(\w+) (\w+) guest ([0-9a-f-]+)/.exec(page.text) ?? []
      assert.deepEqual([locale, own, id], ['de', 'de', guestOf(page.cookies)])
      assert.ok(page.cookies.some((value) => value.startsWith('NEXT_LOCALE=de')))
      const user = await visit('/de/intl', { headers: { ...headers, cookie: `theme=dark; logto_authtoken=${alice}` } })
      assert.match(user.text, /de de user alice/)
      assert.equal(guestOf(user.cookies), undefined)
    })

    test('D1: the proxy ends a sign-in loop caused by a wrong audience, and says what is wrong', async () => {
      const jar = new Map()
      let path = '/gated/loop/account'
      let last
      for (let steps = 0; steps < 20; steps += 1) {
        const token = issuer.mint({ audience: 'https://other.example.test' })
        const cookies = [...jar].map((pair) => pair.join('=')).join('; ')
        last = await visit(path, { headers: { ...PAGE, 'sec-fetch-site': 'none', 'x-token': token, cookie: cookies } })
        for (const line of last.cookies) {
          const [name, value] = line.split(';', 1)[0].split('=')
          jar.set(name, value)
        }
        if (last.headers.location === undefined) break
        path = last.headers.location
      }
      assert.equal(last.status, 401)
      assert.equal(last.headers['content-type'], 'text/html; charset=utf-8')
      assert.match(last.text, /<code>invalid_audience<\/code>[\s\S]*compare the option audience/)
      // The output arrives through a pipe, after the response.
      const warning = /LOGTO_AUTHKIT_SIGN_IN_LOOP[^\n]*https:\/\/other\.example\.test/
      while (!warning.test(server.output())) await new Promise(setImmediate)
    })

    test('B1: the proxy rejects a preflight request', async () => {
      const headers = { origin: 'https://other.example.test', 'access-control-request-method': 'GET' }
      for (const path of ['/gated', '/gated/legacy']) {
        assertRejected(await visit(path, { method: 'OPTIONS', headers }), { status: 401, code: 'missing_token' })
      }
    })

    test('behind the proxy, a page, a route and the browser see the same guest', async () => {
      const page = await visit('/gated/open', { headers: PAGE })
      const id = guestOf(page.cookies)
      assert.equal(/guest ([0-9a-f-]+)/.exec(page.text)?.[1], id)
      assert.equal(page.headers['cache-control'], 'private, no-store')
      const route = await visit('/gated/open/visitor')
      assert.equal(JSON.parse(route.text).guestId, guestOf(route.cookies))
      assert.equal(route.headers['cache-control'], 'private, no-store')
      assert.match(route.headers.vary ?? '', /^Cookie\b.*\bAccept\b/)
      const known = { headers: { cookie: `theme=dark; guest_logto_authtoken=${id}` } }
      assert.equal(/guest ([0-9a-f-]+)/.exec((await visit('/gated/open/inner', known)).text)?.[1], id)
      assert.deepEqual((await visit('/gated/open/visitor', known)).cookies, [])
    })

    test('no spelling of a path bypasses the proxy', async () => {
      for (const path of HIDDEN) {
        for (const headers of [{}, { rsc: '1' }, { rsc: '1', 'next-router-prefetch': '1' }, { 'x-nextjs-data': '1' }]) {
          const { status, text } = await visit(path.replace('BUILD', buildId), { headers })
          assert.doesNotMatch(text, /guestReason|user null/, `${path} ${status}`)
        }
      }
    })

    test('a public path does not show the layout of a protected page that intercepts the path', async () => {
      const headers = { 'next-url': '/gated/secret' }
      for (const from of ['/gated/secret', '/gated/secret/open']) {
        const visitor = await visit('/gated/open', { headers: { 'next-url': from } })
        assert.equal(visitor.status, 200)
        assert.match(visitor.text, /guest [0-9a-f-]{36}/)
        assert.doesNotMatch(visitor.text, /the secret layout|the intercepting page/)
      }
      const { text } = await visit('/gated/open', { headers: { ...headers, ...bearer(alice) } })
      assert.match(text, /the intercepting page/)
    })

    test('internal Next.js headers do not bypass the proxy', async () => {
      for (const headers of SPOOFED) {
        const { status, text } = await visit('/gated/visitor', { headers })
        assert.equal(status, 401, JSON.stringify(headers))
        assert.equal(JSON.parse(text).code, 'missing_token')
      }
    })

    test('the browser bundle contains the error of js/unsupported.js and nothing else of the library', () => {
      assert.match(chunks, NODE_ONLY_ERROR_PATTERN)
      assert.doesNotMatch(chunks, /js\/native|linux-x64|cannot be constructed/)
    })
  })
}

function testDev(name, next, basePath = '') {
  test(`${name}: next dev serves handlers, pages and the proxy`, { timeout: SUITE_TIMEOUT }, async () => {
    const application = createFixture({ next, isStandalone: false, basePath })
    const server = await application.serve('dev')
    const visit = (path, init) => ask(server.url, basePath + path, init)
    assertRejected(await visit('/api/me'), { status: 401, code: 'missing_token' })
    assert.equal((await visit('/api/me', { headers: bearer(alice) })).text, '{"userId":"alice"}')
    const { headers } = await visit('/gated', { headers: PAGE })
    assert.equal(headers.location, `${basePath}/sign-in?redirect_to=%2Fgated`)
    // The sign-in page does not exist, but the proxy lets the request pass.
    assert.equal((await visit('/sign-in?redirect_to=%2Fgated', { headers: PAGE })).status, 404)
    const page = await visit('/gated/open', { headers: PAGE })
    assert.equal(/guest ([0-9a-f-]+)/.exec(page.text)?.[1], guestOf(page.cookies))
    await application.remove()
  })
}

function testEdge() {
  test('next build rejects a route on the Edge runtime and explains why', { timeout: SUITE_TIMEOUT }, async () => {
    const application = new Application(join(__dirname, 'edge'), { next: 16 })
    applications.push(application)
    const { code, output } = await application.build()
    assert.notEqual(code, 0)
    assert.match(output, NODE_ONLY_ERROR_PATTERN)
  })
}

function createFixture({ next, isStandalone, isLinked = false, basePath = '' }) {
  const { port } = /** @type {import('node:net').AddressInfo} */ (slowKeys.address())
  const application = new Application(FIXTURE, {
    next,
    isLinked,
    files: next === 16 ? { 'proxy.ts': proxy('') } : { 'middleware.ts': proxy("runtime: 'nodejs',") },
    env: {
      LOGTO_URL: issuer.logtoUrl,
      SLOW_KEYS: `http://127.0.0.1:${port}/`,
      ...(isStandalone && { STANDALONE: '1' }),
      ...(basePath !== '' && { BASE_PATH: basePath }),
      // Turbopack takes seconds to write a cache for later builds, which these tests do not have.
      ...(next === 16 && { EXPERIMENTAL: '{"turbopackFileSystemCacheForBuild":false}' }),
    },
  })
  applications.push(application)
  return application
}

function proxy(runtime) {
  return `
    import { authProxy } from 'logto-authkit/next'
    import createMiddleware from 'next-intl/middleware'
    import { options } from '@/lib/gates'

    const intl = createMiddleware({ locales: ['en', 'de'], defaultLocale: 'en' })

    export default authProxy({
      ...options,
      allowGuest: true,
      publicPaths: ['/', '/client', '/gated/open', '/intl', '/de/intl'],
      signInUrl: ({ nextUrl }) => (nextUrl.pathname.startsWith('/gated/loop') ? '/gated/loop/sign-in' : '/sign-in'),
      next: (request) => (/^\\/(?:de\\/|en\\/)?intl/.test(request.nextUrl.pathname) ? intl(request) : undefined),
    })

    export const config = { ${runtime} matcher: ['/((?!api/|whoami|action|fixed|.*\\\\.svg$).*)'] }`
}

/**
 * Every way to be rejected: the code, the gate that rejects, and the headers to send.
 *
 * @type {() => [string, string, () => any][]}
 */
function rejections() {
  const mint = (options) => bearer(issuer.mint({ audience: AUDIENCE, ...options }))
  return [
    ['missing_token', 'token', () => ({})],
    ['ambiguous_token', 'token', () => ({ cookie: 'logto_authtoken=a.b.c; logto_authtoken=d.e.f' })],
    ['opaque_token', 'token', () => bearer(randomBytes(32).toString('base64url'))],
    ['malformed_token', 'token', () => mint({ header: { crit: ['exp'] } })],
    ['unsupported_algorithm', 'token', () => mint({ header: { alg: 'none' } })],
    ['invalid_token_type', 'token', () => mint({ header: { typ: 'JWT' } })],
    ['unknown_key', 'token', () => mint({ header: { kid: 'unknown' }, claims: { iat: 1 } })],
    ['invalid_signature', 'token', () => bearer(alice.replace(/[^.]+$/, issuer.mint().split('.')[2]))],
    ['invalid_claims', 'token', () => mint({ claims: { exp: undefined } })],
    ['invalid_issuer', 'token', () => mint({ claims: { iss: 'https://other.example.test/oidc' } })],
    ['invalid_audience', 'token', () => mint({ audience: 'https://other.example.test' })],
    ['token_expired', 'token', () => mint({ expiresIn: -1 })],
    ['token_not_active', 'token', () => mint({ notBefore: 60 })],
    ['token_revoked', 'revoked', () => mint({})],
    ['wrong_organization', 'organization', () => mint({ organizationId: 'other' })],
    ['missing_scope', 'scope', () => mint({ scope: 'read:orders' })],
    ['missing_role', 'role', () => mint({ claims: { roles: ['viewer'] } })],
    ['jwks_unavailable', 'outage', () => mint({})],
  ]
}

function assertRejected(answered, error) {
  assert.equal(answered.status, error.status, answered.text)
  assert.equal(JSON.parse(answered.text).code, error.code)
  assert.match(answered.headers['cache-control'] ?? '', /\bno-store$/)
  if (!(error instanceof AuthError)) return
  const { headers, body } = answer(error)
  assert.equal(answered.text, body)
  for (const [name, value] of Object.entries(headers)) {
    const sent = answered.headers[name.toLowerCase()]
    // The seconds until the next fetch differ between processes.
    if (name === 'Retry-After') assert.match(String(sent), /^\d+$/)
    else assert.equal(sent, value, name)
  }
  assert.equal('www-authenticate' in answered.headers, 'WWW-Authenticate' in headers)
  assert.deepEqual(answered.cookies, [])
}

/** Sends a request without waiting for the response. */
async function openRequest(url, headers) {
  const request = get(url, { headers }).on('error', () => {})
  return request
}

function scripts(folder) {
  const files = readdirSync(folder, { recursive: true }).map(String)
  return files
    .filter((file) => file.endsWith('.js'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
}

const bearer = (token) => ({ authorization: `Bearer ${token}` })

const cookie = (token) => ({ cookie: `logto_authtoken=${token}` })

const guestOf = (cookies) => cookies.map((value) => GUEST_COOKIE_PATTERN.exec(value)?.[1]).find(Boolean)

const unescaped = (html = '') => html.replaceAll('&quot;', '"').replaceAll('&amp;', '&')

/** The cookie on http://localhost. Next.js serializes it again if a handler sets cookies through `cookies()`. */
const GUEST_COOKIE_PATTERN =
  /^guest_logto_authtoken=([0-9a-f-]{36}); Path=\/; (?:Expires=[^;]+; )?Max-Age=604800; HttpOnly; SameSite=Lax$/i

/** @type {Record<string, [number, ((headers: import('node:http').IncomingHttpHeaders, text: string) => void)?]>} */
const ANSWERS = {
  json: [200, (headers) => assert.equal(headers['cache-control'], 'private')],
  own: [
    200,
    (headers) => {
      assert.equal(headers['cache-control'], 'private')
      assert.match(headers.vary ?? '', /\bAccept\b/)
      assert.deepEqual(headers['set-cookie']?.slice(0, 2), ['theme=dark; Path=/', 'language=de; Path=/'])
    },
  ],
  asked: [200],
  jar: [200, (headers) => assert.ok(headers['set-cookie']?.includes('theme=dark; Path=/'))],
  redirect: [303, (headers) => assert.equal(headers.location, 'https://elsewhere.example.test/')],
  stream: [200, (_, text) => assert.equal(text, 'one two three')],
  fetched: [200, (_, text) => assert.ok(JSON.parse(text).keys)],
  cached: [200, (_, text) => assert.ok(JSON.parse(text).keys)],
  shared: [204, (headers) => assert.equal(headers['x-shared'], 'yes')],
  refused: [403, (headers) => assert.equal(headers['cache-control'], 'no-store')],
}

/** Headers that bypassed other middleware (CVE-2025-29927), or that other software trusts. */
const SPOOFED = [
  { 'x-middleware-subrequest': 'middleware:middleware:middleware:middleware:middleware' },
  { 'x-middleware-subrequest': 'src/middleware:src/middleware:src/middleware:src/middleware:src/middleware' },
  { 'x-middleware-subrequest': 'proxy:proxy:proxy:proxy:proxy' },
  { 'x-middleware-next': '1' },
  { 'x-middleware-rewrite': '/gated/open' },
  { 'x-middleware-override-headers': 'authorization', 'x-middleware-request-authorization': 'Bearer a.b.c' },
  { 'x-middleware-set-cookie': 'logto_authtoken=a.b.c' },
  { 'x-user-id': 'alice', 'x-logto-user-id': 'alice', 'x-auth-user': 'alice', 'x-forwarded-user': 'alice' },
  { 'x-auth': '{"userId":"alice","isAuthenticated":true}', auth: '{"userId":"alice"}' },
  { 'x-forwarded-host': 'localhost', 'x-forwarded-for': '127.0.0.1', 'x-original-url': '/', 'x-rewrite-url': '/' },
  { cookie: 'guest_logto_authtoken=alice' },
  { cookie: 'auth=alice; userId=alice; LOGTO_AUTHTOKEN=alice' },
  { authorization: 'Basic YWxpY2U6' },
]

/** Protected paths, in spellings that have bypassed other proxies. */
const HIDDEN = [
  '/gated/visitor',
  '/gated/visitor/',
  '/gated//visitor',
  '//gated/visitor',
  '/gated/./visitor',
  '/gated/open/../visitor',
  '/gated/open/%2e%2e/visitor',
  '/gated/open/..%2fvisitor',
  '/gated/open%2f..%2fvisitor',
  '/gated/open/..%5cvisitor',
  '/gated/open\\..\\visitor',
  '/gated/%76isitor',
  '/%67ated/visitor',
  '/gated/visitor.rsc',
  '/gated/visitor.json',
  '/gated/visitor.segments/_tree.segment.rsc',
  '/gated/visitor?_rsc=1',
  '/gated.rsc',
  '/gated.segments/_tree.segment.rsc',
  '/gated.segments/gated/__PAGE__.segment.rsc',
  '/gated/open/..;/visitor',
  '/_next/data/BUILD/gated/legacy.json',
  '/_next/data/BUILD/gated/open/../legacy.json',
  '/_next/data/BUILD/gated/legacy.json?nextLocale=en',
  '/_next/data/BUILD//gated/legacy.json',
  '/_next/static/../../gated/visitor',
  '/_next/static/..%2f..%2fgated/visitor',
]

module.exports = { testDev, testEdge, testVariant }
