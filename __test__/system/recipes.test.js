/** The recipes in the documentation, each in a separate process, or imported if it is not a server. */

const assert = require('node:assert/strict')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { pathToFileURL } = require('node:url')
const { gunzipSync } = require('node:zlib')
const { ask, bearer, serve } = require('../support/frameworks')
const { rejection, startIssuer } = require('../support/helpers')
const { EXAMPLES, compile, launch, start } = require('../support/start-example')
const { startTokenExchange } = require('../support/token-exchange')
const { AUDIENCE } = require('../support/tokens')

const { CLIENT_ID, CLIENT_SECRET, ORDERS, startIdentityServer } = require(join(EXAMPLES, 'demo/identity-server'))

const startRecipe = (t, name) => start(t, compile(t, `recipes/${name}.ts`), 'ignore')

const importRecipe = (t, name) => import(String(pathToFileURL(compile(t, `recipes/${name}.ts`))))

/** The status, the challenge and the body of a response. */
async function reply(url, { headers, body, method } = /** @type {any} */ ({})) {
  const json = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const response = await fetch(url, { method, headers: { 'content-type': 'application/json', ...headers }, ...json })
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate') ?? '',
    type: response.headers.get('content-type'),
    body: JSON.parse((await response.text()) || 'null'),
  }
}

