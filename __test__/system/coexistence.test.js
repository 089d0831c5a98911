/** C9: compiles and runs a program with all libraries that declare `req.auth`. */

const assert = require('node:assert/strict')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { ask, bearer } = require('../support/frameworks')
const { startIssuer } = require('../support/helpers')
const { ROOT } = require('../support/pages')
const { compile, launch } = require('../support/start-example')
const { AUDIENCE } = require('../support/tokens')
const { tsc } = require('../support/typescript')

const FOLDER = join(ROOT, '__test__/coexistence')

describe('C9: next to express-oauth2-jwt-bearer, express-jwt and the MCP SDK', { timeout: 300_000 }, () => {
  test('a program compiles without skipLibCheck', () => {
    assert.deepEqual(tsc('-p', FOLDER), { status: 0, stdout: '' })
  })

  test('it runs, and each library accepts the token', async (t) => {
    const issuer = await startIssuer(t, { alg: 'RS256' })
    const { url } = await launch(t, compile(t, join(FOLDER, 'main.mts')), issuer.logtoUrl, 'ignore')
    const { headers } = bearer(issuer.mint({ sub: 'alice', audience: AUDIENCE }))
    for (const [path, users] of /** @type {[string, string[]][]} */ ([
      ['/logto-authkit', ['alice', 'alice', 'alice']],
      ['/express-oauth2-jwt-bearer', ['alice']],
      ['/express-jwt', ['alice']],
    ])) {
      const { status, body } = await ask(url + path, { headers })
      assert.deepEqual([status, JSON.parse(body)], [200, users], path)
      assert.equal((await ask(url + path)).status, 401, path)
    }
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'who' } }
    const response = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { ...headers, accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify(call),
    })
    const { result } = /** @type {any} */ (await response.json())
    assert.deepEqual(result.content, [{ type: 'text', text: 'alice alice' }])
  })
})
