const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { createTestIssuer } = require('logto-authkit/testing')
const { describeAdapters } = require('../support/adapters')
const { bearer } = require('../support/frameworks')
const { AUDIENCE } = require('../support/helpers')

/** D1: the server explains rejections in its log and to `onRefused`, whether or not the request becomes a guest. */

const OTHER = 'https://other.example.test'

let issuer
let unreachable
let count = 0

before(async () => {
  issuer = await createTestIssuer({ alg: 'ES256' })
  unreachable = await createTestIssuer({ alg: 'ES256' })
  unreachable.setOutage('error')
})
after(() => Promise.all([issuer.close(), unreachable.close()]))

/**
 * The reason and the code that `onRefused` gets, and the request.
 *
 * @type {[reason: string, code: string, request: (token: string) => object][]}
 */
const REFUSED = [
  ['no_bearer_scheme', 'missing_token', (token) => ({ headers: { authorization: token } })],
  ['empty_bearer', 'missing_token', () => ({ headers: { authorization: 'Bearer ' } })],
  ['other_cookie', 'missing_token', (token) => ({ headers: { cookie: `session=${token}` } })],
  ['literal_undefined', 'malformed_token', () => bearer('undefined')],
  ['personal_access_token', 'opaque_token', () => bearer(`pat_${'a'.repeat(20)}`)],
  ['no_issuer', 'invalid_issuer', () => bearer(issuer.mint({ claims: { iss: undefined } }))],
  ['no_audience', 'invalid_audience', () => bearer(issuer.mint({ claims: { aud: undefined } }))],
]

describeAdapters([], (adapter, has) => {
  for (const allowGuest of [false, true]) {
    const guests = allowGuest ? ', and guests result' : ''

    /** Serves an application, and returns a client that checks how it responds to a rejected request. */
    const serve = async (t, { logtoUrl }, more) => {
      // Adapters with equal options would share a verifier and its warnings, so each `realm` is different.
      const auth = { logtoUrl, audience: AUDIENCE, allowGuest, realm: `api-${count++}`, ...more }
      const client = await adapter.serve(t, { steps: [{ auth }] })
      return async (request, code) => {
        const { status, body } = await client('/', request)
        if (!allowGuest) assert.equal(JSON.parse(body).code, code)
        else assert.deepEqual([status, has('context') ? JSON.parse(body).guestReason : code], [200, code])
      }
    }

    test(`the log and onRefused say why requests are rejected${guests}`, async (t) => {
      const emitted = t.mock.method(process, 'emitWarning', () => {})
      const refused = []
      const onRefused = ({ code, details }) => refused.push([details.reason, code])
      const [ask, outage] = await Promise.all([serve(t, issuer, { onRefused }), serve(t, unreachable)])
      for (const _ of [1, 2]) {
        await ask(bearer(issuer.mint({ audience: OTHER })), 'invalid_audience')
        await ask(bearer(issuer.mint({ claims: { iss: OTHER } })), 'invalid_issuer')
        await outage(bearer(unreachable.mint()), 'jwks_unavailable')
      }
      refused.length = 0
      for (const [, code, request] of REFUSED) await ask(request(issuer.mint()), code)
      assert.deepEqual(
        refused,
        REFUSED.map(([reason, code]) => [reason, code]),
      )
      const warnings = emitted.mock.calls.map(({ arguments: [message, details] }) => [details?.code, String(message)])
      const expected = [
        ['LOGTO_AUTHKIT_INVALID_AUDIENCE', OTHER, 'explain'],
        ['LOGTO_AUTHKIT_INVALID_ISSUER', OTHER, 'explain'],
        ['LOGTO_AUTHKIT_JWKS_UNAVAILABLE', unreachable.jwksUri, 'doctor'],
      ]
      assert.deepEqual(
        warnings.map(([code]) => code),
        expected.map(([code]) => code),
      )
      for (const [i, [, value, command]] of expected.entries()) {
        const [, message] = warnings[i]
        assert.ok(message.includes(value) && message.includes(`npx logto-authkit ${command} --url http`), message)
      }
    })
  }
})
