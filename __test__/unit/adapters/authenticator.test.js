const assert = require('node:assert/strict')
const { test } = require('node:test')
const express = require('logto-authkit/express')
const { bearer, pausedCheck, setUp } = require('../../support/frameworks')

test('B1: the first CORS preflight causes a warning, and others do not', async (t) => {
  const warnings = t.mock.method(process, 'emitWarning', () => {})
  const { options } = await setUp(t)
  const preflight = { 'access-control-request-method': 'POST' }
  for (let call = 0; call < 3; call += 1) {
    for (const { logtoAuth } of [express, express]) {
      const [req, res] = /** @type {any[]} */ ([
        { method: 'OPTIONS', headers: preflight },
        { setHeader: () => {}, end: () => {} },
      ])
      logtoAuth(options)(req, res, () => assert.fail())
      assert.equal(res.statusCode, 401)
    }
  }
  const {
    arguments: [message, { code }],
  } = /** @type {any} */ (warnings.mock.calls[0])
  assert.equal(warnings.mock.callCount(), 1)
  assert.equal(code, 'LOGTO_AUTHKIT_PREFLIGHT')
  assert.match(message, /cors\(\) before logtoAuth\(\).*allowPreflight: true/)
})

test('a rejection removes the context of a request, even if another logtoAuth accepted the request later', async (t) => {
  const { issuer, options } = await setUp(t)
  const req = /** @type {any} */ (bearer(issuer.mint({ sub: 'alice' })))
  const run = async (paused, verdict) => {
    /** @type {(value?: unknown) => void} */
    let end = () => {}
    const ended = new Promise((resolve) => {
      end = resolve
    })
    const onError = /** @type {any} */ (({ code }) => end(code))
    express.logtoAuth({ ...options, isRevoked: paused.isRevoked, onError })(req, /** @type {any} */ ({}), () =>
      end(verdict),
    )
    await paused.asked
    return () => {
      paused.release()
      return ended
    }
  }
  const reject = await run(pausedCheck(true), undefined)
  const accept = await run(pausedCheck(false), 'accepted')
  assert.equal(await accept(), 'accepted')
  assert.equal(req.auth.userId, 'alice')
  assert.equal(await reject(), 'token_revoked')
  assert.deepEqual([req.auth, express.getAuth(req)], [undefined, undefined])
})
