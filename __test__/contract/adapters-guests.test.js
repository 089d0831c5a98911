const assert = require('node:assert/strict')
const { test } = require('node:test')
const { describeAdapters } = require('../support/adapters')
const { AUDIENCE } = require('../support/helpers')

/** A Logto server that is never contacted, because no request carries a token. */
const GUESTS = { logtoUrl: 'https://auth.example.test', audience: AUDIENCE, allowGuest: true }

/** A host that browsers do not treat as this machine. */
const PUBLIC = { host: 'app.example.test' }

describeAdapters(['guests'], (adapter, has) => {
  test('sets the guest cookie once, for a new guest', async (t) => {
    const client = await adapter.serve(t, { steps: [{ auth: GUESTS }] })
    const first = await client('/', { headers: PUBLIC })
    const { guestId, guestReason } = JSON.parse(first.body)
    assert.match(guestId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(guestReason, 'missing_token')
    assert.deepEqual(first.cookies, [
      `guest_logto_authtoken=${guestId}; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax`,
    ])
    assert.deepEqual([first.headers.vary, first.headers['cache-control']], ['Cookie', 'private'])

    for (const id of [guestId, 'known']) {
      const known = await client('/', { headers: { ...PUBLIC, cookie: `guest_logto_authtoken=${id}` } })
      assert.equal(JSON.parse(known.body).guestId, id)
      assert.deepEqual([known.cookies, known.headers.vary, known.headers['cache-control']], [[], undefined, undefined])
    }

    const invalid = await client('/', { headers: { ...PUBLIC, cookie: 'guest_logto_authtoken=<script>' } })
    assert.notEqual(JSON.parse(invalid.body).guestId, guestId)
    assert.equal(invalid.cookies.length, 1)
  })

  test('omits Secure on plain http to this machine only', async (t) => {
    const client = await adapter.serve(t, { steps: [{ auth: GUESTS }] })
    const isSecure = async (host) => /; Secure/.test((await client('/', { headers: { host } })).cookies[0])
    for (const host of ['localhost', 'localhost:3000', 'LOCALHOST', '127.0.0.1:80', '[::1]:3000']) {
      assert.equal(await isSecure(host), false, host)
    }
    for (const host of ['app.example.test', 'localhost.example.test', '127.0.0.1.example.test', '10.0.0.1']) {
      assert.equal(await isSecure(host), true, host)
    }
  })

  test('sets the attributes of guestCookie, and Secure if browsers require it', async (t) => {
    for (const [guestCookie, ...expected] of /** @type {[any, ...string[]][]} */ ([
      [false],
      [
        { name: 'visitor', maxAge: 60, path: '/app', domain: 'example.test' },
        'visitor=ID; Path=/app; Max-Age=60; HttpOnly; SameSite=Lax; Domain=example.test',
      ],
      [{ secure: true }, 'guest_logto_authtoken=ID; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax'],
      [{ sameSite: 'none' }, 'guest_logto_authtoken=ID; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=None'],
      [{ name: '__Host-guest' }, '__Host-guest=ID; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax'],
    ])) {
      const client = await adapter.serve(t, { steps: [{ auth: { ...GUESTS, guestCookie } }] })
      const { cookies, body } = await client('/', { headers: { host: 'localhost' } })
      assert.deepEqual(
        cookies.map((cookie) => cookie.replace(JSON.parse(body).guestId, 'ID')),
        expected,
      )
    }
  })

  test('B4: keeps the cookies of the application, and never its public Cache-Control', async (t) => {
    const cases = /** @type {[Record<string, string | string[]>, string[], string, string][]} */ ([
      [{ 'Set-Cookie': ['a=1', 'b=2'], Vary: 'Accept' }, ['a=1', 'b=2'], 'Accept, Cookie', 'private'],
      [{ 'Cache-Control': 'public, max-age=60', Vary: '*' }, [], '*', 'private'],
      [{ 'Cache-Control': 'max-age=60, s-maxage=60', Vary: '*' }, [], '*', 'private'],
      [{ 'Cache-Control': 'private="x-id", max-age=60', Vary: '*' }, [], '*', 'private'],
      [{ 'Cache-Control': 'no-cache', Vary: '*' }, [], '*', 'private, no-cache'],
      [{ 'Cache-Control': 'max-age=60, Private', Vary: '*' }, [], '*', 'max-age=60, Private'],
      [{ 'CDN-Cache-Control': 'public, max-age=60', 'Surrogate-Control': 'max-age=60' }, [], 'Cookie', 'private'],
      [{ 'Cache-Control': 'no-store', Vary: 'cookie' }, [], 'cookie', 'no-store'],
      [{ Vary: '*' }, [], '*', 'private'],
    ])
    const routes = Object.fromEntries(cases.map(([headers], index) => [`/${index}`, { headers }]))
    const client = await adapter.serve(t, { steps: [{ auth: GUESTS }], routes })
    for (const [index, [, own, vary, cacheControl]] of cases.entries()) {
      const given = await client(`/${index}`)
      assert.deepEqual(given.cookies.slice(0, -1), own)
      assert.ok(given.cookies.at(-1)?.startsWith(`guest_logto_authtoken=${JSON.parse(given.body).guestId};`))
      assert.deepEqual([given.headers.vary, given.headers['cache-control']], [vary, cacheControl])
      for (const name of ['cdn-cache-control', 'surrogate-control']) assert.equal(given.headers[name], undefined)
    }
  })

  test('keeps the Cache-Control of the application for a known guest', async (t) => {
    const headers = { 'Cache-Control': 'public, max-age=60', 'CDN-Cache-Control': 'max-age=60' }
    const client = await adapter.serve(t, { steps: [{ auth: GUESTS }], routes: { '/': { headers } } })
    const given = await client('/', { headers: { cookie: 'guest_logto_authtoken=known' } })
    assert.equal(given.headers['cache-control'], 'public, max-age=60')
    assert.equal(given.headers['cdn-cache-control'], 'max-age=60')
  })

  test('does not notice changes of the options after construction', async (t) => {
    const guestCookie = { name: 'visitor' }
    const options = { ...GUESTS, guestCookie }
    const client = await adapter.serve(t, { steps: [{ auth: options }] })
    guestCookie.name = 'a=b; c'
    options.allowGuest = false
    const { status, cookies } = await client()
    assert.equal(status, 200)
    assert.match(cookies[0], /^visitor=/)
  })

  if (!has('middleware')) return

  test('creates a single guest for several logtoAuth, which is the guest that the handler sees', async (t) => {
    const client = await adapter.serve(t, { steps: [{ auth: GUESTS }, { auth: GUESTS }] })
    const { cookies, body } = await client()
    assert.equal(cookies.length, 1)
    assert.ok(cookies[0].startsWith(`guest_logto_authtoken=${JSON.parse(body).guestId};`))
  })
})
