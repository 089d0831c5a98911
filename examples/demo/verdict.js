const { isDeepStrictEqual } = require('node:util')
const { AuthError } = require('logto-authkit')

/**
 * What `verifyAuth` answered, or should have, in a form that can be compared and printed.
 *
 * @typedef {object} Verdict
 * @property {string} answer `accepted`, `guest (<reason>)` or `<status> <code>`
 * @property {Facts} [facts] what an accepted token was found to say
 * @property {string} [detail] for the reader, not compared
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

/** @param {Facts} facts scopes in any order: Logto does not keep the requested one @returns {Verdict} */
const accepted = (facts) => ({ answer: 'accepted', facts: { ...facts, scopes: [...facts.scopes].sort() } })

/** @param {number} status @param {string} code @returns {Verdict} */
const refused = (status, code) => ({ answer: `${status} ${code}` })

/** @param {string} reason @returns {Verdict} */
const guest = (reason) => ({ answer: `guest (${reason})` })

/**
 * One row of the table: the answer, and with an accepted token every fact in it, has to be the expected one.
 *
 * @param {string} name
 * @param {Verdict} expected
 * @param {Promise<import('logto-authkit').AuthContext>} answer
 * @returns {Promise<Row>}
 */
async function check(name, expected, answer) {
  const got = await answer.then(verdictOfContext, verdictOfError)
  const ok = got.answer === expected.answer && isDeepStrictEqual(got.facts, expected.facts)
  const detail = (expected.facts && got.facts && differences(expected.facts, got.facts)) || got.detail || ''
  return { name, expected: expected.answer, got: got.answer, ok, detail }
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
  if (error instanceof AuthError) return { ...refused(error.status, error.code), detail: error.message }
  return { answer: 'error', detail: String(error) }
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

module.exports = { accepted, refused, guest, check }
