const assert = require('node:assert/strict')
const { execFile, spawn } = require('node:child_process')
const { once } = require('node:events')
const { readdirSync } = require('node:fs')
const { join } = require('node:path')
const { text } = require('node:stream/consumers')
const { describe, test } = require('node:test')
const { promisify } = require('node:util')
const { io } = require('socket.io-client')
const { WebSocket } = require('ws')
const { temporaryFolder } = require('../support/files')
const { ask } = require('../support/frameworks')
const { startIssuer } = require('../support/helpers')
const { connectClient, freePort, startAuthorizationServer } = require('../support/mcp-client')
const { blocks, read, rows, section } = require('../support/pages')
const { EXAMPLES, compile, launch, start } = require('../support/start-example')

/** The behavior that the examples of all frameworks have in common. */
async function checkOrders(t, path) {
  const { url, token } = await start(t, path)
  const reply = async (route, request = {}) => {
    const { status, body } = await ask(url + route, request)
    return [status, JSON.parse(body).code ?? JSON.parse(body)]
  }
  assert.deepEqual(await reply('/me'), [401, 'missing_token'])
  assert.deepEqual(await reply('/me', token({ sub: 'alice', scope: 'a b' })), [
    200,
    { userId: 'alice', scopes: ['a', 'b'] },
  ])
  assert.deepEqual(await reply('/orders', token({})), [403, 'missing_scope'])
  assert.deepEqual(await reply('/orders', token({ sub: 'alice', scope: 'read:orders' })), [200, { owner: 'alice' }])
}

/** Checks that a client prints what its page says, with and without a token. */
async function checkClient(name, url, { headers }) {
  const [, , ...table] = rows(String(section(read(`docs/${name}.md`), 'Quickstart')))
  assert.equal(table.length, 2)
  for (const [i, token] of [headers.authorization.split(' ')[1], undefined].entries()) {
    const env = { ...process.env, URL: url, TOKEN: token }
    const { stdout } = await promisify(execFile)(process.execPath, [join(EXAMPLES, `clients/${name}.mjs`)], { env })
    assert.equal(`\`${stdout.trim()}\``, table[i][1])
  }
}

