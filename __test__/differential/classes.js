/**
 * The differences between our verdicts and those of `jose`, with the reasons. docs/security.md contains the list.
 * `covers` decides whether a case belongs to a class from the facts of the case, not from how it was generated.
 */

const { isCanonical } = require('./facts')

const CLASSES = [
  {
    name: 'non-canonical base64url',
    ours: 'rejected',
    why: 'RFC 7515 section 2 and RFC 4648 section 3.5 forbid padding, whitespace and leftover bits. With padding, whitespace or leftover bits, a token would have several encodings, and a blocklist that contains one encoding would miss the others.',
    covers: ({ code, parts }) => code === 'malformed_token' && parts.length === 3 && !parts.every(isCanonical),
  },
  {
    name: 'a duplicate member',
    ours: 'rejected',
    why: 'RFC 7515 section 4 and RFC 7519 section 4 allow rejecting duplicate members. Parsers disagree about which of the two members counts.',
    covers: ({ code, header, payload }) => code === 'malformed_token' && (header.twice || payload.twice),
  },
  {
    name: 'deep nesting',
    ours: 'rejected',
    why: "A header is parsed before its sender is authenticated. The limits are 4 levels for headers and 128 levels for payloads. The headers of Logto's tokens have one level.",
    covers: ({ code, header, payload }) => code === 'malformed_token' && (header.depth > 4 || payload.depth > 128),
  },
  {
    name: 'a byte order mark',
    ours: 'rejected',
    why: 'RFC 8259 section 8.1 forbids a byte order mark at the start of JSON text.',
    covers: ({ code, header, payload }) =>
      code === 'malformed_token' && [header, payload].some(({ text }) => text.startsWith('\ufeff')),
  },
  {
    name: '`b64`, or a `crit` that `jose` supports',
    ours: 'rejected',
    why: 'RFC 7797 section 7 forbids `b64: false` in a JWT, and `b64: true` is of no use in an access token.',
    covers: ({ code, header }) => code === 'malformed_token' && (has(header.value, 'b64') || has(header.value, 'crit')),
  },
  {
    name: 'a `typ` that is not a string, with `tokenType: null`',
    ours: 'rejected',
    why: 'According to RFC 7515 section 4.1.9, `typ` is a string of Unicode characters.',
    covers: ({ code, header, tokenType }) =>
      code === 'malformed_token' &&
      tokenType === null &&
      has(header.value, 'typ') &&
      (typeof header.value.typ !== 'string' || isHalf(header.value.typ)),
  },
  {
    name: 'a token over 16 KiB',
    ours: 'rejected',
    why: 'The limit bounds the work that an anonymous sender can cause. Node.js limits the headers of a request to the same total size.',
    covers: ({ code, size }) => code === 'malformed_token' && size > 16 * 1024,
  },
  {
    name: 'a time before 1970 or after the year 9999',
    ours: 'rejected',
    why: 'According to RFC 7519 section 2, times are seconds since 1970. With `1e400` or `1e22` as `exp`, a token would never expire.',
    covers: ({ code, payload: { value } }) =>
      code === 'invalid_claims' && [value.exp, value.nbf, value.iat].some((time) => time < 0 || time > 253_402_300_799),
  },
  {
    name: 'a claim with a wrong type',
    ours: 'rejected',
    why: 'RFC 9068 section 2.2 and RFC 8693 section 4 require that `sub`, `scope`, `client_id` and `organization_id`, on which applications base decisions, are strings. A blank `sub` does not identify a user.',
    covers: ({ code, payload: { value } }) =>
      code === 'invalid_claims' &&
      (isBlank(value.sub) || TEXTS.some((name) => has(value, name) && typeof value[name] !== 'string')),
  },
  {
    name: 'a lone surrogate in a claim such as `sub`',
    ours: 'rejected',
    why: 'A lone surrogate is not valid Unicode (RFC 8259 section 8.2). A `sub` with a lone surrogate does not survive UTF-8 encoding, so two users could become one.',
    covers: ({ code, payload: { value } }) =>
      code === 'invalid_claims' && TEXTS.some((name) => has(value, name) && isHalf(value[name])),
  },
  {
    name: 'an `aud` array with a member that is not a string',
    ours: 'rejected',
    why: 'According to RFC 7519 section 4.1.3, `aud` is a string or an array of strings.',
    covers: ({ code, payload: { value } }) =>
      code === 'invalid_audience' &&
      Array.isArray(value.aud) &&
      value.aud.some((one) => typeof one !== 'string' || isHalf(one)),
  },
  {
    name: 'a key with a non-canonical number',
    ours: 'rejected',
    why: 'RFC 7518 sections 6.2.1.2 and 6.3.1.1 require base64url without leading zeros, and coordinates of full length. A key whose numbers have another form is skipped.',
    covers: ({ code, keys, named }) => isWithoutKey(code, named) && keys.some(hasOddNumber),
  },
  {
    name: 'a key whose private part is in the key set, even if only in a copy of the key',
    ours: 'rejected',
    why: 'Anyone who can read the key set can sign tokens with a published private key.',
    covers: ({ code, keys, named }) => isWithoutKey(code, named) && keys.some((jwk) => has(jwk, 'd')),
  },
  {
    name: 'two matching keys, one of which `jose` ignores',
    ours: 'rejected',
    why: '`logto-authkit` can use some keys that `jose` ignores because of `key_ops` or `ext`. A second usable key with the same `kid` makes the choice of the key ambiguous.',
    covers: ({ code, named }) => code === 'unknown_key' && named.length > 1 && named.some(isPassedOver),
  },
  {
    name: 'an RSASSA-PSS signature without its leading zero',
    ours: 'rejected',
    why: 'According to RFC 8017 section 8.1.2, a signature is as long as the modulus. OpenSSL accepts shorter signatures.',
    // One signature in 256 begins with a zero; a separate test looks for one.
    isRare: true,
    covers: ({ code, parts, named }) =>
      code === 'invalid_signature' &&
      named.some(({ kty, n }) => kty === 'RSA' && octets(parts[2]).length < octets(n).length),
  },
  {
    name: 'over 64 keys',
    ours: 'rejected',
    why: 'The limit bounds the memory that a key server can make the process use. Logto publishes at most three keys.',
    covers: ({ code, keys }) => code === 'invalid_options' && keys.length > 64,
  },
  {
    name: 'a key set member that is not a key',
    ours: 'accepted',
    why: 'According to RFC 7517 section 5, unknown members are ignored. One bad member must not disable the good keys.',
    covers: ({ code, keys }) =>
      code === null && keys.some((jwk) => typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)),
  },
  {
    name: 'the same key twice, or next to an unusable key with the same `kid`',
    ours: 'accepted',
    why: 'The choice of the key is not ambiguous, because only one key can be used. `logto-authkit` and `jose` both reject a token that matches two different usable keys.',
    covers: ({ code, named }) =>
      code === null && named.some((jwk) => named.some((one) => one !== jwk && one.kty === jwk.kty)),
  },
  {
    name: '`key_ops` or `ext` with additional or unusual values',
    ours: 'accepted',
    why: 'According to RFC 7517 section 4.3, a key can be used to verify signatures if `key_ops` contains `verify`. Additional or repeated operations in `key_ops`, and the `ext` member, do not forbid verifying signatures.',
    covers: ({ code, named }) => code === null && named.some(isPassedOver),
  },
]