describe('the recipe for', { timeout: 300_000 }, () => {
  for (const [name, path] of [
    ['graphql-yoga', '/graphql'],
    ['apollo-server', '/'],
  ]) {
    test(`${name} answers with status, challenge and code, and checks scopes`, async (t) => {
      const { url, token } = await startRecipe(t, name)
      const query = (query, claims) => reply(url + path, { ...(claims && token(claims)), body: { query } })
      const codeOf = ({ body }) => body.errors[0].extensions.code
      const missing = await query('{ me }')
      assert.deepEqual(
        [missing.status, missing.challenge, codeOf(missing)],
        [401, 'Bearer realm="api"', 'missing_token'],
      )
      const expired = await query('{ me }', { expiresIn: -1 })
      assert.deepEqual([expired.status, codeOf(expired)], [401, 'token_expired'])
      assert.match(expired.challenge, /^Bearer error="invalid_token"/)
      assert.deepEqual((await query('{ me }', { sub: 'alice' })).body, { data: { me: 'alice' } })
      const { status, ...refused } = await query('{ orders }', {})
      assert.deepEqual([status, codeOf(refused)], [403, 'forbidden'])
      const orders = await query('{ orders }', { sub: 'alice', scope: 'read:orders' })
      assert.deepEqual(orders.body, { data: { orders: 'of alice' } })
    })
  }

  test('tRPC answers with status and challenge, checks scopes, and has public procedures', async (t) => {
    const { url, token } = await startRecipe(t, 'trpc')
    assert.equal((await reply(`${url}/health`)).body.result.data, 'ok')
    const missing = await reply(`${url}/me`)
    assert.deepEqual([missing.status, missing.challenge], [401, 'Bearer realm="api"'])
    assert.equal(missing.body.error.data.code, 'UNAUTHORIZED')
    assert.equal((await reply(`${url}/me`, token({ sub: 'alice' }))).body.result.data, 'alice')
    const refused = await reply(`${url}/orders`, token({}))
    assert.deepEqual([refused.status, refused.body.error.data.code], [403, 'FORBIDDEN'])
    assert.match(refused.challenge, /error="insufficient_scope", scope="read:orders"/)
    const orders = await reply(`${url}/orders`, token({ sub: 'alice', scope: 'read:orders' }))
    assert.equal(orders.body.result.data, 'of alice')
  })

  for (const name of ['hapi', 'h3']) {
    test(`${name} responds like the adapters, and checks scopes`, async (t) => {
      const { url, token } = await startRecipe(t, name)
      const missing = await reply(`${url}/me`)
      assert.deepEqual([missing.status, missing.challenge], [401, 'Bearer realm="api"'])
      assert.deepEqual([missing.body.code, missing.type], ['missing_token', 'application/json; charset=utf-8'])
      assert.equal((await reply(`${url}/me`, token({ sub: 'alice' }))).body.userId, 'alice')
      assert.equal((await reply(`${url}/orders`, token({}))).status, 403)
      const orders = await reply(`${url}/orders`, token({ sub: 'alice', scope: 'read:orders' }))
      assert.deepEqual(orders.body, { owner: 'alice' })
    })
  }

  test('local users creates one user per Logto user', async (t) => {
    const { url, token } = await startRecipe(t, 'local-user')
    for (const [sub, id] of [
      ['alice', 1],
      ['bob', 2],
      ['alice', 1],
    ]) {
      assert.deepEqual((await reply(`${url}/me`, token({ sub }))).body, { id, logtoId: sub })
    }
    assert.equal((await reply(`${url}/me`)).status, 401)
  })

  test('API keys accepts tokens and keys, with the scopes of each', async (t) => {
    const { url, token } = await startRecipe(t, 'api-keys')
    const key = { headers: { 'x-api-key': 'key_of_the_importer' } }
    assert.deepEqual((await reply(`${url}/me`, key)).body, { userId: 'importer', subjectType: 'external' })
    assert.deepEqual((await reply(`${url}/me`, token({ sub: 'alice' }))).body, { userId: 'alice', subjectType: 'user' })
    const order = async (request) => (await ask(`${url}/orders`, { method: 'POST', ...request })).status
    assert.equal(await order(key), 201)
    assert.equal(await order({ headers: { authorization: 'bearer  key_of_the_importer' } }), 201)
    assert.equal(await order({ headers: { authorization: 'Bearer guessed' } }), 401)
    assert.equal(await order(token({})), 403)
    assert.equal(await order(token({ scope: 'write:orders' })), 201)
    assert.equal(await order({ headers: { 'x-api-key': 'guessed' } }), 401)
    assert.equal(await order({}), 401)
  })

  test('problem details responds with application/problem+json, wherever the request is rejected', async (t) => {
    const { url, token } = await startRecipe(t, 'problem-details')
    for (const [path, request, code, status] of /** @type {any[]} */ ([
      ['/me', {}, 'missing_token', 401],
      ['/orders', token({}), 'missing_scope', 403],
      ['/reports', token({}), 'forbidden', 403],
    ])) {
      const problem = await reply(url + path, request)
      assert.deepEqual([problem.status, problem.type], [status, 'application/problem+json; charset=utf-8'])
      assert.match(problem.challenge, /^Bearer/)
      const { title, ...rest } = problem.body
      assert.deepEqual(rest, { type: `https://api.example.com/problems/${code}`, status, instance: path })
      assert.notEqual(title, '')
      assert.doesNotMatch(title, /Token scopes/)
    }
    assert.deepEqual((await reply(`${url}/me`, token({ sub: 'alice' }))).body, { userId: 'alice' })
  })

  test('AsyncLocalStorage keeps concurrent requests apart', async (t) => {
    const { url, token } = await startRecipe(t, 'async-context')
    const subjects = ['alice', 'bob', 'carol']
    const owners = subjects.map(async (sub) => (await reply(`${url}/orders`, token({ sub }))).body.owner)
    assert.deepEqual(await Promise.all(owners), subjects)
  })

  test('reporting logs rejections, and reports faults but not rejections, without any token', async (t) => {
    const envelopes = []
    let report = () => {}
    const ingest = await serve(t, async (req, res) => {
      const chunks = await req.toArray()
      const bytes = Buffer.concat(chunks)
      envelopes.push(String(req.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes))
      res.end('{}')
      report()
    })
    const issuer = await startIssuer(t)
    const env = { SENTRY_DSN: ingest.replace('//', '//key@').concat('/1') }
    const path = compile(t, 'recipes/reporting.ts')
    const { url, example } = await launch(t, path, issuer.logtoUrl, 'ignore', env)
    let log = ''
    example.stdout.on('data', (text) => {
      log += text
    })
    const token = (claims) => issuer.mint({ audience: AUDIENCE, claims: { email: 'alice@example.com' }, ...claims })
    const [alice, bob, expired] = [{ sub: 'alice' }, { sub: 'bob' }, { expiresIn: -1 }].map(token)
    assert.equal((await ask(`${url}/me`)).status, 401)
    assert.equal((await ask(`${url}/me`, bearer(expired))).status, 401)
    assert.equal((await ask(`${url}/me`, bearer(alice))).status, 200)
    const events = () =>
      envelopes.flatMap((text) =>
        text
          .split('\n')
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line))
          .filter(({ exception }) => exception !== undefined),
      )
    const reported = new Promise((resolve) => {
      report = () => events().length === 2 && resolve(undefined)
    })
    const cookie = { headers: { cookie: `logto_authtoken=${bob}; theme=dark` } }
    await Promise.all([bearer(alice), cookie].map((request) => ask(`${url}/fault?a=b`, request)))
    await reported
    const users = events().map(({ user }) => user.id)
    assert.deepEqual(users.sort(), ['alice', 'bob'])
    for (const { exception, request } of events()) {
      assert.deepEqual(
        exception.values.map(({ value }) => value),
        ['a fault'],
      )
      assert.deepEqual([request.method, request.headers, request.cookies], ['GET', undefined, undefined])
    }
    const lines = log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      lines.map(({ code, err }) => code ?? err.message),
      ['missing_token', 'token_expired', 'a fault', 'a fault'],
    )
    const secrets = [alice, bob, expired].flatMap((jwt) => jwt.split('.').slice(1))
    for (const secret of [...secrets, 'alice@example.com']) {
      for (const text of [...envelopes, log]) assert.ok(!text.includes(secret))
    }
  })

  test('machine-to-machine clients gets tokens that an API accepts, and keeps them', async (t) => {
    const { verifyAuth } = require('logto-authkit')
    const server = await startIdentityServer()
    t.after(() => server.close())
    const { createTokenSource } = await importRecipe(t, 'machine-to-machine')
    const application = { logtoUrl: server.logtoUrl, id: CLIENT_ID, secret: CLIENT_SECRET }
    const getToken = createTokenSource(application, ORDERS, 'read:orders')
    const token = await getToken()
    const auth = await verifyAuth(token, { logtoUrl: server.logtoUrl, audience: ORDERS })
    assert.deepEqual([auth.scopes, auth.clientId], [['read:orders'], CLIENT_ID])
    assert.equal(await getToken(), token)
    const denied = createTokenSource({ ...application, secret: 'wrong' }, ORDERS, 'read:orders')
    await assert.rejects(denied(), /^Error: Logto responded with 401/)
  })

  test('personal access tokens exchanges one for a token that an API accepts', async (t) => {
    const { verifyAuth } = require('logto-authkit')
    const { exchange } = await importRecipe(t, 'personal-access-token')
    const { logtoUrl, id, secret } = await startTokenExchange(t, { pat_alice: 'alice' })
    Object.assign(process.env, { LOGTO_URL: logtoUrl, LOGTO_APP_ID: id, LOGTO_APP_SECRET: secret })
    t.after(() => {
      for (const name of ['LOGTO_URL', 'LOGTO_APP_ID', 'LOGTO_APP_SECRET']) delete process.env[name]
    })
    const options = { logtoUrl, audience: ORDERS, requiredScope: 'read:orders' }
    const auth = await verifyAuth(await exchange('pat_alice', ORDERS, 'read:orders'), options)
    assert.deepEqual([auth.userId, auth.subjectType, auth.clientId], ['alice', 'user', id])
    await assert.rejects(exchange('pat_unknown', ORDERS, 'read:orders'), /^Error: Logto responded with 400/)
    const { code, details } = await rejection(verifyAuth('pat_alice', options))
    assert.deepEqual([code, details.reason], ['opaque_token', 'personal_access_token'])
  })
})
