/** The documented files of Next.js with `cacheComponents`, which prerenders every route that does not wait for a request. */

const assert = require('node:assert/strict')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { Application } = require('../next/application')
const { ask } = require('../next/client')
const { bearer } = require('../support/frameworks')
const { startIssuer } = require('../support/helpers')
const { blocks, read } = require('../support/pages')
const { AUDIENCE } = require('../support/tokens')

const METADATA_PATH = '/.well-known/oauth-protected-resource/mcp'

/** The files by their source in this repository. */
const SOURCES = {
  'js/cli/templates': { 'next-auth.ts': 'lib/auth.ts', 'next-route.ts': 'app/api/me/route.ts' },
  'examples/next': ['lib/same-origin.ts', 'app/account/page.tsx'],
  'examples/recipes/next-client': [
    'lib/logto.ts',
    'app/sign-in/route.ts',
    'app/sign-out/route.ts',
    'app/callback/route.ts',
  ],
  'examples/recipes/next-mcp': ['lib/mcp.ts', 'app/mcp/route.ts', `app${METADATA_PATH}/route.ts`],
  'examples/recipes/next-routes': ['app/api/orders/[id]/route.ts'],
}

describe('Next.js with cacheComponents', { timeout: 1_800_000 }, () => {
  /** @type {InstanceType<typeof Application>} */
  let application
  let output

  before(async () => {
    const files = Object.entries(SOURCES).flatMap(([folder, paths]) =>
      Object.entries(paths).map(([from, to]) => [to, read(join(folder, Array.isArray(paths) ? to : from))]),
    )
    application = new Application(join(__dirname, '../next/logto-sdk'), {
      next: 16,
      packages: ['@logto/next', '@modelcontextprotocol/sdk'],
      files: {
        ...Object.fromEntries(files),
        'app/api/csrf/route.ts': blocks(['docs/csrf.md']).find(({ code }) => code.includes('@/lib/auth'))?.code ?? '',
        'next.config.ts': `
          import { withLogtoAuth } from 'logto-authkit/next/config'
          export default withLogtoAuth({ cacheComponents: true, outputFileTracingRoot: import.meta.dirname })`,
      },
    })
    setVariables('https://build.example.com', 'https://build.example.com/mcp')
    const built = await application.build()
    assert.equal(built.code, 0, built.output)
    output = built.output
  })
  after(() => application.remove())

  test('prerenders no Route Handler', () => {
    const prerendered = [...output.matchAll(/^. ○ (\S+)/gm)].map(([, path]) => path)
    assert.deepEqual(prerendered, ['/', '/_not-found'])
  })

  test('uses the variables with which the server starts', async (t) => {
    const issuer = await startIssuer(t)
    const resource = 'http://localhost:3000/mcp'
    setVariables(issuer.logtoUrl, resource)
    const server = await application.serve('start')
    const metadata = JSON.parse((await ask(server.url, METADATA_PATH)).text)
    assert.deepEqual([metadata.resource, metadata.authorization_servers], [resource, [issuer.issuer]])
    const { headers } = await ask(server.url, '/mcp', { method: 'POST' })
    const challenge = `Bearer realm="api", resource_metadata="http://localhost:3000${METADATA_PATH}"`
    assert.equal(headers['www-authenticate'], challenge)
    const token = issuer.mint({ sub: 'alice', audience: AUDIENCE })
    assert.equal((await ask(server.url, '/api/me', { headers: bearer(token).headers })).status, 200)
  })
})

function setVariables(logtoUrl, mcpUrl) {
  Object.assign(process.env, { LOGTO_URL: logtoUrl, LOGTO_AUDIENCE: AUDIENCE, MCP_URL: mcpUrl })
}
