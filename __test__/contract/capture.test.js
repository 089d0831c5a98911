const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { verifyAuth } = require('logto-authkit')
const { rejection, startServer, verdict } = require('../support/helpers')
const { bearer } = require('../support/tokens')

const capture = JSON.parse(readFileSync(join(__dirname, '../fixtures/capture.json'), 'utf8'))

const TOKENS = capture.tokens
const KEY_SETS = new Map(capture.jwks.map((set) => [set.id, set.body]))

const ACCESS_TOKENS = TOKENS.filter(({ kind, format }) => kind === 'access_token' && format === 'jwt')
const ID_TOKENS = TOKENS.filter(({ kind }) => kind === 'id_token')
const OPAQUE_TOKENS = TOKENS.filter(({ format }) => format === 'opaque')

const JWTS = [...ACCESS_TOKENS, ...ID_TOKENS]
const AUDIENCES = [...new Set(JWTS.map(({ payload }) => payload.aud))]
const ISSUERS = [...new Set(JWTS.map(({ payload }) => payload.iss))]
const ORGANIZATIONS = [...new Set(JWTS.map(({ expected }) => expected.organization_id).filter(Boolean)), 'never-seen']

test('the recording is complete', () => {
  assert.deepEqual(
    [ACCESS_TOKENS.length, ID_TOKENS.length, OPAQUE_TOKENS.length, TOKENS.length, KEY_SETS.size],
    [41, 3, 2, 46, 7],
  )
  for (const token of JWTS) assert.equal(token.verifies_with.length + token.key_absent_from.length, KEY_SETS.size)
})

for (const token of ACCESS_TOKENS) {
  describe(token.name, () => {
    const { expected, payload } = token

    for (const set of token.verifies_with) {
      test(`is accepted with the keys ${set}`, async () => {
        assert.deepEqual(await verify(token, { jwks: KEY_SETS.get(set) }), {
          userId: expected.subject,
          isAuthenticated: true,
          payload,
          isGuest: false,
          scopes: payload.scope ? payload.scope.split(' ') : [],
          clientId: expected.client_id,
          organizationId: expected.organization_id,
          subjectType: expected.subject === expected.client_id ? 'machine' : 'user',
        })
      })
    }

    for (const set of token.key_absent_from) {
      test(`has an unknown key with the keys ${set}`, async () => {
        assert.equal(await verdict(verify(token, { jwks: KEY_SETS.get(set) })), 'unknown_key')
      })
    }

    test('has the recorded scopes', async () => {
      const { scopes } = await verify(token)
      assert.deepEqual(scopes.toSorted(), expected.scopes.toSorted())
    })

    test('has exactly its own scopes', async () => {
      const everything = new Set(ACCESS_TOKENS.flatMap((other) => other.expected.scopes))
      for (const scope of everything) {
        const wanted = expected.scopes.includes(scope) ? 'accepted' : 'missing_scope'
        assert.equal(await verdict(verify(token, { requiredScope: scope })), wanted, scope)
      }
    })

    test('is accepted for exactly its own audience', async () => {
      const { aud } = payload
      assert.equal(aud, expected.audience)
      const others = [...AUDIENCES.filter((other) => other !== aud), `${aud}/`, aud.slice(0, -1), aud.toUpperCase()]
      for (const audience of [...others, others]) {
        assert.equal(await verdict(verify(token, { audience })), 'invalid_audience', String(audience))
      }
      assert.equal(await verdict(verify(token, { audience: [...others, aud] })), 'accepted')
      assert.equal(await verdict(verify(token, { audience: null })), 'accepted')
    })

    test('is accepted from exactly its own issuer', async () => {
      const { iss } = payload
      assert.equal(iss, expected.issuer)
      const others = [...ISSUERS.filter((other) => other !== iss), `${iss}/`, iss.slice(0, -5), iss.toUpperCase()]
      for (const issuer of [...others, others]) {
        assert.equal(await verdict(verify(token, { issuer })), 'invalid_issuer', String(issuer))
      }
      for (const other of ISSUERS.filter((other) => other !== iss)) {
        assert.equal(await verdict(verify(token, { logtoUrl: other })), 'invalid_issuer', other)
      }
      assert.equal(await verdict(verify(token, { issuer: [...others, iss] })), 'accepted')
    })

    test('is accepted for exactly its own organization', async () => {
      for (const organizationId of [...ORGANIZATIONS, null]) {
        const wanted = organizationId === expected.organization_id ? 'accepted' : 'wrong_organization'
        assert.equal(await verdict(verify(token, { organizationId })), wanted, String(organizationId))
      }
    })

    test('is valid from iat until just before exp', async () => {
      const { exp, iat } = payload
      assert.equal(exp - iat, expected.lifetime)
      for (const [second, wanted] of [
        [iat, 'accepted'],
        [exp - 1, 'accepted'],
        [exp - 0.001, 'accepted'],
        [exp, 'token_expired'],
        [exp + 1, 'token_expired'],
      ]) {
        assert.equal(await verdict(verify(token, { currentDate: at(second) })), wanted, `at exp ${second - exp}`)
      }
    })

    test('is expired a year later', async () => {
      assert.equal(await verdict(verify(token, { currentDate: at(payload.exp + 365 * 86_400) })), 'token_expired')
    })

    test('is found in the header and the cookie', async () => {
      const header = await verify({ ...token, raw: bearer(token.raw) })
      const cookie = await verify({ ...token, raw: { headers: { cookie: `a=b; logto_authtoken=${token.raw}` } } })
      assert.deepEqual([header.payload, cookie.payload], [payload, payload])
    })

    test('is not accepted as another token type', async () => {
      assert.equal(await verdict(verify(token, { tokenType: 'JWT' })), 'invalid_token_type')
      assert.equal(await verdict(verify(token, { tokenType: 'application/AT+JWT' })), 'accepted')
    })

    test('is rejected if a character of the signature changes', async () => {
      const [header, claims, signature] = token.raw.split('.')
      const flip = (part) => `${part[0] === 'A' ? 'B' : 'A'}${part.slice(1)}`
      const tampered = `${header}.${claims}.${flip(signature)}`
      assert.equal(await verdict(verify({ ...token, raw: tampered })), 'invalid_signature')
    })
  })
}

