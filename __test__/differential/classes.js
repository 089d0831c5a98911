/**
 * Where our verdict differs from that of `jose`, and why ours is right. `docs/security.md` shows this list. `covers` says of a
 * case whether the difference is of that class: it looks at what is so, not at how the case was made.
 */

const { isCanonical } = require('./facts')

/**
 * @typedef {import('./facts').Facts} Facts
 * @typedef {{ name: string, ours: 'accepted' | 'refused', why: string, isRare?: boolean, covers: (facts: Facts) => unknown }} Class
 */

/** @type {Class[]} */
const CLASSES = [
  {
    name: 'base64url in another spelling',
    ours: 'refused',
    why: 'RFC 7515 section 2 and RFC 4648 section 3.5: no padding, no white space, no bits left over. Otherwise one token has many spellings, and what blocks or logs one of them misses the others.',
    covers: ({ code, parts }) => code === 'malformed_token' && parts.length === 3 && !parts.every(isCanonical),
  },
  {
    name: 'a member that stands twice',
    ours: 'refused',
    why: 'RFC 7515 section 4 and RFC 7519 section 4 allow it: parsers do not agree on which of the two counts.',
    covers: ({ code, header, payload }) => code === 'malformed_token' && (header.twice || payload.twice),
  },
  {
    name: 'deep nesting',
    ours: 'refused',
    why: 'A header is parsed before anything is known about its sender: 4 levels, where Logto’s has one. A payload has 128.',
    covers: ({ code, header, payload }) => code === 'malformed_token' && (header.depth > 4 || payload.depth > 128),
  },
  {
    name: 'a byte order mark',
    ours: 'refused',
    why: 'RFC 8259 section 8.1: JSON has none.',
    covers: ({ code, header, payload }) =>
      code === 'malformed_token' && [header, payload].some(({ text }) => text.startsWith('\ufeff')),
  },
  {
    name: '`b64`, or a `crit` that `jose` understands',
    ours: 'refused',
    why: 'RFC 7797 section 7 forbids `b64: false` in a JWT, and no access token has a use for `true`.',
    covers: ({ code, header }) => code === 'malformed_token' && (has(header.value, 'b64') || has(header.value, 'crit')),
  },
  {
    name: 'a `typ` that is no text, where any type is accepted',
    ours: 'refused',
    why: 'RFC 7515 section 4.1.9: it is a string, of Unicode.',
    covers: ({ code, header, tokenType }) =>
      code === 'malformed_token' &&
      tokenType === null &&
      has(header.value, 'typ') &&
      (typeof header.value.typ !== 'string' || isHalf(header.value.typ)),
  },
  {
    name: 'over 16 KiB',
    ours: 'refused',
    why: 'A bound on what a stranger can make the server decode. Node’s limit on all headers of a request is the same.',
    covers: ({ code, size }) => code === 'malformed_token' && size > 16 * 1024,
  },
  {
    name: 'a time before 1970 or after the year 9999',
    ours: 'refused',
    why: 'RFC 7519 section 2 wants seconds since 1970. `1e400` and `1e22` are ways round `exp`.',
    covers: ({ code, payload: { value } }) =>
      code === 'invalid_claims' && [value.exp, value.nbf, value.iat].some((time) => time < 0 || time > 253_402_300_799),
  },
  {
    name: 'a claim of another type',
    ours: 'refused',
    why: 'RFC 9068 section 2.2 and RFC 8693 section 4: `sub` (not empty), `scope`, `client_id` and `organization_id` are strings. Applications decide by them.',
    covers: ({ code, payload: { value } }) =>
      code === 'invalid_claims' &&
      (value.sub === '' || TEXTS.some((name) => has(value, name) && typeof value[name] !== 'string')),
  },
  {
    name: 'half a surrogate pair in such a claim',
    ours: 'refused',
    why: 'It is not Unicode (RFC 8259 section 8.2): such a `sub` does not survive UTF-8, so two users could become one.',
    covers: ({ code, payload: { value } }) =>
      code === 'invalid_claims' && TEXTS.some((name) => has(value, name) && isHalf(value[name])),
  },
  {
    name: 'an audience beside one that is no string',
    ours: 'refused',
    why: 'RFC 7519 section 4.1.3: a string, or a list of strings.',
    covers: ({ code, payload: { value } }) =>
      code === 'invalid_audience' &&
      Array.isArray(value.aud) &&
      value.aud.some((/** @type {unknown} */ one) => typeof one !== 'string' || isHalf(one)),
  },
  {
    name: 'a number of a key in another spelling',
    ours: 'refused',
    why: 'RFC 7518 sections 6.2.1.2 and 6.3.1.1: base64url, no leading zero, coordinates of full length. Such a key is skipped.',
    covers: ({ code, keys, named }) => isWithoutKey(code, named) && keys.some(hasOddNumber),
  },
  {
    name: 'a key whose private part stands in the set, if only in a copy',
    ours: 'refused',
    why: 'Everybody who reads the set can sign with it.',
    covers: ({ code, keys, named }) => isWithoutKey(code, named) && keys.some((jwk) => has(jwk, 'd')),
  },
  {
    name: 'two keys that fit, one of which `jose` passes over',
    ours: 'refused',
    why: 'The last row of this table seen from the other side: a key that serves for us makes another one ambiguous.',
    covers: ({ code, named }) => code === 'unknown_key' && named.length > 1 && named.some(isPassedOver),
  },
  {
    name: 'an RSASSA-PSS signature without its leading zero',
    ours: 'refused',
    why: 'RFC 8017 section 8.1.2: it is as long as the modulus. OpenSSL is content with less.',
    // One signature in 256 begins with a zero; a test of its own looks for one.
    isRare: true,
    covers: ({ code, parts, named }) =>
      code === 'invalid_signature' &&
      named.some(({ kty, n }) => kty === 'RSA' && octets(parts[2]).length < octets(n).length),
  },
  {
    name: 'over 64 keys',
    ours: 'refused',
    why: 'A bound on what a key server can make the process keep. Logto publishes three at most.',
    covers: ({ code, keys }) => code === 'invalid_options' && keys.length > 64,
  },
  {
    name: 'what is no key, in a key set',
    ours: 'accepted',
    why: 'RFC 7517 section 5: what is not understood in a set is ignored. One bad member must not take the good keys away.',
    covers: ({ code, keys }) =>
      code === null && keys.some((jwk) => typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)),
  },
  {
    name: 'the same key twice, or beside one that is none',
    ours: 'accepted',
    why: 'Nothing is ambiguous: only one key of that `kid` can be used. Two usable ones that differ are refused, by both.',
    covers: ({ code, named }) =>
      code === null && named.some((jwk) => named.some((one) => one !== jwk && one.kty === jwk.kty)),
  },
  {
    name: '`key_ops` or `ext` that say more than is needed',
    ours: 'accepted',
    why: 'RFC 7517 section 4.3: `verify` is among the operations. What else is, or is there twice, and whether the key may be exported, takes nothing from it.',
    covers: ({ code, named }) => code === null && named.some(isPassedOver),
  },
]

