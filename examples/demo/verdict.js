const { isDeepStrictEqual } = require('node:util')
const { AuthError } = require('logto-authkit')

/**
 * A result of `verifyAuth`, actual or expected, in a form that can be compared and printed.
 *
 * @typedef {object} Verdict
 * @property {string} outcome `accepted`, `guest (<reason>)` or `<status> <code>`
 * @property {Facts} [facts] the context of an accepted token
 * @property {string} [detail] printed but not compared
 *
 * @typedef {object} Facts
 * @property {string} userId
 * @property {string} subjectType
 * @property {string | null} clientId
 * @property {string | null} organizationId
 * @property {unknown} audience
 * @property {string[]} scopes
 *
 * @typedef {{ name: string, expected: string, got: string, ok: boolean, detail: string }} Row
 */

/** @param {Facts} facts scopes may be in any order: Logto does not preserve the requested order @returns {Verdict} */
const accepted = (facts) => ({ outcome: 'accepted', facts: { ...facts, scopes: [...facts.scopes].sort() } })

/** @param {number} status @param {string} code @returns {Verdict} */
const rejected = (status, code) => ({ outcome: `${status} ${code}` })

/** @param {string} reason @returns {Verdict} */
const guest = (reason) => ({ outcome: `guest (${reason})` })

/**
 * Creates one row of the table. The result, and every fact about an accepted token, must match the expectation.
 *
 * @param {string} name
 * @param {Verdict} expected
 * @param {Promise<import('logto-authkit').AuthContext>} outcome
 * @returns {Promise<Row>}
 */
async function check(name, expected, outcome) {
  const got = await outcome.then(verdictOfContext, verdictOfError)
  const ok = got.outcome === expected.outcome && isDeepStrictEqual(got.facts, expected.facts)
  const detail = (expected.facts && got.facts && differences(expected.facts, got.facts)) || got.detail || ''
  return { name, expected: expected.outcome, got: got.outcome, ok, detail }
}

/** @param {import('logto-authkit').AuthContext} auth @returns {Verdict} */
function verdictOfContext(auth) {
  if (auth.isGuest) return { ...guest(auth.guestReason), detail: `guest ${auth.guestId}` }
  const { userId, subjectType, clientId, organizationId, scopes, payload } = auth
  const facts = { userId, subjectType, clientId, organizationId, audience: payload.aud, scopes }
  return { ...accepted(facts), detail: describe(facts) }
}

/** @param {unknown} error @returns {Verdict} */
function verdictOfError(error) {
  if (error instanceof AuthError) return { ...rejected(error.status, error.code), detail: error.message }
  return { outcome: 'error', detail: String(error) }
}

/** @param {Facts} facts */
function describe({ subjectType, organizationId, audience, scopes }) {
  const organization = organizationId === null ? '' : `, organization ${organizationId}`
  return `${subjectType}, ${scopes.join(' ') || 'no scopes'}, ${audience}${organization}`
}

/** @param {Facts} expected @param {Facts} got */
function differences(expected, got) {
  const names = /** @type {(keyof Facts)[]} */ (Object.keys(expected))
  return names
    .filter((name) => !isDeepStrictEqual(got[name], expected[name]))
    .map((name) => `${name} ${JSON.stringify(got[name])} instead of ${JSON.stringify(expected[name])}`)
    .join(', ')
}

module.exports = { accepted, rejected, guest, check }