const TEXTS = ['sub', 'scope', 'client_id', 'organization_id']

/** Whether the key was not found: either no key at all, or only a different key that does not verify the signature. */
const isWithoutKey = (code, named) =>
  code === 'unknown_key' || code === 'invalid_options' || (code === 'invalid_signature' && named.length > 1)

const octets = (encoded) => Buffer.from(String(encoded), 'base64url')

const has = (value, name) => typeof value === 'object' && value !== null && Object.hasOwn(value, name)

/** Whether a string contains a lone surrogate, which is not a Unicode character. */
const isHalf = (text) => /\p{Surrogate}/u.test(String(text))

/** Whether `jose` ignores a key although `verify` is among its operations. */
function isPassedOver(jwk) {
  const operations = jwk?.key_ops
  const hasMore = Array.isArray(operations) && operations.includes('verify') && operations.length > 1
  return hasMore || (has(jwk, 'ext') && typeof jwk.ext !== 'boolean')
}

function hasOddNumber(jwk) {
  const size = /** @type {Record<string, number>} */ ({ 'P-256': 32, 'P-384': 48, Ed25519: 32 })[jwk?.crv]
  return ['n', 'e', 'x', 'y'].some((name) => {
    if (!has(jwk, name) || (name === 'y' && jwk.kty === 'OKP')) return false
    const number = octets(jwk[name])
    return !isCanonical(jwk[name]) || (jwk.kty === 'RSA' ? number[0] === 0 : number.length !== size)
  })
}

/** White space, control characters, and characters that hide or reorder text. */
const isBlank = (sub) => /^[\s\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*$/u.test(sub)

module.exports = { CLASSES }
