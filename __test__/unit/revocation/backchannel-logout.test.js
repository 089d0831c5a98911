const assert = require('node:assert/strict')
const { generateKeyPairSync, sign } = require('node:crypto')
const { createServer } = require('node:http')
const { describe, test } = require('node:test')
const { createVerifier } = require('logto-authkit')
const { AUDIENCE, startIssuer, startServer, verdict } = require('../../support/helpers')
const { bodyReaders, express } = require('../../support/bodies')
const { listen } = require('../../support/servers')
const { fastifyAdapter, nestServer } = require('../../support/nest')
const { startRevocations } = require('../../support/webhooks')
const recording = require('../../fixtures/revocation.json')

const CLIENT = 'test-app'
const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const now = () => Math.floor(Date.now() / 1000)

/** A fetch request with a form. */
const post = (body, headers = /** @type {Record<string, string>} */ (FORM)) =>
  new Request('http://localhost/logout', { method: 'POST', headers, body })

/** A fetch request with a logout token. */
const request = (token, headers = FORM) => post(`logout_token=${encodeURIComponent(token)}`, headers)

/** A logout token as Logto sends it. `undefined` removes a member. */
const mint = (issuer, claims = {}, header = {}) =>
  issuer.mint({
    sub: 'alice',
    audience: CLIENT,
    claims: { exp: now() + 120, client_id: undefined, scope: undefined, events: EVENTS, ...claims },
    header: { typ: 'logout+jwt', ...header },
  })

/** The status of the response, and its error. @type {(response: Response) => Promise<[number, any]>} */
async function answer(response) {
  assert.equal(response.headers.get('cache-control'), 'no-store')
  const text = await response.text()
  if (response.status === 200) assert.equal(text, '')
  return [response.status, text === '' ? null : JSON.parse(text)]
}

async function start(t, options = {}) {
  const issuer = await startIssuer(t)
  const { store, revocations } = startRevocations(t)
  const logout = revocations.backchannelLogout({ logtoUrl: issuer.logtoUrl, clientId: CLIENT, ...options })
  return { issuer, store, revocations, logout }
}

