const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const { Worker } = require('node:worker_threads')
const { once } = require('node:events')

const functions = (names) => Object.fromEntries(names.split(' ').map((name) => [name, 'function']))

const HELPERS = functions('hasRole hasScopes requireRole requireScopes buildAuthCookieHeader')
const VERIFICATION = functions('verifyAuth verifyLogtoToken clearJwksCache invalidateJwksCache')
const ADAPTER = functions('getAuth logtoAuth protect requireAuth')
const CSRF = {
  ...functions('buildCsrfCookieHeader createCsrfMiddleware generateCsrfToken verifyCsrfToken'),
  CSRF_COOKIE_NAME: 'string',
  CSRF_HEADER_NAME: 'string',
}

/** The exports of each entry. A change here is a change of the public API. */
const ENTRIES = {
  'logto-authkit': {
    ...HELPERS,
    ...VERIFICATION,
    ...functions('buildGuestCookieHeader createVerifier errorResponse forbidden tokenOf'),
    ANY_ORGANIZATION: 'string',
    AuthError: 'class',
  },
  'logto-authkit/csrf': CSRF,
  'logto-authkit/express': { ...ADAPTER, ...functions('authErrorHandler') },
  'logto-authkit/fastify': ADAPTER,
  'logto-authkit/hono': ADAPTER,
  'logto-authkit/koa': ADAPTER,
  'logto-authkit/mcp': functions('mcpAuth toAuthInfo'),
  'logto-authkit/nestjs': { ...functions('Auth Protect Public'), AuthErrorFilter: 'class', LogtoAuthGuard: 'class' },
  'logto-authkit/next': functions('authProxy createNextAuth getAuth verifyNextAuth withApiAuth withAuth'),
  'logto-authkit/next/config': functions('withLogtoAuth'),
  'logto-authkit/resource-metadata': functions('createResourceMetadata'),
  // The names that the original package exports, from which users migrate.
  'logto-authkit/server': {
    ...HELPERS,
    ...VERIFICATION,
    ...CSRF,
    ...functions('createExpressAuthMiddleware verifyNextAuth'),
  },
  'logto-authkit/revocation': functions('createRevocations memoryStore redisStore'),
  'logto-authkit/testing': functions('createTestIssuer testRevocationStore'),
  'logto-authkit/upgrade': functions('socketAuth verifyUpgrade'),
}

for (const [entry, wanted] of Object.entries(ENTRIES)) {
  describe(entry, () => {
    test('exports these names', () => {
      const kinds = Object.entries(require(entry)).map(([name, value]) => [name, kindOf(value)])
      assert.deepEqual(Object.fromEntries(kinds), wanted)
    })

    test('exports the same objects to import and require, by name and as the default export', async () => {
      const required = require(entry)
      const { default: whole, ...imported } = await import(entry)
      delete imported['module.exports'] // Node 23 and later
      assert.equal(whole, required)
      assert.deepEqual(Object.keys(imported).sort(), Object.keys(wanted).sort())
      for (const name of Object.keys(wanted)) assert.equal(imported[name], required[name], name)
    })
  })
}

test('an AuthError from require is an instance of the imported class', async () => {
  const { verifyAuth } = require('logto-authkit')
  const { AuthError } = await import('logto-authkit')
  const verification = verifyAuth('', { logtoUrl: 'https://auth.example.test', audience: 'x' })
  await assert.rejects(verification, (error) => error instanceof AuthError)
})

test('package.json can be loaded, but no internal file', () => {
  assert.equal(require('logto-authkit/package.json').name, 'logto-authkit')
  for (const path of ['js/index.js', 'js/native/binding.js', 'js/core/verifier', 'index.d.ts', 'src']) {
    assert.throws(() => require(`logto-authkit/${path}`), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' })
  }
})

test('a verifier has only public methods and does not reveal its options', () => {
  const { createVerifier } = require('logto-authkit')
  const verifier = createVerifier({ logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' })
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(verifier))
  assert.deepEqual(names.sort(), ['constructor', 'prefetch', 'stats', 'verify'])
  assert.deepEqual(Object.keys(verifier), [])
  assert.equal(inspect(verifier, { showHidden: true, depth: 5 }).includes('example.test'), false)
})

test('loading an entry prints nothing and does not keep the process alive', async () => {
  const worker = new Worker(`require('logto-authkit'); require('logto-authkit/testing')`, {
    eval: true,
    stdout: true,
    stderr: true,
  })
  const printed = Promise.all([worker.stdout.toArray(), worker.stderr.toArray()])
  assert.deepEqual(await once(worker, 'exit'), [0])
  assert.deepEqual(await printed, [[], []])
})

function kindOf(value) {
  return typeof value === 'function' && /^class\b/.test(`${value}`) ? 'class' : typeof value
}
