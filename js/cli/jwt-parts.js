/** Reads parts of JWTs without verifying them. */

/** Decodes the header or the payload of a JWT. @type {(part: string) => any} */
const decodeJsonPart = (part) => JSON.parse(Buffer.from(part, 'base64url').toString())

/** Returns the decoded header of a JWT, or null. @type {(token: string) => any} */
function headerOf(token) {
  try {
    return decodeJsonPart(token.split('.', 1)[0])
  } catch {
    return null
  }
}

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
  return SIGNATURE_LENGTHS[/^(RS|PS)/.test(alg) ? 'RSA' : alg] ?? []
}

/** @type {Record<string, number[]>} */
const SIGNATURE_LENGTHS = {
  HS256: [43],
  HS384: [64],
  HS512: [86],
  ES256: [86],
  EdDSA: [86],
  Ed25519: [86],
  ES384: [128],
  ES512: [176],
  RSA: [342, 512, 683],
}

/** Whether a text contains a JWT with a complete signature. @param {string} text */
const hasWholeToken = (text) =>
  (text.match(/eyJ[\w.-]+/g) ?? []).some((token) =>
    signatureLengths(token).includes(token.length - signatureStartOf(token)),
  )

module.exports = { decodeJsonPart, hasWholeToken, headerOf, signatureLengths, signatureStartOf }