describe('a logout token', () => {
  test('revokes the tokens that the user has been issued so far', async (t) => {
    const { issuer, revocations, logout, store } = await start(t)
    const verifier = createVerifier({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE, revocations })
    const token = (sub, iat) => issuer.mint({ sub, claims: { iat } })
    const [before, after, other] = [token('alice', now()), token('alice', now() + 5), token('bob', now())]
    assert.equal(await verdict(verifier.verify(before)), 'accepted')
    assert.deepEqual(await answer(await logout(request(mint(issuer, { sid: 's', iat: now() })))), [200, null])
    assert.equal(await verdict(verifier.verify(before)), 'token_revoked')
    assert.equal(await verdict(verifier.verify(after)), 'accepted')
    assert.equal(await verdict(verifier.verify(other)), 'accepted')
    assert.equal(store.entries.length, 1)
  })

  test("revokes only the session's tokens with match: 'session'", async (t) => {
    const { issuer, revocations, logout } = await start(t, { match: 'session' })
    const verifier = createVerifier({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE, revocations })
    const token = (sid, iat = now()) => issuer.mint({ sub: 'alice', claims: { sid, iat } })
    assert.deepEqual(await answer(await logout(request(mint(issuer, { sid: 's1' })))), [200, null])
    assert.equal(await verdict(verifier.verify(token('s1'))), 'token_revoked')
    assert.equal(await verdict(verifier.verify(token('s1', now() + 5))), 'token_revoked')
    assert.equal(await verdict(verifier.verify(token('s2'))), 'accepted')
  })

  test('with only one of sub and sid is matched by that one', async (t) => {
    for (const match of ['subject', 'session']) {
      const { issuer, logout, store } = await start(t, { match })
      for (const claims of [{ sid: 's', sub: undefined }, { sub: 'u' }]) {
        assert.deepEqual(await answer(await logout(request(mint(issuer, claims)))), [200, null])
      }
      assert.deepEqual(
        store.entries.map((entry) => JSON.parse(entry).kind),
        ['session', 'subject'],
      )
    }
  })

  test('of any of several applications is accepted', async (t) => {
    const { issuer, logout } = await start(t, { clientId: ['a', 'b'] })
    const status = async (aud) => (await logout(request(mint(issuer, { aud })))).status
    assert.deepEqual(
      [await status('a'), await status('b'), await status(['c', 'b']), await status('c')],
      [200, 200, 200, 400],
    )
  })

  test('without exp, as Logto issued it before 1.42, is accepted for five minutes', async (t) => {
    const { issuer, logout } = await start(t)
    const status = async (iat) => (await logout(request(mint(issuer, { exp: undefined, iat })))).status
    assert.deepEqual([await status(now()), await status(now() - 290), await status(now() - 310)], [200, 200, 400])
  })

  test('is accepted only once, and again if it was not stored', async (t) => {
    const { issuer, logout, store } = await start(t)
    const token = mint(issuer)
    store.failure = new Error('down')
    const unavailable = { error: 'temporarily_unavailable', error_description: 'The logout could not be stored' }
    assert.deepEqual(await answer(await logout(request(token))), [400, unavailable])
    store.failure = null
    assert.deepEqual(await answer(await logout(request(token))), [200, null])
    const replayed = { error: 'invalid_request', error_description: 'Token has been received before' }
    assert.deepEqual(await answer(await logout(request(token))), [400, replayed])
    assert.deepEqual(await answer(await logout(request(mint(issuer)))), [200, null])
  })

  test('uses the keys that verifiers have cached', async (t) => {
    const { issuer, logout } = await start(t)
    await createVerifier({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE }).prefetch()
    assert.equal((await logout(request(mint(issuer)))).status, 200)
    assert.equal(issuer.jwksRequests, 1)
  })

  test('signed with another accepted algorithm is accepted', async (t) => {
    for (const alg of /** @type {const} */ (['RS256', 'ES256', 'ES512', 'EdDSA'])) {
      const issuer = await startIssuer(t, { alg })
      const { revocations } = startRevocations(t)
      const logout = revocations.backchannelLogout({ logtoUrl: issuer.logtoUrl, clientId: CLIENT })
      assert.deepEqual(await answer(await logout(request(mint(issuer)))), [200, null], alg)
    }
  })

  test('responds within two seconds while the store hangs or the keys cannot be fetched', async (t) => {
    const { issuer, logout, store, revocations } = await start(t)
    store.append = () => new Promise(() => {})
    const answers = [logout(request(mint(issuer)))]
    for (const outage of /** @type {const} */ (['hang', 'error'])) {
      const other = await startIssuer(t)
      other.setOutage(outage)
      const failing = revocations.backchannelLogout({ logtoUrl: other.logtoUrl, clientId: CLIENT })
      answers.push(failing(request(mint(other))))
    }
    for (const response of await Promise.all(answers)) {
      const [status, body] = await answer(response)
      assert.deepEqual([status, body.error], [400, 'temporarily_unavailable'])
    }
    // The revocation is in force here nevertheless.
    assert.equal(revocations.stats().entries, 1)
  })
})