describe('the example', { timeout: 300_000 }, () => {
  for (const path of ['express', 'fastify', 'hono', 'koa']
    .map((name) => `../js/cli/templates/${name}`)
    .concat('express')) {
    test(`${path} returns the user, and orders only with the required scope`, (t) =>
      checkOrders(t, join(EXAMPLES, `${path}.mjs`)))
  }

  test('of CSRF protection accepts a POST only with the header that repeats the cookie', async (t) => {
    const { url, token } = await start(t, join(EXAMPLES, 'csrf.mjs'))
    const { headers } = token({ sub: 'alice' })
    const first = await ask(`${url}/orders`, { headers })
    const cookie = String(first.headers['set-cookie']).split(';')[0]
    const post = (extra) => ask(`${url}/orders`, { method: 'POST', headers: { ...headers, ...extra } })
    const rejected = await post({ cookie })
    assert.deepEqual([first.status, rejected.status], [200, 403])
    const shown = blocks(['docs/csrf.md']).find(({ language }) => language === 'json')
    assert.deepEqual(JSON.parse(rejected.body), JSON.parse(String(shown?.code)))
    assert.equal((await post({ cookie, 'x-csrf-token': cookie.split('=')[1] })).status, 201)
  })

  test('of nestjs does the same, compiled as TypeScript with decorators', async (t) => {
    await checkOrders(t, compile(t, 'nestjs.ts'))
  })

  test('of WebSockets greets users of its own pages', async (t) => {
    const { url, token } = await start(t, join(EXAMPLES, 'websocket.mjs'))
    const client = new WebSocket(url.replace('http', 'ws'), {
      ...token({ sub: 'alice' }),
      origin: 'https://app.example.com',
    })
    const [message] = await once(client, 'message')
    assert.equal(String(message), 'Hello alice')
    client.close()
    await checkClient('websocket', url.replace('http', 'ws'), token({ sub: 'alice' }))
    const refused = new WebSocket(url.replace('http', 'ws'), { ...token({}), origin: 'https://evil.test' })
    const [{ message: reason }] = await once(refused, 'error')
    assert.equal(reason, 'Unexpected server response: 403')
  })

  test('of Socket.IO greets users, over polling and over WebSockets, and ends with the token', async (t) => {
    const { url, token, issuer } = await start(t, join(EXAMPLES, 'socket-io.mjs'))
    for (const transport of ['polling', 'websocket']) {
      const extraHeaders = token({ sub: 'alice' }).headers
      const client = io(url, { transports: [transport], extraHeaders, reconnection: false })
      t.after(() => client.close())
      assert.equal(await new Promise((resolve) => client.once('hello', resolve)), 'alice')
    }
    await checkClient('socket-io', url, token({ sub: 'alice' }))
    const refused = io(url, { transports: ['polling'], reconnection: false, auth: { token: 'opaque' } })
    t.after(() => refused.close())
    const { data } = await new Promise((resolve) => refused.once('connect_error', resolve))
    assert.deepEqual(data, { code: 'opaque_token', status: 401 })

    const tokens = [2, 3600].map((expiresIn) => issuer.mint({ audience: 'https://api.example.com', expiresIn }))
    const expiring = io(url, { transports: ['websocket'], auth: (send) => send({ token: tokens.shift() }) })
    t.after(() => expiring.close())
    // On a slow machine, the first token has expired before it arrives.
    expiring.on('connect_error', () => expiring.connect())
    while (tokens.length > 0) await new Promise((resolve) => expiring.once('hello', resolve))
  })

  const modules = ['opentelemetry.mjs', 'verify.mjs'] // not servers
  for (const name of readdirSync(EXAMPLES).filter((name) => /\.mjs$/.test(name) && !modules.includes(name))) {
    test(`${name} fails at startup without LOGTO_URL`, async (t) => {
      const env = { ...process.env, PORT: '0', LOGTO_URL: undefined }
      const child = spawn(process.execPath, [join(EXAMPLES, name)], { cwd: temporaryFolder(t).folder, env })
      t.after(() => child.kill())
      const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
      assert.match(errors, /^TypeError: Invalid option "(logtoUrl|signingKey)": /m)
      assert.equal(code, 1)
    })
  }

  test("mcp.mjs serves the page's client", async (t) => {
    const port = await freePort()
    const resource = `http://127.0.0.1:${port}/mcp`
    const issuer = await startIssuer(t)
    await launch(t, join(EXAMPLES, 'mcp.mjs'), issuer.logtoUrl, 'inherit', { PORT: String(port), MCP_URL: resource })
    const TOKEN = issuer.mint({ sub: 'alice', audience: resource, scope: 'read:orders' })
    const env = { ...process.env, URL: resource, TOKEN }
    const { stdout } = await promisify(execFile)(process.execPath, [join(EXAMPLES, 'clients/mcp.mjs')], { env })
    assert.match(stdout, /Orders of alice/)
  })

  for (const name of ['mcp.mjs', 'mcp-sdk-2.mjs']) {
    test(`${name} serves clients of both versions of the SDK, which discover where to sign in`, async (t) => {
      const port = await freePort()
      const resource = `http://127.0.0.1:${port}/mcp`
      const authorizationServer = await startAuthorizationServer(t, resource)
      const env = { PORT: String(port), MCP_URL: resource }
      const { url } = await launch(t, join(EXAMPLES, name), authorizationServer.url, 'inherit', env)
      const { status, headers } = await ask(resource, { method: 'POST' })
      const [, address] = / resource_metadata="(.*)"$/.exec(String(headers['www-authenticate'])) ?? []
      assert.deepEqual([status, address], [401, `${url}/.well-known/oauth-protected-resource/mcp`])

      for (const version of /** @type {const} */ ([1, 2])) {
        const { client, errors, url: page } = await connectClient(t, resource, version)
        assert.equal(page.searchParams.get('resource'), resource)
        assert.equal(page.searchParams.get('scope'), 'read:orders')
        const { content } = await client.callTool({ name: 'list-orders' })
        assert.deepEqual(content, [{ type: 'text', text: 'Orders of alice' }])
        assert.deepEqual(errors, [])
      }
    })
  }
})
