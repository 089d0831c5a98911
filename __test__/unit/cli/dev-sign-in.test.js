/** The sign-in of `dev`, over HTTP. The system tests sign in with Logto's SDKs. */

const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const http = require('node:http')
const { text } = require('node:stream/consumers')
const { describe, test } = require('node:test')
const jose = require('jose')
const { verifyAuth } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { cli, startDev } = require('../../support/cli')
const { verdict } = require('../../support/helpers')
const { AUDIENCE } = require('../../support/tokens')

const VERIFIER = 'a'.repeat(43)
const REDIRECT_URI = 'http://localhost:3000/callback'
const REQUEST = {
  client_id: 'my-app',
  redirect_uri: REDIRECT_URI,
  response_type: 'code',
  scope: 'openid offline_access profile read:orders write:orders',
  resource: AUDIENCE,
  state: 's&1',
  prompt: 'consent',
  nonce: 'n',
  code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
  code_challenge_method: 'S256',
}

/** Sends an authorization request, and returns the response or the parameters of its redirect. */
async function authorize(logtoUrl, parameters, headers = {}) {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...REQUEST, ...parameters }))
    for (const item of [value].flat()) if (item !== undefined) query.append(name, item)
  const response = await fetch(`${logtoUrl}/oidc/auth?${query}`, { redirect: 'manual', headers })
  const location = response.headers.get('location')
  return { response, result: location === null ? null : Object.fromEntries(new URL(location).searchParams) }
}

async function post(logtoUrl, body, headers = {}) {
  const response = await fetch(`${logtoUrl}/oidc/token`, { method: 'POST', body: new URLSearchParams(body), headers })
  return { status: response.status, body: /** @type {any} */ (await response.json()) }
}

const exchange = (logtoUrl, code, parameters = {}) =>
  post(logtoUrl, {
    grant_type: 'authorization_code',
    client_id: 'my-app',
    code,
    redirect_uri: REDIRECT_URI,
    code_verifier: VERIFIER,
    ...parameters,
  })

/** Signs a user in, and returns the response of the token endpoint. */
async function signIn(logtoUrl, parameters = {}) {
  const { result } = await authorize(logtoUrl, { user: 'alice', grant: 'read:orders', ...parameters })
  const { status, body } = await exchange(logtoUrl, result?.code ?? '')
  assert.equal(status, 200)
  return body
}

const refresh = (logtoUrl, refreshToken, parameters) =>
  post(logtoUrl, { grant_type: 'refresh_token', client_id: 'my-app', refresh_token: refreshToken, ...parameters })