describe('a recorded logout token of Logto', () => {
  for (const run of recording.runs) {
    for (const name of /** @type {const} */ (['plain', 'withSidScript'])) {
      test(`with ${run.kind} keys revokes the recorded access tokens (${name})`, async (t) => {
        const { tokens, logoutRequests, accessAfterLogout } = run[name]
        const at = { jwks: run.jwks, currentDate: new Date(logoutRequests[0].receivedAt) }
        const logtoUrl = recording.issuer.slice(0, -'/oidc'.length)
        for (const match of /** @type {const} */ (['subject', 'session'])) {
          const { revocations, store } = startRevocations(t)
          const clientId = [run.clients.web1.id, run.clients.web2.id]
          const logout = revocations.backchannelLogout({ logtoUrl, clientId, match, ...at })
          const verifier = createVerifier({ logtoUrl, audience: AUDIENCE, revocations, ...at })
          assert.equal(await verdict(verifier.verify(tokens.web1.access)), 'accepted')
          for (const { body } of logoutRequests) {
            assert.deepEqual(await answer(await logout(post(body))), [200, null])
            // Replayed, and for another application.
            assert.equal((await logout(post(body))).status, 400)
            const other = revocations.backchannelLogout({ logtoUrl, clientId: 'other', match, ...at })
            assert.equal((await other(post(body))).status, 400)
          }
          assert.equal(await verdict(verifier.verify(tokens.web1.access)), 'token_revoked')
          // A refreshed token is newer than the logout. Only its `sid` shows that the session has ended.
          const isCovered = match === 'session' && name === 'withSidScript'
          const later = createVerifier({ ...at, logtoUrl, audience: AUDIENCE, revocations })
          const refreshed = await verdict(later.verify(accessAfterLogout))
          assert.equal(refreshed, isCovered ? 'token_revoked' : 'accepted', `${match} ${name}`)
          assert.equal(store.entries.length, 2)
        }
      })
    }
  }
})

test("oidc-provider's own logout tokens are accepted", async (t) => {
  const { default: Provider } = await import('oidc-provider')
  const server = createServer()
  const issuer = await listen(t, server)
  const { revocations, store } = startRevocations(t)
  const logout = revocations.backchannelLogout({
    logtoUrl: issuer,
    issuer,
    jwksUri: `${issuer}/jwks`,
    clientId: CLIENT,
  })
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  /** @type {number[]} */
  const statuses = []
  const { url } = await startServer(t, async (req, res) => {
    await logout(req, res)
    statuses.push(res.statusCode)
  })
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT,
        client_secret: 'secret',
        redirect_uris: ['https://app.example.com/callback'],
        backchannel_logout_uri: url,
        backchannel_logout_session_required: true,
        id_token_signed_response_alg: 'ES384',
      },
    ],
    features: { backchannelLogout: { enabled: true } },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES384', use: 'sig', kid: 'k1' }] },
    enabledJWA: { idTokenSigningAlgValues: ['ES384'] },
    fetch: (/** @type {any} */ target, /** @type {any} */ options) =>
      fetch(target, { ...options, dispatcher: undefined }),
  })
  server.on('request', provider.callback())
  const client = await /** @type {any} */ (provider.Client).find(CLIENT)
  await client.backchannelLogout('alice', 'sid-1')
  await client.backchannelLogout('bob', 'sid-2')
  assert.deepEqual(statuses, [200, 200])
  assert.deepEqual(
    store.entries.map((entry) => JSON.parse(entry).id),
    ['alice', 'bob'],
  )
})

