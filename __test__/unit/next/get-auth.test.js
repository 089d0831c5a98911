const assert = require('node:assert/strict')
const { test } = require('node:test')
const { createTestIssuer } = require('logto-authkit/testing')

const stub = (name, exports) => {
  const filename = require.resolve(name)
  require.cache[filename] = /** @type {any} */ ({ id: filename, filename, loaded: true, exports })
}

test('getAuth notices a cookie of any server that a Server Action has changed', async (t) => {
  const issuers = [await createTestIssuer(), await createTestIssuer()]
  t.after(() => Promise.all(issuers.map((issuer) => issuer.close())))
  const audience = 'https://api.example.com'
  const token = issuers[1].mint({ sub: 'alice', audience })
  const jar = new Map()
  stub('next/server', { connection: async () => {} })
  stub('next/headers', {
    headers: async () => new Headers({ cookie: `second=${token}` }),
    cookies: async () => ({ get: (name) => jar.get(name) }),
  })
  const { createNextAuth } = require('logto-authkit/next')
  const servers = issuers.map(({ logtoUrl }, i) => ({ logtoUrl, audience, cookieName: ['first', 'second'][i] }))
  const { getAuth } = createNextAuth(servers)

  jar.set('second', { value: token })
  assert.equal((await getAuth()).isAuthenticated, true)
  jar.delete('second')
  assert.equal((await getAuth()).isAuthenticated, false)
})
