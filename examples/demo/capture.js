const { verifyAuth } = require('logto-authkit')
const capture = require('../../__test__/fixtures/capture.json')
const { accepted, check, rejected } = require('./verdict.js')

/** Verifies every token recorded from a real Logto server with a recorded key set, one minute after it was issued. */
async function captureRows() {
  const rows = []
  for (const token of capture.tokens) {
    const name = token.name.slice(token.server.length + 1)
    rows.push(await check(name, expectedVerdict(token), verifyAuth(token.raw, optionsFor(token))))
  }
  return rows
}

/** @param {RecordedToken} token */
function optionsFor(token) {
  return {
    logtoUrl: new URL(token.expected.issuer ?? ISSUER).origin,
    // ID tokens are rejected even if their audience is accepted. Opaque tokens have no audience.
    audience: token.expected.audience ?? 'https://api.example.test',
    jwks: keySetFor(token),
    currentDate: new Date((token.captured_at + 60) * 1000),
  }
}

/** @param {RecordedToken} token */
function keySetFor({ verifies_with: [id] = [], phase }) {
  const recorded = capture.jwks.find((jwks) => jwks.id === (id ?? phase))
  if (!recorded) throw new Error(`The recording lacks the key set ${id ?? phase}`)
  return recorded.body
}

/** @param {RecordedToken} token */
function expectedVerdict({ kind, format, request, expected }) {
  if (format === 'opaque') return rejected(401, 'opaque_token')
  if (kind === 'id_token') return rejected(401, 'invalid_token_type')
  return accepted({
    userId: expected.subject ?? '',
    subjectType: request.grant_type === 'client_credentials' ? 'machine' : 'user',
    clientId: expected.client_id ?? null,
    organizationId: expected.organization_id ?? null,
    audience: expected.audience,
    scopes: expected.scopes ?? [],
  })
}

/** @typedef {(typeof capture.tokens)[number]} RecordedToken */

const ISSUER = 'http://localhost:3001/oidc'

module.exports = { captureRows }