describe('a mutated logout token is rejected with 400:', () => {
  const invalid = (description) => ({ error: 'invalid_request', error_description: description })
  const claim = (name) => invalid(`Token has a missing or malformed claim: ${name}`)
  const expired = invalid('Token has expired')
  const malformed = invalid('Token is not a valid JWT')
  const noLogout = invalid('Token is not a logout token')
  const signature = invalid('Token signature is invalid')
  const issuer = invalid('Token was issued by another server')
  const audience = invalid('Token was issued for another application')
  const claims = (changes) => (all) => mint(all.issuer, changes())
  const header = (changes) => (all) => mint(all.issuer, {}, changes)
  const parts = (change) => (all) => change(mint(all.issuer).split('.')).join('.')
  /** Replaces a member of the payload after the token has been signed. */
  const tampered = (changes) =>
    parts(([head, payload, tag]) => {
      const decoded = { ...JSON.parse(String(Buffer.from(payload, 'base64url'))), ...changes }
      return [head, Buffer.from(JSON.stringify(decoded)).toString('base64url'), tag]
    })

  /** @type {[string, (all: any) => string, object][]} */
  const MUTATIONS = [
    ['iss of another server', claims(() => ({ iss: 'https://evil.example.com/oidc' })), issuer],
    ['iss with a trailing slash', (all) => mint(all.issuer, { iss: `${all.issuer.issuer}/` }), issuer],
    ['no iss', claims(() => ({ iss: undefined })), issuer],
    ['iss is an array', (all) => mint(all.issuer, { iss: [all.issuer.issuer] }), issuer],
    ['aud of another application', claims(() => ({ aud: 'other' })), audience],
    ['aud of the API', claims(() => ({ aud: AUDIENCE })), audience],
    ['no aud', claims(() => ({ aud: undefined })), audience],
    ['aud is empty', claims(() => ({ aud: [] })), audience],
    ['exp in the past', claims(() => ({ exp: now() - 1 })), expired],
    ['exp is a string', claims(() => ({ exp: `${now() + 120}` })), claim('exp')],
    ['exp is null', claims(() => ({ exp: null })), claim('exp')],
    ['no iat', claims(() => ({ iat: undefined })), claim('iat')],
    ['iat is a string', claims(() => ({ iat: `${now()}` })), claim('iat')],
    ['iat ten minutes ago', claims(() => ({ iat: now() - 600 })), expired],
    ['iat in the future', claims(() => ({ iat: now() + 120 })), invalid('Token is not valid yet')],
    ['nbf in the future', claims(() => ({ nbf: now() + 120 })), invalid('Token is not valid yet')],
    ['no events', claims(() => ({ events: undefined })), claim('events')],
    ['events is an array', claims(() => ({ events: Object.keys(EVENTS) })), claim('events')],
    ['events is a string', claims(() => ({ events: Object.keys(EVENTS)[0] })), claim('events')],
    ['events is empty', claims(() => ({ events: {} })), claim('events')],
    ['another event', claims(() => ({ events: { 'http://schemas.openid.net/event/other': {} } })), claim('events')],
    ['the event is no object', claims(() => ({ events: { [Object.keys(EVENTS)[0]]: true } })), claim('events')],
    ['a nonce', claims(() => ({ nonce: 'n' })), claim('nonce')],
    ['a nonce that is null', claims(() => ({ nonce: null })), claim('nonce')],
    ['neither sub nor sid', claims(() => ({ sub: undefined })), claim('sub')],
    ['sub is a number', claims(() => ({ sub: 5, sid: 's' })), claim('sub')],
    ['sub is empty', claims(() => ({ sub: '', sid: 's' })), claim('sub')],
    ['sid is an object', claims(() => ({ sid: {} })), claim('sid')],
    ['sid is empty', claims(() => ({ sid: '' })), claim('sid')],
    ['no jti', claims(() => ({ jti: undefined })), claim('jti')],
    ['jti is a number', claims(() => ({ jti: 5 })), claim('jti')],
    ['typ of an access token', header({ typ: 'at+jwt' }), noLogout],
    ['typ JWT', header({ typ: 'JWT' }), noLogout],
    ['no typ, as in an ID token', header({ typ: undefined }), noLogout],
    ['an access token', (all) => all.issuer.mint({ sub: 'alice', audience: CLIENT }), noLogout],
    ['crit', header({ crit: ['exp'] }), malformed],
    ['another kid', header({ kid: 'x' }), invalid('Token is signed with an unknown key')],
    ['alg none', header({ alg: 'none' }), invalid('Token is signed with an algorithm that is not accepted')],
    ['alg HS256', header({ alg: 'HS256' }), invalid('Token is signed with an algorithm that is not accepted')],
    ['no signature', parts(([head, payload]) => [head, payload, '']), malformed],
    ['another signature', parts(([head, payload]) => [head, payload, 'A'.repeat(128)]), signature],
    ['another sub after signing', tampered({ sub: 'bob' }), signature],
    ['the signature of another key', (all) => resigned(mint(all.issuer)), signature],
    ['truncated', (all) => mint(all.issuer).slice(0, -20), signature],
    ['two parts', parts(([head, payload]) => [head, payload]), malformed],
    [
      'duplicate members',
      (all) => mint(all.issuer, { __proto__: null, 'a"': 1 }).replace(/^[^.]+/, duplicateHeader),
      malformed,
    ],
    ['white space', (all) => ` ${mint(all.issuer)}`, malformed],
    ['an opaque token', () => 'abc', noLogout],
    ['too long', (all) => mint(all.issuer, { padding: 'x'.repeat(20_000) }), malformed],
    ['empty', () => '', noLogout],
  ]
  assert.ok(MUTATIONS.length >= 40)

  test('all of them, and none has an effect', async (t) => {
    const all = await start(t)
    for (const [name, create, expected] of MUTATIONS) {
      assert.deepEqual(await answer(await all.logout(request(create(all)))), [400, expected], name)
    }
    assert.deepEqual([all.store.entries, all.revocations.stats().entries], [[], 0])
    assert.equal((await all.logout(request(mint(all.issuer)))).status, 200)
  })

  /** The token with the signature of a key that the issuer does not have. */
  function resigned(token) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const signed = token.slice(0, token.lastIndexOf('.'))
    const tag = sign('sha384', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${signed}.${tag.toString('base64url')}`
  }

  const duplicateHeader = (head) => {
    const json = String(Buffer.from(head, 'base64url'))
    return Buffer.from(json.replace('{', '{"alg":"ES384",')).toString('base64url')
  }
})

describe('a request without exactly one logout token is rejected with 400:', () => {
  const BAD = { error: 'invalid_request', error_description: 'The body must be a form with one logout_token' }
  /** @type {[string, (token: string) => Request][]} */
  const REQUESTS = [
    ['no body', () => post(undefined)],
    ['another parameter', (token) => post(`token=${token}`)],
    ['two tokens', (token) => post(`logout_token=${token}&logout_token=${token}`)],
    ['JSON', (token) => post(JSON.stringify({ logout_token: token }), { 'content-type': 'application/json' })],
    ['no type', (token) => post(Buffer.from(`logout_token=${token}`), {})],
  ]

  test('all of them', async (t) => {
    const { issuer, logout } = await start(t)
    for (const [name, create] of REQUESTS)
      assert.deepEqual(await answer(await logout(create(mint(issuer)))), [400, BAD], name)
    const parameters = { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8' }
    assert.equal((await logout(request(mint(issuer), parameters))).status, 200)
  })
})

describe('the form is found in', () => {
  const APPLICATIONS = {
    ...bodyReaders(FORM['content-type']),
    'Express 4 with express.json': express((app, { json }) => app.use(json()), 'express-4'),
    'Express with express.urlencoded': express((app, { urlencoded }) => app.use(urlencoded())),
    'Fastify with @fastify/formbody': async (logout) => {
      const app = require('fastify')()
      app.register(require('@fastify/formbody'))
      app.post('/hook', logout)
      await app.ready()
      return app.server
    },
    'NestJS with its own parsers': (logout) => nestServer('hook', logout, {}),
    'NestJS with rawBody': (logout) => nestServer('hook', logout, { rawBody: true }),
    'NestJS on Fastify': (logout) => nestServer('hook', logout, {}, fastifyAdapter()),
  }
  for (const [name, create] of Object.entries(APPLICATIONS)) {
    test(name, async (t) => {
      const { issuer, logout, store } = await start(t)
      const url = await listen(t, await create(logout))
      const send = (body) => fetch(`${url}/hook`, { method: 'POST', headers: FORM, body })
      assert.deepEqual(await answer(await send(`logout_token=${mint(issuer)}`)), [200, null])
      assert.equal((await send('logout_token=a&logout_token=b')).status, 400)
      for (const empty of ['', undefined]) assert.equal((await send(empty)).status, 400)
      assert.equal(store.entries.length, 1)
    })
  }
})
