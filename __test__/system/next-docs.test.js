/** The routes and pages of Next.js in the documentation, tested without a Next.js server. */

const assert = require('node:assert/strict')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { buildSync } = require('esbuild')
const { NextRequest } = require('next/server')
const { temporaryFolder } = require('../support/files')
const { startIssuer } = require('../support/helpers')
const { ROOT } = require('../support/pages')
const { EXAMPLES } = require('../support/start-example')
const { AUDIENCE } = require('../support/tokens')

const HOST = 'http://localhost:3000'
const MCP_URL = `${HOST}/mcp`
const METADATA_PATH = '/.well-known/oauth-protected-resource'

/** Compiles files of an application into one module, and loads it with the settings of the issuer. */
function requireFiles(t, issuer, files, alias = {}) {
  Object.assign(process.env, { LOGTO_URL: issuer.logtoUrl, LOGTO_AUDIENCE: AUDIENCE, MCP_URL })
  const { folder } = temporaryFolder(t, join(EXAMPLES, '.routes-'))
  const outfile = join(folder, 'main.cjs')
  const contents = Object.entries(files).map(([name, path]) => `export * as ${name} from ${JSON.stringify(path)}`)
  buildSync({
    stdin: { contents: contents.join('\n'), resolveDir: ROOT },
    outfile,
    bundle: true,
    packages: 'external',
    // With ESM, Node.js does not find `next/navigation`, because Next.js has no `exports`.
    format: 'cjs',
    platform: 'node',
    jsx: 'automatic',
    alias: {
      '@/lib/auth': join(ROOT, 'js/cli/templates/next-auth.ts'),
      '@/lib/mcp': join(EXAMPLES, 'recipes/next-mcp/lib/mcp.ts'),
      ...alias,
    },
  })
  return require(outfile)
}

/** A request with a token, and with a JSON body if one is given. */
function request(path, { token = '', method = 'GET', body = /** @type {any} */ (undefined) } = {}) {
  const headers = {
    accept: 'application/json, text/event-stream',
    'content-type': 'application/json',
    ...(token && { authorization: `Bearer ${token}` }),
  }
  return new NextRequest(HOST + path, { method, headers, body: body && JSON.stringify(body) })
}

describe('the route of Next.js', { timeout: 120_000 }, () => {
  test('of an MCP server calls a tool, and names its metadata, if the proxy lets both paths pass', async (t) => {
    const issuer = await startIssuer(t)
    const { auth, mcp, metadata } = requireFiles(t, issuer, {
      auth: './js/cli/templates/next-auth.ts',
      mcp: './examples/recipes/next-mcp/app/mcp/route.ts',
      metadata: `./examples/recipes/next-mcp/app${METADATA_PATH}/mcp/route.ts`,
    })
    const token = issuer.mint({ sub: 'alice', audience: MCP_URL, scope: 'read:orders' })
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list-orders' } }
    const sent = (given) => request('/mcp', { token: given, method: 'POST', body: call })
    const response = await mcp.POST(sent(token))
    assert.equal(response.status, 200)
    assert.match(await response.text(), /"text":"Orders of alice"/)
    const other = await mcp.POST(sent(issuer.mint({ audience: AUDIENCE })))
    assert.deepEqual([other.status, (await other.json()).code], [401, 'invalid_audience'])
    const rejected = await mcp.POST(sent())
    const challenge = `Bearer realm="api", resource_metadata="${HOST}${METADATA_PATH}/mcp"`
    assert.deepEqual([rejected.status, rejected.headers.get('www-authenticate')], [401, challenge])
    assert.equal((await metadata.GET().json()).resource, MCP_URL)

    const passes = async (publicPaths, sent) => {
      const { status, headers } = await auth.authProxy({ signInUrl: '/sign-in', publicPaths })(sent)
      return [status, headers.get('www-authenticate')?.includes('resource_metadata') ?? null]
    }
    for (const next of [request(`${METADATA_PATH}/mcp`), sent(token), sent()])
      assert.deepEqual(await passes(['/mcp', METADATA_PATH], next), [200, null])
    for (const given of [token, undefined]) assert.deepEqual(await passes([METADATA_PATH], sent(given)), [401, false])
  })
})
