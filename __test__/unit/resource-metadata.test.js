const assert = require('node:assert/strict')
const { test } = require('node:test')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { logtoAuth } = require('logto-authkit/express')
const { createResourceMetadata } = require('logto-authkit/resource-metadata')
const { FRAMEWORKS, ask, bearer, serve } = require('../support/frameworks')
const { rejection, startIssuer } = require('../support/helpers')
const { AUDIENCE, LOGTO_URL } = require('../support/tokens')

const PATH = '/.well-known/oauth-protected-resource'

test('the document has the members of RFC 9728', () => {
  const minimal = createResourceMetadata({ resource: AUDIENCE, logtoUrl: `${LOGTO_URL}/` })
  assert.deepEqual(minimal.document, {
    resource: AUDIENCE,
    authorization_servers: [`${LOGTO_URL}/oidc`],
    bearer_methods_supported: ['header'],
  })
  const options = {
    authorizationServers: ['https://one.test/oidc', 'https://two.test/oidc'],
    scopesSupported: ['read:orders', 'write:orders'],
    bearerMethodsSupported: /** @type {const} */ (['header', 'query']),
    resourceName: 'Orders',
    resourceDocumentation: 'https://docs.example.test/orders#api',
    resourcePolicyUri: 'https://example.test/policy?lang=en',
    resourceTosUri: 'https://example.test/terms',
  }
  const members = Object.entries(options).map(([name, value]) => [name.replace(/[A-Z]/g, '_$&').toLowerCase(), value])
  const all = createResourceMetadata({ resource: AUDIENCE, ...options })
  assert.deepEqual(all.document, { resource: AUDIENCE, ...Object.fromEntries(members) })
})

test('the URL has the well-known path between the host and the path of the resource', () => {
  for (const [resource, path] of [
    ['https://api.example.test', PATH],
    ['https://api.example.test/', PATH],
    ['https://api.example.test/mcp', `${PATH}/mcp`],
    ['https://api.example.test/tenants/one/', `${PATH}/tenants/one/`],
    ['http://localhost:3000/mcp', `${PATH}/mcp`],
  ]) {
    const metadata = createResourceMetadata({ resource, logtoUrl: LOGTO_URL })
    assert.deepEqual([metadata.path, metadata.url], [path, new URL(path, resource).href])
    assert.equal(metadata.document.resource, resource)
  }
})

for (const [framework, listener] of Object.entries(FRAMEWORKS)) {
  test(`${framework}: the handler serves the document without a token and passes on other requests`, async (t) => {
    const metadata = createResourceMetadata({ resource: `${AUDIENCE}/mcp`, logtoUrl: LOGTO_URL })
    const auth = logtoAuth({ logtoUrl: LOGTO_URL, audience: AUDIENCE })
    const url = await serve(t, listener(metadata.handler, auth))
    for (const path of [metadata.path, `${metadata.path}?a=1`]) {
      const { status, body, headers } = await ask(url + path)
      assert.equal(status, 200)
      assert.deepEqual(JSON.parse(body), metadata.document)
      assert.equal(headers['content-type'], 'application/json')
      assert.equal(headers['access-control-allow-origin'], '*')
      assert.equal(headers['cache-control'], 'public, max-age=300')
    }
    assert.deepEqual((await ask(url + metadata.path, { method: 'HEAD' })).status, 200)
    for (const [method, path] of [
      ['POST', metadata.path],
      ['GET', PATH],
      ['GET', `${metadata.path}/more`],
      ['GET', '/'],
    ]) {
      assert.equal((await ask(url + path, { method })).status, 401, `${method} ${path}`)
    }
  })
}

test('response() returns a new Response every time', async () => {
  const metadata = createResourceMetadata({ resource: AUDIENCE, logtoUrl: LOGTO_URL })
  for (const response of [metadata.response(), metadata.response()]) {
    assert.deepEqual(await response.json(), metadata.document)
    assert.equal(response.headers.get('content-type'), 'application/json')
  }
})

test('a challenge names the metadata URL only if resourceMetadata is set', async (t) => {
  const issuer = await startIssuer(t)
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, isRevoked: () => false }
  const metadata = createResourceMetadata({ resource: AUDIENCE, logtoUrl: issuer.logtoUrl })
  const parameter = `resource_metadata="${AUDIENCE}${PATH}"`
  const asked = { ...options, resourceMetadata: metadata.url }
  /** @type {[any, any, string | null][]} */
  const cases = [
    [{ headers: {} }, {}, `Bearer realm="api", ${parameter}`],
    ['', {}, `Bearer realm="api", ${parameter}`],
    [
      issuer.mint({ expiresIn: -1 }),
      {},
      `Bearer error="invalid_token", error_description="Token has expired", ${parameter}`,
    ],
    [
      bearer(issuer.mint()),
      { requiredScope: 'a' },
      `Bearer error="insufficient_scope", scope="a", error_description="Missing required scope: a", ${parameter}`,
    ],
    [
      issuer.mint(),
      { isRevoked: () => true },
      `Bearer error="invalid_token", error_description="Token has been revoked", ${parameter}`,
    ],
    [{ headers: {} }, { resourceMetadata: undefined }, 'Bearer realm="api"'],
  ]
  for (const [input, more, challenge] of cases) {
    for (const verify of [
      () => verifyAuth(input, { ...asked, ...more }),
      () => createVerifier({ ...asked, ...more }).verify(input),
    ]) {
      const error = await rejection(verify())
      assert.equal(error.wwwAuthenticate, challenge)
      assert.equal(error.headers['WWW-Authenticate'], challenge)
    }
  }
  issuer.setOutage('error')
  const outage = { ...asked, jwksCacheTtlMs: 0, jwksMaxStaleMs: 0 }
  const { wwwAuthenticate, headers } = await rejection(verifyAuth(issuer.mint(), outage))
  assert.deepEqual([wwwAuthenticate, 'WWW-Authenticate' in headers], [null, false])
})

test('a URL cannot break out of the quotes of the challenge', async (t) => {
  const issuer = await startIssuer(t)
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
  for (const path of ['a"b', 'a\\b', 'a\r\nb', 'ä', 'a b', '<a>', 'a\u2028b']) {
    const resourceMetadata = `https://api.example.test/${path}`
    const error = await rejection(verifyAuth('', { ...options, resourceMetadata }))
    assert.match(String(error.wwwAuthenticate), /^Bearer realm="api", resource_metadata="[\x21\x23-\x5b\x5d-\x7e]+"$/)
  }
})