const TEXTS = ['sub', 'scope', 'client_id', 'organization_id']

/** Whether the key was not there: nor any other key, or another one, with which the signature does not hold. @type {(code: string | null, named: any[]) => boolean} */
const isWithoutKey = (code, named) =>
  code === 'unknown_key' || code === 'invalid_options' || (code === 'invalid_signature' && named.length > 1)

/** @param {unknown} encoded */
const octets = (encoded) => Buffer.from(String(encoded), 'base64url')

/** @type {(value: any, name: string) => boolean} */
const has = (value, name) => typeof value === 'object' && value !== null && Object.hasOwn(value, name)

/** Half a surrogate pair is no character of Unicode. @param {unknown} text */
const isHalf = (text) => /\p{Surrogate}/u.test(String(text))

/** Whether `jose` takes a key for none, or for none that checks signatures, though `verify` is among its operations. @param {any} jwk */
function isPassedOver(jwk) {
  const operations = jwk?.key_ops
  const hasMore = Array.isArray(operations) && operations.includes('verify') && operations.length > 1
  return hasMore || (has(jwk, 'ext') && typeof jwk.ext !== 'boolean')
}

/** @param {any} jwk */
function hasOddNumber(jwk) {
  const size = /** @type {Record<string, number>} */ ({ 'P-256': 32, 'P-384': 48, Ed25519: 32 })[jwk?.crv]
  return ['n', 'e', 'x', 'y'].some((name) => {
    if (!has(jwk, name) || (name === 'y' && jwk.kty === 'OKP')) return false
    const number = octets(jwk[name])
    return !isCanonical(jwk[name]) || (jwk.kty === 'RSA' ? number[0] === 0 : number.length !== size)
  })
}

module.exports = { CLASSES }
