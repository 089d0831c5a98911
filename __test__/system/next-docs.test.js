/** The routes and pages of Next.js in the documentation, tested without a Next.js server. */

const assert = require('node:assert/strict')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { buildSync } = require('esbuild')
const { NextRequest } = require('next/server')
const { contract } = require('../../js/core/contract')
const { SIGN_IN_RECOVERABLE_CODES } = require('../../js/next/sign-in-loop')
const { temporaryFolder } = require('../support/files')
const { bearer } = require('../support/frameworks')
const { startIssuer } = require('../support/helpers')
const { ROOT, blocks, read } = require('../support/pages')
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

const ROUTES = './examples/recipes/next-routes/app/api'

describe('the route of Next.js', { timeout: 120_000 }, () => {
  test('of an order reads the path and the body, and requires the scope', async (t) => {
    const issuer = await startIssuer(t)
    const { route } = requireFiles(t, issuer, { route: `${ROUTES}/orders/[id]/route.ts` })
    const put = async (scope) => {
      const token = issuer.mint({ sub: 'alice', audience: AUDIENCE, scope })
      const sent = request('/api/orders/7', { token, method: 'PUT', body: { cups: 3 } })
      return route.PUT(sent, { params: Promise.resolve({ id: '7' }) })
    }
    assert.deepEqual(await (await put('write:orders')).json(), { id: '7', cups: 3, orderedBy: 'alice' })
    assert.equal((await put('read:orders')).status, 403)
  })

  test('of an organization accepts only tokens for the organization in the path', async (t) => {
    const issuer = await startIssuer(t)
    const files = { route: `${ROUTES}/organizations/[organization]/orders/route.ts` }
    const { route } = requireFiles(t, issuer, files)
    const get = async (organization, organizationId) => {
      const token = issuer.mint({ audience: AUDIENCE, scope: 'read:orders', organizationId })
      const response = await route.GET(request(`/api/organizations/${organization}/orders`, { token }))
      const { code, ordersOf } = await response.json()
      return code ?? ordersOf
    }
    assert.equal(await get('org1', 'org1'), 'org1')
    assert.equal(await get('org2', 'org1'), 'wrong_organization')
    assert.equal(await get('org1', undefined), 'wrong_organization')
    assert.equal(await get('', ''), 'wrong_organization')
  })

  test('of an MCP server calls a tool, and names its metadata, if the proxy lets both paths pass', async (t) => {
    const issuer = await startIssuer(t)
    const { auth, mcp } = requireFiles(t, issuer, {
      auth: './js/cli/templates/next-auth.ts',
      mcp: './examples/recipes/next-mcp/app/mcp/route.ts',
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

    const passes = async (publicPaths, sent) => {
      const { status, headers } = await auth.authProxy({ signInUrl: '/sign-in', publicPaths })(sent)
      return [status, headers.get('www-authenticate')?.includes('resource_metadata') ?? null]
    }
    for (const next of [request(`${METADATA_PATH}/mcp`), sent(token), sent()])
      assert.deepEqual(await passes(['/mcp', METADATA_PATH], next), [200, null])
    for (const given of [token, undefined]) assert.deepEqual(await passes([METADATA_PATH], sent(given)), [401, false])
  })
})

describe('the page of Next.js that requires a session', () => {
  const codes = contract().errors.map(({ code }) => code)

  test('in the App Router redirects only for errors that a sign-in can resolve, like the proxy', async (t) => {
    const issuer = await startIssuer(t)
    const { save } = temporaryFolder(t)
    // `getAuth` needs a request of Next.js.
    const auth = save('auth.ts', 'export const getAuth = () => globalThis.currentAuth')
    const { page } = requireFiles(t, issuer, { page: './examples/next/app/account/page.tsx' }, { '@/lib/auth': auth })
    const { type: Account } = page.default().props.children
    for (const code of codes) {
      Object.assign(globalThis, { currentAuth: { isAuthenticated: false, guestReason: code } })
      const shown = await Account().catch(({ digest }) => digest)
      if (SIGN_IN_RECOVERABLE_CODES.has(code))
        assert.match(shown, /^NEXT_REDIRECT;.*;\/sign-in\?redirect_to=\/account;/)
      else assert.ok(shown.props.children.includes(code))
    }
  })

  test('in the Pages Router does the same', async (t) => {
    const issuer = await startIssuer(t)
    const { save } = temporaryFolder(t, join(EXAMPLES, '.pages-'))
    const block = blocks(['docs/next-pages.md']).find(({ language }) => language === 'tsx')
    const { page } = requireFiles(t, issuer, { page: save('account.tsx', block?.code) })
    const visit = (token) => page.getServerSideProps({ req: { headers: token === '' ? {} : bearer(token).headers } })
    const redirect = { destination: '/sign-in?redirect_to=/account', permanent: false }
    assert.deepEqual(await visit(''), { redirect })
    assert.deepEqual(await visit(issuer.mint({ audience: AUDIENCE, expiresIn: -1 })), { redirect })
    assert.deepEqual(await visit(issuer.mint({ sub: 'alice', audience: AUDIENCE })), { props: { userId: 'alice' } })
    const { props } = await visit(issuer.mint({ audience: 'https://other.example.com' }))
    assert.deepEqual(props, { code: 'invalid_audience' })
    assert.ok(page.default(props).props.children.includes('invalid_audience'))
  })

  test('names the same codes in the documentation', () => {
    for (const page of ['docs/next.md', 'docs/next-pages.md']) {
      const [, listed] = /^const SIGN_IN_CODES = \[(.*)\]$/m.exec(read(page)) ?? []
      assert.deepEqual(listed?.match(/\w+/g), [...SIGN_IN_RECOVERABLE_CODES], page)
    }
    const [, listed] = /redirect only for the codes (.*), as in/.exec(read('docs/troubleshooting.md')) ?? []
    assert.deepEqual(listed?.match(/\w+_\w+/g), [...SIGN_IN_RECOVERABLE_CODES])
  })
})