for (const token of ID_TOKENS) {
  describe(token.name, () => {
    for (const set of KEY_SETS.keys()) {
      test(`is not an access token with the keys ${set}`, async () => {
        assert.equal(await verdict(verify(token, { jwks: KEY_SETS.get(set) })), 'invalid_token_type')
      })
    }

    test('is not an access token for any audience or for null', async () => {
      for (const audience of [...AUDIENCES, null]) {
        assert.equal(await verdict(verify(token, { audience })), 'invalid_token_type')
      }
    })

    test('verifies with its own key if any type is accepted', async () => {
      const auth = await verify(token, { tokenType: null })
      assert.deepEqual(auth.payload, token.payload)
      assert.deepEqual([auth.userId, auth.clientId, auth.scopes], [token.expected.subject, null, []])
      for (const set of token.key_absent_from) {
        const verification = verify(token, { tokenType: null, jwks: KEY_SETS.get(set) })
        assert.equal(await verdict(verification), 'unknown_key')
      }
    })
  })
}

for (const token of OPAQUE_TOKENS) {
  test(`${token.name} is opaque with every key set`, async () => {
    for (const jwks of KEY_SETS.values()) {
      assert.equal((await rejection(verify(token, { jwks, audience: null }))).code, 'opaque_token')
    }
  })
}

for (const set of capture.jwks) {
  test(`the key set ${set.id} is accepted with its recorded response headers`, async (t) => {
    const server = await startServer(t, (_, response) => {
      response.writeHead(set.status, set.response_headers).end(JSON.stringify(set.body))
    })
    const jwksUri = server.url + new URL(set.url).pathname
    for (const token of JWTS) {
      const wanted = token.verifies_with.includes(set.id) ? 'accepted' : 'unknown_key'
      assert.equal(await verdict(verify(token, { jwks: undefined, jwksUri, tokenType: null })), wanted, token.name)
    }
  })
}

async function verify({ raw, payload, captured_at, verifies_with }, options) {
  return verifyAuth(raw, {
    logtoUrl: payload?.iss ?? ISSUERS[0],
    audience: payload?.aud ?? AUDIENCES[0],
    jwks: KEY_SETS.get(verifies_with?.[0]),
    currentDate: at(captured_at),
    ...options,
  })
}

function at(second) {
  return new Date(second * 1000)
}