describe('the sign-in of dev', { timeout: 60_000 }, () => {
  test('shows a form, and issues tokens for the chosen user with the chosen permissions', async (t) => {
    const { logtoUrl } = await startDev(t)
    const { response } = await authorize(logtoUrl, {})
    assert.equal(response.status, 200)
    const page = await response.text()
    assert.match(page, /<h1>Sign in to my-app<\/h1>/)
    assert.match(page, /<input name="user"[^>]* value="alice">/)
    assert.deepEqual(
      [...page.matchAll(/name="grant" value="([^"]*)"/g)].map(([, scope]) => scope),
      ['read:orders', 'write:orders'],
    )
    const hidden = [...page.matchAll(/type="hidden" name="([^"]*)" value="([^"]*)"/g)]
    assert.deepEqual(Object.fromEntries(hidden.map(([, name, value]) => [name, value.replace('&amp;', '&')])), REQUEST)

    const { result } = await authorize(logtoUrl, { user: 'bob', grant: 'read:orders' })
    assert.deepEqual([result?.state, result?.iss], [REQUEST.state, `${logtoUrl}/oidc`])
    const { body } = await exchange(logtoUrl, result?.code)
    const keys = jose.createRemoteJWKSet(new URL(`${logtoUrl}/oidc/jwks`))
    const { payload } = await jose.jwtVerify(body.id_token, keys, { issuer: `${logtoUrl}/oidc`, audience: 'my-app' })
    assert.deepEqual([payload.sub, payload.nonce], ['bob', 'n'])
    assert.equal(await verdict(verifyAuth(body.access_token, { logtoUrl, audience: AUDIENCE })), 'opaque_token')

    const { body: refreshed } = await refresh(logtoUrl, body.refresh_token, { resource: AUDIENCE })
    const auth = await verifyAuth(refreshed.access_token, { logtoUrl, audience: AUDIENCE })
    assert.deepEqual([auth.userId, auth.scopes, auth.payload?.client_id], ['bob', ['read:orders'], 'my-app'])
    assert.deepEqual([refreshed.scope, refreshed.expires_in], ['read:orders', 3600])
  })

  test('issues tokens with the lifetime in --token-lifetime', async (t) => {
    const { logtoUrl, page } = await startDev(t, ['--json', '--token-lifetime', '30'])
    const { refresh_token, expires_in } = await signIn(logtoUrl)
    const { body } = await refresh(logtoUrl, refresh_token, { resource: AUDIENCE })
    const tokens = [body.access_token, await (await fetch(`${page}/token`)).text()]
    const lifetimes = tokens.map(jose.decodeJwt).map(({ exp = 0, iat = 0 }) => exp - iat)
    assert.deepEqual([expires_in, body.expires_in, ...lifetimes], [30, 30, 30, 30])
    const idToken = jose.decodeJwt(await (await fetch(`${page}/token?kind=id`)).text())
    assert.equal(Number(idToken.exp) - Number(idToken.iat), 3600)
    for (const lifetime of ['0', '1.5', 'x', '31536001']) {
      const { code, stderr } = await cli(['dev', '--token-lifetime', lifetime])
      assert.deepEqual([code, /--token-lifetime takes a (whole )?number/.test(stderr)], [2, true], stderr)
    }
  })

  test('issues a token for the API resource directly if the code is exchanged with a resource', async (t) => {
    const { logtoUrl } = await startDev(t)
    const { result } = await authorize(logtoUrl, { user: 'alice', grant: ['read:orders', 'write:orders'] })
    const { body } = await exchange(logtoUrl, result?.code, { resource: AUDIENCE })
    const options = { logtoUrl, audience: AUDIENCE, requiredScope: 'read:orders write:orders' }
    assert.equal(await verdict(verifyAuth(body.access_token, options)), 'accepted')
  })

  test('like Logto, issues a refresh token only with offline_access and consent, and an ID token only with openid', async (t) => {
    const { logtoUrl } = await startDev(t)
    for (const [parameters, tokens] of /** @type {[any, string[]][]} */ ([
      [{}, ['access_token', 'id_token', 'refresh_token']],
      [{ scope: 'openid' }, ['access_token', 'id_token']],
      [{ prompt: undefined }, ['access_token', 'id_token']],
      [{ scope: 'read:orders' }, ['access_token']],
    ])) {
      const names = Object.keys(await signIn(logtoUrl, parameters)).filter((name) => name.endsWith('_token'))
      assert.deepEqual(names, tokens)
    }
    const { refresh_token } = await signIn(logtoUrl)
    assert.equal(jose.decodeJwt((await refresh(logtoUrl, refresh_token, {})).body.id_token).sub, 'alice')
  })

  test('asks for a new sign-in after max_age, and states the time of the sign-in', async (t) => {
    const { logtoUrl } = await startDev(t)
    const { response } = await authorize(logtoUrl, { user: 'bob' })
    const cookie = String(response.headers.get('set-cookie'))
    assert.equal((await authorize(logtoUrl, { max_age: '-1' }, { cookie })).response.status, 200)
    const { result } = await authorize(logtoUrl, { max_age: '60' }, { cookie })
    const { body } = await exchange(logtoUrl, result?.code)
    const { auth_time, iat = 0 } = jose.decodeJwt(body.id_token)
    assert.ok(Number(auth_time) <= iat && Number(auth_time) > iat - 60)
  })

  test('issues tokens for organizations and machine-to-machine applications', async (t) => {
    const { logtoUrl } = await startDev(t)
    const { refresh_token } = await signIn(logtoUrl)
    const organization = await refresh(logtoUrl, refresh_token, { organization_id: 'org' })
    const audience = 'urn:logto:organization:org'
    assert.equal(
      await verdict(verifyAuth(organization.body.access_token, { logtoUrl, audience, organizationId: 'org' })),
      'accepted',
    )
    const authorization = `Basic ${Buffer.from('machine%21+1:secret').toString('base64')}`
    const body = { grant_type: 'client_credentials', resource: AUDIENCE, scope: 'read:orders' }
    const machine = await post(logtoUrl, body, { authorization })
    const auth = await verifyAuth(machine.body.access_token, { logtoUrl, audience: AUDIENCE })
    assert.deepEqual(
      [auth.payload?.sub, auth.payload?.client_id, auth.scopes],
      ['machine! 1', 'machine! 1', ['read:orders']],
    )
    const { status, body: error } = await post(logtoUrl, { grant_type: 'client_credentials', client_id: 'a' })
    assert.deepEqual(
      [status, error],
      [
        400,
        {
          code: 'oidc.invalid_target',
          message: 'both `resource` and `organization_id` are not provided',
          error: 'invalid_target',
          error_description: 'both `resource` and `organization_id` are not provided',
        },
      ],
    )
  })

  test('a code is valid once, for its client, its redirect URI and its code verifier', async (t) => {
    const { logtoUrl } = await startDev(t)
    for (const wrong of [
      { code: 'x' },
      { client_id: 'other' },
      { redirect_uri: `${REDIRECT_URI}/` },
      { code_verifier: 'b'.repeat(43) },
      { resource: 'https://other.example.com' },
    ]) {
      const { result } = await authorize(logtoUrl, { user: 'alice' })
      const { status, body } = await exchange(logtoUrl, result?.code, wrong)
      assert.deepEqual([status, body.error], [400, 'resource' in wrong ? 'invalid_target' : 'invalid_grant'])
    }
    const { result } = await authorize(logtoUrl, { user: 'alice' })
    assert.equal((await exchange(logtoUrl, result?.code)).status, 200)
    assert.equal((await exchange(logtoUrl, result?.code)).body.error_description, 'authorization code not found')
  })

  test('a refresh token is valid until it is revoked', async (t) => {
    const { logtoUrl } = await startDev(t)
    const { refresh_token: token } = await signIn(logtoUrl)
    assert.equal((await refresh(logtoUrl, token, {})).status, 200)
    assert.equal((await refresh(logtoUrl, token, { client_id: 'other' })).body.error, 'invalid_grant')
    const resources = [
      ['resource', AUDIENCE],
      ['resource', AUDIENCE],
    ]
    const body = [['grant_type', 'refresh_token'], ['client_id', 'my-app'], ['refresh_token', token], ...resources]
    assert.equal((await post(logtoUrl, body)).body.error, 'invalid_target')
    const other = await refresh(logtoUrl, token, { resource: 'https://other.example.com' })
    assert.equal(other.body.error, 'invalid_target')
    await fetch(`${logtoUrl}/oidc/token/revocation`, { method: 'POST', body: new URLSearchParams({ token }) })
    assert.equal((await refresh(logtoUrl, token, {})).body.error, 'invalid_grant')
    assert.equal((await post(logtoUrl, { grant_type: 'password' })).body.error, 'unsupported_grant_type')
  })

  test('the userinfo endpoint accepts only opaque access tokens', async (t) => {
    const { logtoUrl } = await startDev(t)
    const { access_token, id_token } = await signIn(logtoUrl)
    const userInfo = async (token) => {
      const response = await fetch(`${logtoUrl}/oidc/me`, { headers: { authorization: `Bearer ${token}` } })
      return [response.status, /** @type {any} */ (await response.json()).sub]
    }
    assert.deepEqual(await userInfo(access_token), [200, 'alice'])
    assert.deepEqual(await userInfo(id_token), [401, undefined])
    const { headers } = await fetch(`${logtoUrl}/oidc/me`)
    assert.equal(headers.get('www-authenticate'), 'Bearer error="invalid_token"')
  })

  test('a browser stays signed in, with the same permissions, until the user signs out', async (t) => {
    const { logtoUrl } = await startDev(t)
    const { response } = await authorize(logtoUrl, { user: 'bob', grant: 'read:orders' })
    const cookie = `a=b; ${response.headers.get('set-cookie')?.split(';')[0]}`
    for (const prompt of ['consent', 'none']) {
      const { result } = await authorize(logtoUrl, { prompt }, { cookie })
      const { body } = await exchange(logtoUrl, result?.code, { resource: AUDIENCE })
      assert.deepEqual([jose.decodeJwt(body.access_token).sub, body.scope], ['bob', 'read:orders'])
    }
    assert.equal((await authorize(logtoUrl, { prompt: 'login' }, { cookie })).response.status, 200)
    assert.equal((await authorize(logtoUrl, {}, { cookie: 'logto_authkit_dev_session=x' })).response.status, 200)
    await fetch(`${logtoUrl}/oidc/session/end`, { headers: { cookie } })
    assert.equal((await authorize(logtoUrl, {}, { cookie })).response.status, 200)
  })

  test('reports errors to the application as Logto does', async (t) => {
    const { logtoUrl } = await startDev(t)
    for (const [parameters, error] of /** @type {[any, string][]} */ ([
      [{ cancel: 'yes', user: 'alice' }, 'access_denied'],
      [{ prompt: 'none' }, 'login_required'],
      [{ response_type: 'token', user: 'alice' }, 'unsupported_response_type'],
      [{ code_challenge: undefined, user: 'alice' }, 'invalid_request'],
      [{ code_challenge_method: 'plain', user: 'alice' }, 'invalid_request'],
      [{ response_mode: 'fragment', user: 'alice' }, 'unsupported_response_mode'],
    ])) {
      const { response, result } = await authorize(logtoUrl, parameters)
      assert.deepEqual([response.status, result?.error, result?.state], [303, error, REQUEST.state])
    }
  })

  test('redirects only to this machine, after signing out too', async (t) => {
    const { logtoUrl } = await startDev(t)
    for (const uri of [
      'https://evil.example',
      'http://localhost.evil.example',
      'http://localhost@evil.example',
      'javascript:alert(1)',
      '//evil.example',
      'http://127.0.0.1.nip.io/',
      'http://evil.example@localhost/',
      undefined,
    ]) {
      const { response } = await authorize(logtoUrl, { redirect_uri: uri, user: 'alice' })
      assert.equal(response.status, 400, uri)
    }
    const end = async (query) =>
      fetch(`${logtoUrl}/oidc/session/end?${new URLSearchParams(query)}`, { redirect: 'manual' })
    const uri = 'http://app.localhost:3000/bye'
    const response = await end({ post_logout_redirect_uri: uri, state: '1' })
    assert.deepEqual([response.status, response.headers.get('location')], [303, `${uri}?state=1`])
    assert.equal((await end({ post_logout_redirect_uri: 'https://evil.example' })).status, 400)
    assert.equal((await end({})).status, 200)
  })

  test('escapes everything that an authorization request puts into the page', async (t) => {
    const { logtoUrl } = await startDev(t)
    const hostile = '"><script>alert(1)</script>\'&'
    const { response } = await authorize(logtoUrl, {
      client_id: hostile,
      scope: `openid ${hostile}`,
      resource: hostile,
      state: hostile,
      login_hint: hostile,
      [hostile]: hostile,
    })
    const page = await response.text()
    assert.doesNotMatch(page, /<script|"">|'&'/)
    assert.match(String(response.headers.get('content-security-policy')), /default-src 'none'; style-src 'sha256-/)
  })

  test('other sites can read no token, and resolve no name to the issuer', async (t) => {
    const { logtoUrl } = await startDev(t)
    const { port } = new URL(logtoUrl)
    const request = (headers, method = 'POST') =>
      new Promise((resolve, reject) => {
        const body = 'grant_type=client_credentials&client_id=a&resource=https://api.example.com'
        http
          .request({ port, host: '127.0.0.1', path: '/oidc/token', method, headers }, async (response) =>
            resolve({ status: response.statusCode, headers: response.headers, body: await text(response) }),
          )
          .on('error', reject)
          .end(method === 'POST' ? body : undefined)
      })
    for (const host of [`evil.example:${port}`, `evil.localhost:${port}`, `evil@localhost:${port}`]) {
      const rebinding = await request({ host })
      assert.deepEqual([rebinding.status, rebinding.body.includes('token"')], [403, false])
    }
    for (const [origin, allowed] of [
      ['https://evil.example', undefined],
      ['null', undefined],
      ['http://localhost:5173', 'http://localhost:5173'],
    ]) {
      for (const method of ['POST', 'OPTIONS']) {
        const { headers } = await request({ origin, host: `localhost:${port}` }, method)
        assert.equal(headers['access-control-allow-origin'], allowed)
      }
    }
  })

  test('other sites can link to the sign-in, but neither choose the user nor act in the background', async (t) => {
    const { logtoUrl } = await startDev(t)
    // `fetch` of Node.js replaces `sec-fetch-mode`.
    const get = (parameters, mode) =>
      new Promise((resolve, reject) => {
        const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode }
        const url = `${logtoUrl}/oidc/auth?${new URLSearchParams({ ...REQUEST, ...parameters })}`
        http.get(url, { headers }, (response) => resolve(response.resume())).on('error', reject)
      })
    for (const parameters of [{ user: 'mallory', grant: 'read:orders' }, { cancel: 'yes' }]) {
      const link = await get(parameters, 'navigate')
      assert.deepEqual(
        [link.statusCode, link.headers.location, link.headers['set-cookie']],
        [200, undefined, undefined],
      )
      assert.equal((await get(parameters, 'no-cors')).statusCode, 403)
    }
    const machine = { grant_type: 'client_credentials', client_id: 'a', resource: AUDIENCE }
    for (const origin of ['https://evil.example', 'null']) {
      const headers = { origin, 'content-type': 'text/plain' }
      const options = { method: 'POST', headers, body: String(new URLSearchParams(machine)) }
      assert.equal((await fetch(`${logtoUrl}/oidc/token`, options)).status, 403)
    }
  })

  test('tens of thousands of scopes do not block dev', async (t) => {
    const { logtoUrl } = await startDev(t)
    const scope = Array.from({ length: 15_000 }, (_, n) => n.toString(36)).join(' ')
    const body = { grant_type: 'client_credentials', client_id: 'a', resource: AUDIENCE, scope: `${scope} a a` }
    assert.equal((await post(logtoUrl, body)).body.scope.split(' ').length, 15_000)
  })

  test('an aborted or excessive request does not stop dev', async (t) => {
    const { logtoUrl } = await startDev(t)
    const request = http.request(`${logtoUrl}/oidc/token`, { method: 'POST', headers: { 'content-length': 100 } })
    const closed = new Promise((resolve) => request.on('error', resolve))
    request.write('grant_type=', () => request.destroy(new Error('aborted')))
    await closed
    const body = 'a'.repeat(1_000_000)
    const response = await fetch(`${logtoUrl}/oidc/token`, { method: 'POST', body })
    assert.equal(response.status, 400)
    const authorization = `Basic ${Buffer.from('%').toString('base64')}`
    assert.equal((await post(logtoUrl, {}, { authorization })).body.error, 'unsupported_grant_type')
    assert.equal((await authorize(logtoUrl, {})).response.status, 200)
  })

  test('an issuer of logto-authkit/testing has no sign-in', async (t) => {
    const issuer = await createTestIssuer()
    t.after(() => issuer.close())
    assert.equal((await authorize(issuer.logtoUrl, {})).response.status, 404)
  })
})
