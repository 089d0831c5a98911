/** Ports of typical applications, which need no cast, no unreachable branch and no workaround. */

const assert = require('node:assert/strict')
const { readdirSync } = require('node:fs')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { temporaryFolder } = require('../support/files')
const { ask, bearer, serve } = require('../support/frameworks')
const { startIssuer } = require('../support/helpers')
const { connectClient, freePort, startAuthorizationServer } = require('../support/mcp-client')
const { read } = require('../support/pages')
const { EXAMPLES, compile, compileWithMetadata, launch, start } = require('../support/start-example')
const { AUDIENCE } = require('../support/tokens')
const { checkTypes } = require('../support/typescript')

const PORTS = readdirSync(join(EXAMPLES, 'ports'))

const startPort = (t, name) => start(t, compile(t, `ports/${name}.ts`))

describe('the ports', { timeout: 300_000 }, () => {
  test('compile under strict, and contain no cast and no escape hatch', (t) => {
    const { save } = temporaryFolder(t, join(EXAMPLES, '.ports-'))
    // The types that the MCP server registers apply to its whole program.
    for (const files of [PORTS.filter((name) => name !== 'mcp.ts'), ['mcp.ts']]) {
      const paths = files.map((name) => `../ports/${name}`)
      assert.deepEqual(checkTypes(save, paths, { noUncheckedIndexedAccess: true }), { status: 0, stdout: '' })
    }
    for (const name of PORTS) {
      const text = read(`examples/ports/${name}`)
      assert.doesNotMatch(text, /@ts-|biome-ignore/, name)
      const code = text.replaceAll(/\/\*\*.*\*\/|\/\/ .*| as const\b/g, '')
      assert.doesNotMatch(code, /\b(as|any)\b|[=(,]\s*<|[\w\])]!(?!=)|\?\? ''/, name)
    }
  })

  test('multi-tenant: checks the organization in the path, by slug, and in the header', async (t) => {
    const { url, token } = await startPort(t, 'multi-tenant')
    const status = async (path, claims, { method = 'GET', headers = {} } = {}) => {
      const request = { method, headers: { ...headers, ...(claims && token(claims).headers) } }
      return (await ask(url + path, request)).status
    }
    const acme = { organizationId: 'org_acme' }
    const scopes = { scope: 'read:invoices write:invoices' }
    assert.equal(await status('/orgs/acme/invoices', undefined), 401)
    assert.equal(await status('/orgs/acme/invoices', { ...acme, ...scopes }), 200)
    assert.equal(await status('/orgs/acme/invoices', acme), 403)
    assert.equal(await status('/orgs/globex/invoices', { ...acme, ...scopes }), 403)
    assert.equal(await status('/orgs/unknown/invoices', { ...acme, ...scopes }), 403)
    assert.equal(await status('/orgs/acme/invoices', scopes), 403)
    const remove = { method: 'DELETE' }
    assert.equal(await status('/orgs/acme/invoices', acme, remove), 403)
    assert.equal(await status('/orgs/acme/invoices', { ...acme, claims: { roles: ['accountant'] } }, remove), 204)

    const post = (id) => ({ method: 'POST', headers: id === undefined ? {} : { 'x-organization-id': id } })
    assert.equal(await status('/invoices', { ...acme, ...scopes }, post('org_acme')), 201)
    assert.equal(await status('/invoices', { ...acme, ...scopes }, post('org_globex')), 403)
    assert.equal(await status('/invoices', { ...acme, ...scopes }, post(undefined)), 403)
    assert.equal(await status('/invoices', scopes, post(undefined)), 403)

    assert.equal(await status('/reports', { sub: 'app', clientId: 'app' }), 200)
    assert.equal(await status('/reports', { sub: 'app', clientId: 'app', ...acme }), 403)
    assert.equal(await status('/reports', {}), 403)
  })

  test('Fastify gateway: accepts tokens and API keys, and passes on who is asking', async (t) => {
    const received = []
    const upstream = await serve(t, async (req, res) => {
      const { headers, method, url } = req
      const { authorization, 'x-api-key': key } = headers
      const body = Buffer.concat(await req.toArray()).toString()
      received.push([method, url, headers['x-user-id'], headers['x-organization-id'], authorization, key, body])
      res.end('from upstream')
    })
    const issuer = await startIssuer(t)
    const path = compile(t, 'ports/fastify-gateway.ts')
    const { url } = await launch(t, path, issuer.logtoUrl, 'inherit', { UPSTREAM_URL: upstream })
    const send = async (method, headers) => {
      const order = method === 'POST' && {
        body: '{"cups":2}',
        headers: { 'content-type': 'application/json', ...headers },
      }
      const response = await fetch(`${url}/orders`, { method, headers, ...order })
      return response.ok ? response.text() : /** @type {any} */ (await response.json()).code
    }
    const token = (claims) => bearer(issuer.mint({ audience: AUDIENCE, sub: 'alice', ...claims })).headers
    assert.equal((await ask(`${url}/health`)).body, 'ok')
    assert.equal(await send('GET', {}), 'missing_token')
    assert.equal(await send('GET', { 'x-api-key': 'guessed' }), 'missing_token')
    assert.equal(await send('GET', token({})), 'missing_scope')
    assert.equal(await send('GET', token({ scope: 'read:orders' })), 'from upstream')
    assert.equal(await send('GET', { 'x-api-key': 'key_reader' }), 'from upstream')
    assert.equal(await send('POST', { 'x-api-key': 'key_reader' }), 'missing_scope')
    assert.equal(await send('POST', { 'x-api-key': 'key_importer' }), 'from upstream')
    assert.deepEqual(received, [
      ['GET', '/orders', 'alice', undefined, undefined, undefined, ''],
      ['GET', '/orders', 'reader', undefined, undefined, undefined, ''],
      ['POST', '/orders', 'importer', 'org_acme', undefined, undefined, '{"cups":2}'],
    ])
  })

  test('tRPC: has procedures for everyone, users, members and administrators', async (t) => {
    const { url, token } = await startPort(t, 'trpc')
    const call = async (path, claims, input) => {
      const query = input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`
      const { status, body, headers } = await ask(`${url}/${path}${query}`, claims && token(claims))
      if (status === 401) assert.equal(headers['www-authenticate'], 'Bearer realm="api"')
      return status === 200 ? JSON.parse(body).result.data : status
    }
    const acme = { organization: 'org_acme' }
    assert.equal(await call('health'), 'ok')
    assert.equal(await call('me'), 401)
    assert.equal(await call('me', { sub: 'alice' }), 'alice')
    assert.equal(await call('users', {}), 403)
    assert.deepEqual(await call('users', { claims: { roles: ['admin'] } }), ['alice'])
    assert.equal(await call('invoices', { organizationId: 'org_globex', scope: 'read:invoices' }, acme), 403)
    assert.equal(await call('invoices', { organizationId: 'org_acme' }, acme), 403)
    const member = { sub: 'alice', organizationId: 'org_acme', scope: 'read:invoices' }
    assert.deepEqual(await call('invoices', member, acme), { of: 'org_acme', for: 'alice' })
    assert.equal(await call('invoices', member, {}), 400)
  })

  test('NestJS with GraphQL: protects resolvers, and leaves health checks public', async (t) => {
    const { url, token } = await start(t, compileWithMetadata(t, 'ports/nestjs-graphql.ts'))
    assert.equal((await ask(`${url}/health`)).body, 'ok')
    const query = async (query, claims) => {
      const headers = { 'content-type': 'application/json', ...(claims && token(claims).headers) }
      const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })
      const { data, errors } = /** @type {any} */ (await response.json())
      return errors === undefined ? data : errors[0].extensions.originalError.code
    }
    assert.equal(await query('{ me }'), 'missing_token')
    assert.deepEqual(await query('{ me }', { sub: 'alice' }), { me: 'alice' })
    assert.equal(await query('{ orders }', {}), 'missing_scope')
    const writer = { scope: 'read:orders write:orders' }
    assert.deepEqual(await query('{ orders }', { sub: 'alice', ...writer }), { orders: ['1'] })
    assert.equal(await query('mutation { cancel(id: "1") }', { sub: 'bob', ...writer }), 'forbidden')
    assert.deepEqual(await query('mutation { cancel(id: "1") }', { sub: 'alice', ...writer }), { cancel: true })
  })

  test('MCP: offers the tools that the user may use, to a client of the SDK', async (t) => {
    const port = await freePort()
    const resource = `http://127.0.0.1:${port}/mcp`
    const authorizationServer = await startAuthorizationServer(t, resource)
    const env = { PORT: String(port), MCP_URL: resource }
    await launch(t, compile(t, 'ports/mcp.ts'), authorizationServer.url, 'inherit', env)
    const { client } = await connectClient(t, resource)
    const { tools } = await client.listTools()
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['list-orders'],
    )
    const { content } = await client.callTool({ name: 'list-orders' })
    assert.deepEqual(content, [{ type: 'text', text: 'Orders of alice' }])
  })
})
