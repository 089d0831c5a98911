/** The core features, in one script for runtimes with Node's API. `scripts/runtimes.js` runs it on Bun and Deno. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { Worker } from 'node:worker_threads'
import express from 'express'
import {
  AuthError,
  buildAuthCookieHeader,
  buildGuestCookieHeader,
  createVerifier,
  invalidateJwksCache,
  requireScopes,
  verifyAuth,
  verifyLogtoToken,
} from 'logto-authkit'
import { generateCsrfToken } from 'logto-authkit/csrf'
import { logtoAuth, protect } from 'logto-authkit/express'
import { createTestIssuer } from 'logto-authkit/testing'

const audience = 'https://api.example.com'

/** @type {[string, () => Promise<void>][]} */
const CASES = [
  ...['ES384', 'RS256', 'ES256', 'EdDSA'].map((alg) => [
    `verifies ${alg} tokens over HTTP`,
    () =>
      withIssuer({ alg }, async (issuer, options) => {
        const auth = await verifyLogtoToken(issuer.mint({ sub: 'alice', scope: 'read:orders' }), options)
        assert.equal(auth.userId, 'alice')
        assert.deepEqual(auth.scopes, ['read:orders'])
        assert.equal(auth.payload.iss, issuer.issuer)
        requireScopes(auth, 'read:orders')
      }),
  ]),
  [
    'rejects bad tokens with the right code',
    () =>
      withIssuer({}, async (issuer, options) => {
        const [header, payload] = issuer.mint().split('.')
        const forged = `${header}.${payload}.${issuer.mint().split('.')[2]}`
        for (const [token, code, status] of [
          ['', 'missing_token', 401],
          ['opaque', 'opaque_token', 401],
          ['a.b', 'malformed_token', 401],
          [forged, 'invalid_signature', 401],
          [issuer.mint({ expiresIn: -1 }), 'token_expired', 401],
          [issuer.mint({ audience: 'https://other.example.test' }), 'invalid_audience', 401],
          [issuer.mint({ header: { alg: 'none' } }), 'unsupported_algorithm', 401],
          [issuer.mint({ header: { kid: 'unknown' }, claims: { iat: 1 } }), 'unknown_key', 401],
        ]) {
          const error = await rejection(verifyLogtoToken(token, options))
          assert.deepEqual([error.code, error.status], [code, status])
        }
        const error = await rejection(verifyLogtoToken(issuer.mint(), { ...options, requiredScope: 'x' }))
        assert.equal(error.code, 'missing_scope')
      }),
  ],
  [
    'rejects invalid options',
    async () => {
      await assert.rejects(verifyAuth('', { logtoUrl: 'ftp://x', audience }), {
        code: 'invalid_options',
        name: 'TypeError',
      })
      assert.throws(() => createVerifier({ logtoUrl: 'https://x.example.test' }), { code: 'invalid_options' })
    },
  ],
  [
    'reads headers and cookies of every kind of request',
    () =>
      withIssuer({}, async (issuer, options) => {
        const token = issuer.mint({ sub: 'alice' })
        const [cookie] = buildAuthCookieHeader(token).split(';')
        for (const request of [
          { headers: { authorization: `Bearer ${token}` } },
          { headers: { cookie } },
          { headers: {}, cookies: { logto_authtoken: token } },
          new Request('http://localhost/', { headers: { authorization: `bearer ${token}` } }),
        ]) {
          assert.equal((await verifyAuth(request, options)).userId, 'alice')
        }
        const twice = { headers: { cookie: `${cookie}; logto_authtoken=other` } }
        assert.equal((await rejection(verifyAuth(twice, options))).code, 'ambiguous_token')
      }),
  ],
  [
    'creates guest contexts',
    () =>
      withIssuer({}, async (issuer, options) => {
        const guest = await verifyAuth({ headers: {} }, { ...options, allowGuest: true })
        assert.deepEqual([guest.isGuest, guest.guestReason], [true, 'missing_token'])
        const [cookie] = buildGuestCookieHeader(guest.guestId).split(';')
        const again = await verifyAuth(
          { headers: { cookie, authorization: `Bearer ${issuer.mint({ expiresIn: -1 })}` } },
          { ...options, allowGuest: true },
        )
        assert.deepEqual([again.guestId, again.guestReason], [guest.guestId, 'token_expired'])
      }),
  ],
  [
    'accepts a new options object in every call',
    () =>
      withIssuer({}, async (issuer, options) => {
        const token = issuer.mint({ sub: 'alice' })
        for (let i = 0; i < 2000; i += 1) assert.equal((await verifyAuth(token, { ...options })).userId, 'alice')
        assert.equal(issuer.jwksRequests, 1)
      }),
  ],
  [
    'makes one request for 1,000 concurrent first verifications',
    () =>
      withIssuer({}, async (issuer, options) => {
        const tokens = Array.from({ length: 1000 }, (_, i) => issuer.mint({ sub: `user-${i}` }))
        const verifier = createVerifier(options)
        const contexts = await Promise.all(tokens.map((token) => verifier.verify(token)))
        assert.deepEqual(
          contexts.map(({ userId }) => userId),
          tokens.map((_, i) => `user-${i}`),
        )
        assert.equal(issuer.jwksRequests, 1)
        const { tokens: seen, jwks } = verifier.stats()
        assert.deepEqual([seen.size, jwks.state, jwks.fetches], [1000, 'fresh', 1])
      }),
  ],
  [
    'survives key rotations and outages',
    () =>
      withIssuer({}, async (issuer, options) => {
        const former = issuer.mint()
        await verifyLogtoToken(former, options)
        await issuer.rotateKeys({ keepPrevious: false })
        await verifyLogtoToken(issuer.mint(), options)
        assert.equal((await rejection(verifyLogtoToken(former, options))).code, 'unknown_key')

        for (const mode of ['down', 'error', 'hang', 'html', 'garbage', 'empty']) {
          issuer.setOutage(mode)
          const once = { ...options, skipJwksCache: true, jwksTimeoutMs: 200 }
          const error = await rejection(verifyLogtoToken(issuer.mint(), once))
          assert.deepEqual([error.code, error.status], ['jwks_unavailable', 503], mode)
          await verifyLogtoToken(issuer.mint(), options)
        }
        issuer.setOutage(null)
        await verifyLogtoToken(issuer.mint(), { ...options, skipJwksCache: true })
      }),
  ],
  [
    'protects Express routes',
    () =>
      withIssuer({}, async (issuer, options) => {
        const app = express()
        app.use(logtoAuth(options))
        app.get('/me', (req, res) => void res.json({ userId: req.auth.userId }))
        app.get('/orders', protect({ requiredScope: 'read:orders' }), (_req, res) => void res.json('orders'))
        await served(createServer(app), async (url) => {
          const headers = { authorization: `Bearer ${issuer.mint({ sub: 'alice' })}` }
          assert.deepEqual(await (await fetch(`${url}/me`, { headers })).json(), { userId: 'alice' })
          assert.equal((await fetch(`${url}/orders`, { headers })).status, 403)
          const rejected = await fetch(`${url}/me`)
          assert.deepEqual([rejected.status, rejected.headers.get('www-authenticate')], [401, 'Bearer realm="api"'])
          await rejected.text()
        })
      }),
  ],
  [
    'verifies requests of node:http',
    () =>
      withIssuer({}, async (issuer, options) => {
        const server = createServer(async (req, res) => {
          const { status = 200, userId = '' } = await verifyAuth(req, options).catch((error) => error)
          res.writeHead(status).end(userId)
        })
        await served(server, async (url) => {
          const headers = { cookie: `logto_authtoken=${issuer.mint({ sub: 'alice' })}` }
          assert.equal(await (await fetch(url, { headers })).text(), 'alice')
          assert.equal((await fetch(url, { headers: { authorization: 'Bearer a.b.c' } })).status, 401)
        })
      }),
  ],
  ['generates CSRF tokens', async () => assert.match(generateCsrfToken(), /^\S{20,}$/)],
  [
    'shares keys with worker threads',
    () =>
      withIssuer({}, async (issuer, options) => {
        await createVerifier(options).prefetch()
        for (let i = 0; i < 3; i += 1) {
          const worker = new Worker(WORKER, {
            eval: true,
            workerData: { token: issuer.mint({ sub: 'alice' }), options },
          })
          const exited = once(worker, 'exit')
          const [userId] = await once(worker, 'message')
          assert.equal(userId, 'alice')
          await exited
        }
        assert.equal(issuer.jwksRequests, 1)
      }),
  ],
  [
    'keeps working after worker threads end during a fetch',
    () =>
      withIssuer({}, async (issuer, options) => {
        issuer.setOutage('hang')
        const workerData = { token: issuer.mint({ sub: 'alice' }), options }
        for (let i = 0; i < 5; i += 1) {
          const asked = issuer.jwksRequests
          const worker = new Worker(WORKER, { eval: true, workerData })
          await once(worker, 'online')
          if (i === 0) while (issuer.jwksRequests === asked) await new Promise((resolve) => setTimeout(resolve, 10))
          await worker.terminate()
        }
        issuer.setOutage(null)
        invalidateJwksCache(issuer.logtoUrl)
        assert.equal((await verifyLogtoToken(workerData.token, options)).userId, 'alice')
      }),
  ],
]

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { verifyLogtoToken } = require(${JSON.stringify(new URL('../../js/index.js', import.meta.url).pathname)})
  verifyLogtoToken(workerData.token, workerData.options).then(
    (auth) => parentPort.postMessage(auth.userId),
    (error) => parentPort.postMessage(String(error)),
  )
`

async function withIssuer(options, use) {
  const issuer = await createTestIssuer(options)
  try {
    await use(issuer, { logtoUrl: issuer.logtoUrl, audience })
  } finally {
    await issuer.close()
  }
}

async function served(server, use) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use(`http://127.0.0.1:${server.address().port}`)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

async function rejection(verification) {
  const error = await verification.then(
    () => assert.fail('expected the verification to fail'),
    (error) => error,
  )
  assert.ok(error instanceof AuthError, String(error))
  return error
}

// Runs the cases one after the other and prints the name and error of each failure.
const failed = []
for (const [name, run] of CASES) {
  try {
    await within(120_000, run())
  } catch (error) {
    failed.push(name)
    console.error(`${name}: ${error?.stack ?? error}`)
  }
}
console.log(JSON.stringify({ passed: CASES.length - failed.length, failed }))

function within(milliseconds, promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not finished after ${milliseconds} ms`)), milliseconds)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
