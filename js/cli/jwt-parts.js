/** Reads parts of JWTs without verifying them. */

/** Decodes the header or the payload of a JWT. Returns null if the part is not JSON. @type {(part: string) => any} */
function decodePart(part) {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString())
  } catch {
    return null
  }
}

/** Whether a decoded part is a set of claims rather than a header. @param {any} part */
const isClaimsSet = (part) => ['iss', 'exp'].some((name) => part?.[name] !== undefined)

/** @param {string} token */
const headerOf = (token) => decodePart(token.split('.', 1)[0])

/** Returns the index of the signature, or 0. @param {string} token */
const signatureStartOf = (token) => token.indexOf('.', token.indexOf('.') + 1) + 1

/**
 * Returns the possible lengths of a token's signature, in characters. Signatures of RSA are as long as the key, which
 * has 2048, 3072 or 4096 bits.
 *
 * @param {string} token
 */
function signatureLengths(token) {
  const { alg } = headerOf(token) ?? {}
  return SIGNATURE_LENGTHS.get(/^(RS|PS)/.test(alg) ? 'RSA' : alg) ?? []
}

/** @type {Map<string, number[]>} */
const SIGNATURE_LENGTHS = new Map([
  ['HS256', [43]],
  ['HS384', [64]],
  ['HS512', [86]],
  ['ES256', [86]],
  ['EdDSA', [86]],
  ['Ed25519', [86]],
  ['ES384', [128]],
  ['ES512', [176]],
  ['RSA', [342, 512, 683]],
])

/** Whether a text contains a JWT with a complete signature. @param {string} text */
const hasWholeToken = (text) =>
  (text.match(/eyJ[\w.-]+/g) ?? []).some((token) =>
    signatureLengths(token).includes(token.length - signatureStartOf(token)),
  )

module.exports = { decodePart, hasWholeToken, headerOf, isClaimsSet, signatureLengths, signatureStartOf }
