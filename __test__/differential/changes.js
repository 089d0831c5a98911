/** The changes that the comparison with `jose` makes to valid cases. */

const { createECDH } = require('node:crypto')
const { AUDIENCE, ISSUER } = require('../support/tokens')
const { ALGORITHMS, NOW, keyFor } = require('./keys')

/** @typedef {import('./cases').Members} Members */

/** Sets a member of the header or payload, or removes it if `json` is undefined. */
function set(list, name, json) {
  const at = list.findIndex(([known]) => known === name)
  if (at >= 0) list.splice(at, 1)
  if (json !== undefined) list.push([name, json])
}

const replaced = (where, names, values) => (draft, draw) => set(draft[where], draw.one(names), draw.one(values))

const doubled = (where) => (draft, draw) => void draft[where].push(/** @type {any} */ ([...draw.one(draft[where])]))

const forged = (change) => (draft, draw) => void draft.forge.push((signature) => change(signature, draft, draw))

const edited = (change) => (draft, draw) => void draft.edit.push((token) => change(token, draw))

/** The published JWK of the key, if the key set still contains it. */
const published = ({ jwks, key }) => listed(jwks).find((jwk) => jwk?.kid === key.jwk.kid) ?? {}

const listed = (jwks) => (Array.isArray(jwks.keys) ? jwks.keys : [])

const asked =
  (name, values) =>
  ({ options }, draw) =>
    void Object.assign(options, { [name]: draw.one(values) })

const jsons = (...values) => values.map((value) => JSON.stringify(value))

const words = (text) => text.split(' ')

const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth)

const inPart = (token, index, change) =>
  token
    .split('.')
    .map((value, at) => (at === index ? change(value) : value))
    .join('.')

/** Changes unused bits of the last character, so that the string decodes to the same bytes. */
function leftOver(text) {
  if (text.length % 4 < 2) return text
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return text.slice(0, -1) + (alphabet[alphabet.indexOf(text.slice(-1)) ^ 1] ?? 'B')
}

/** JSON of every type, to replace values of other types. */
const ODD = words('null true 0 -1 1.5 1e400 "" "x" [] ["x"] {} {"x":1} [[]] "\\ud800"')
const NUMBERS = words('-1 0 -0 1.5 1e9 1E10 1e22 1e400 253402300799 253402300800 "1900000000" 99999999999999999999')
const TIMES = [-61, -60, -1, 0, 0.5, 1, 59, 60, 61, 3600].map((seconds) => String(NOW + seconds))
const ISSUERS = [`${ISSUER}/`, 'https://AUTH.example.test/oidc', 'https://auth.example.test', 'https://evil.test/oidc']
const AUDIENCES = [
  `${AUDIENCE}/`,
  AUDIENCE.slice(0, -1),
  `${AUDIENCE} x`,
  { [AUDIENCE]: 1 },
  [AUDIENCE],
  ['x', AUDIENCE],
]
const MIXED = [[AUDIENCE, 1], [[AUDIENCE]], [AUDIENCE, null]]
const TYPES = words(
  'JWT jwt AT+JWT application/at+jwt Application/At+Jwt application/application/at+jwt x/at+jwt at+jwt;a',
)
const OTHER_ALGORITHMS = words('none None HS256 es256 Ed25519 ES256K ES512')
const CLAIMS = [...words('scope client_id organization_id roles jti custom __proto__ constructor toString'), '']
const STRANGE_NUMBERS = words('1e400 -0 12345678901234567890 1e-400 0.1e1 01 +1 .5 0x10 NaN')
const STRANGE_TEXTS = [
  ...words('"\\ud800" "\\udc00x" "\\ud83d\\ude00" "\\u0000" "\\x41" \'x\''),
  '"\u2028"',
  '"\u0001"',
]
const ENDS = ['=', '==', '\n', ' ', '\t', '\r\n', '\u0000', '.', '%3D']
const OPERATIONS = [[], ['verify'], ['sign'], ['sign', 'verify'], ['verify', 'verify'], ['verify', 1]]
const KEY_WORDS = words('sig enc EC RSA OKP oct P-256 P-384 P-521 Ed25519 X25519 AQAB AQ Aw')
/** The orders n of the curves (SEC 2). */
const ORDERS = /** @type {Record<string, string>} */ ({
  ES256: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  ES384: `${'f'.repeat(48)}c7634d81f4372ddf581a0db248b0a77aecec196accc52973`,
})

/** Variants of a JSON text, some of them invalid. */
const TEXTS = [
  (json) => ` \t\r\n${json} \n`,
  (json) => json.replaceAll(':', ' : ').replaceAll(',', '\n,'),
  (json) => json.replace('"alg"', '"\\u0061lg"').replace('"sub"', '"su\\u0062"'),
  (json) => `\ufeff${json}`,
  (json) => Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from(',"\xff":1}', 'latin1')]),
  (json) => Buffer.from(json, 'utf16le'),
  (json) => `${json}x`,
  (json) => `${json}\u0000`,
  (json) => json.slice(0, -1),
  (json) => json.replace('}', ',}'),
  (json) => json.replace('{', '{/**/'),
  (json) => `[${json}]`,
  (json) => JSON.stringify(json),
  () => 'null',
  () => '{}',
  () => '',
]

const LENGTHS = [
  (signature) => signature.subarray(1),
  (signature) => signature.subarray(0, -1),
  (signature) => Buffer.concat([signature, Buffer.of(0)]),
  (signature) => Buffer.concat([Buffer.of(0), signature]),
  () => Buffer.of(0),
  () => Buffer.alloc(0),
]

const PAIRS = [
  (r, s) => Buffer.concat([r.fill(0), s.fill(0)]),
  (r, s) => Buffer.concat([r.fill(255), s.fill(255)]),
  (r, s) => Buffer.concat([r.fill(0), s]),
  (r, s) => Buffer.concat([r, s.fill(0)]),
  (r, s) => Buffer.concat([s, r]),
  (r, _, order) => Buffer.concat([r, Buffer.from(order, 'hex')]),
  // The mirrored signature is valid, because ECDSA signatures are malleable.
  (r, s, order) => Buffer.concat([r, mirrored(s, order)]),
]

function mirrored(s, order) {
  if (order === '' || s.length === 0) return s
  const mirror = BigInt(`0x${order}`) - BigInt(`0x${s.toString('hex')}`)
  return Buffer.from((mirror > 0n ? mirror : 1n).toString(16).padStart(2 * s.length, '0'), 'hex')
}

const PARTS = [
  (token) => token.slice(0, token.lastIndexOf('.')),
  (token) => token.slice(0, token.lastIndexOf('.') + 1),
  (token) => `${token}.`,
  (token) => `.${token}`,
  (token) => `${token}.${token}`,
  (token) => `${token}.AAAA.AAAA`,
  (token) => token.replace('.', '..'),
  (token) => token.replaceAll('.', ''),
  (token) => token.split('.').reverse().join('.'),
  (token) => inPart(token, 1, () => ''),
  (token) => inPart(token, 0, () => 'e30'),
  () => '',
  () => '..',
  (token) => `Bearer ${token}`,
  (token) => ` ${token}`,
  (token) => `${token} `,
  (token) => `${token}\n`,
  (token) => JSON.stringify(token),
]

const SPELLINGS = [
  (_, octets) => Buffer.concat([Buffer.of(0), octets]).toString('base64url'),
  (_, octets) => octets.subarray(1).toString('base64url'),
  (_, octets) => Buffer.from(octets.map((octet, at) => (at === 5 ? octet ^ 1 : octet))).toString('base64url'),
  (_, octets) => octets.toString('base64'),
  (encoded) => `${encoded}=`,
  (encoded) => leftOver(encoded),
  (encoded) => `${encoded.slice(0, 8)}\n${encoded.slice(8)}`,
]

const SECP256K1 = (() => {
  const point = createECDH('secp256k1').generateKeys()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url'))
  return { kty: 'EC', crv: 'secp256k1', kid: 'strange', x, y }
})()

/** Members that turn a copy of a key into a different key or an invalid one. */
const COPIES = [{}, { use: 'enc' }, { alg: 'RS512' }, { kid: 'other' }, { ext: true }, { x: 'AAAA' }, { n: 'AAAA' }]

const STRANGERS = [
  (jwk) => ({ kty: 'oct', kid: jwk.kid, k: 'c2VjcmV0' }),
  (jwk) => ({ ...jwk, d: 'AAAA' }),
  (jwk) => ({ ...jwk, d: 'AAAA', kid: 'other' }),
  () => ({ ...keyFor('ES256').jwk, kid: 'strange', d: 'AAAA' }),
  () => SECP256K1,
  () => ({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA', kid: 'strange' }),
  () => ({ kty: 'EC' }),
  () => ({}),
]

const SETS = [
  () => ({}),
  () => ({ keys: [] }),
  () => ({ keys: {} }),
  () => ({ keys: null }),
  (_, jwk) => [jwk],
  (_, jwk) => jwk,
  (jwks) => ({ ...jwks, more: 1 }),
]

const CHANGES = {
  alg: replaced('header', ['alg'], [...ODD, ...jsons(...ALGORITHMS, ...OTHER_ALGORITHMS), undefined]),
  typ: replaced('header', ['typ'], [...ODD, ...jsons(...TYPES, 'at+jwt '), undefined]),
  'typ, if any type is accepted': (draft, draw) => {
    CHANGES.typ(draft, draw)
    draft.options.tokenType = null
  },
  kid: replaced(
    'header',
    ['kid'],
    [...ODD, ...jsons('__proto__', 'ES256 server', 'EdDSA server '), undefined, undefined],
  ),
  crit: replaced('header', ['crit'], [...ODD, ...jsons(['exp'], ['b64'], ['b64', 'b64'], ['alg'])]),
  b64: replaced('header', ['b64'], [...ODD, 'true', 'false']),
  'b64 in crit': ({ header }, draw) => {
    set(header, 'b64', draw.one(['true', 'false', '0']))
    set(header, 'crit', '["b64"]')
  },
  'key in the header': ({ header, key }, draw) =>
    set(header, draw.one(words('jwk jku x5u x5c x5t cty zip __proto__')), draw.one([...ODD, JSON.stringify(key.jwk)])),
  'duplicate header member': doubled('header'),
  'nested header': replaced('header', ['x'], [1, 2, 3, 4, 5, 200].map(nested)),
  'header text': (draft, draw) => void Object.assign(draft, { headerText: draw.one(TEXTS) }),

  exp: replaced('payload', ['exp'], [...NUMBERS, ...TIMES, ...TIMES, ...ODD, undefined]),
  nbf: replaced('payload', ['nbf'], [...NUMBERS, ...TIMES, ...TIMES, ...ODD]),
  iat: replaced('payload', ['iat'], [...NUMBERS, ...TIMES, ...ODD, undefined]),
  iss: replaced('payload', ['iss'], [...ODD, ...jsons(...ISSUERS, [ISSUER]), undefined]),
  aud: replaced('payload', ['aud'], [...ODD, ...jsons(...AUDIENCES, ...MIXED), undefined]),
  sub: replaced('payload', ['sub'], [...ODD, undefined]),
  'claim with a wrong type': replaced('payload', CLAIMS, ODD),
  'duplicate claim': doubled('payload'),
  'duplicate member of a claim': replaced('payload', ['custom'], ['{"a":[{"b":1,"b":2}]}', '{"\\u0062":1,"b":2}']),
  'nested claim': replaced('payload', ['x'], [1, 5, 100, 126, 127, 128, 129, 1000].map(nested)),
  'claim with an unusual number': replaced('payload', ['x'], STRANGE_NUMBERS),
  'claim with unusual text': replaced('payload', ['x', 'sub', 'scope'], STRANGE_TEXTS),
  'long claim': replaced(
    'payload',
    ['x'],
    [11_000, 13_000].map((length) => JSON.stringify('x'.repeat(length))),
  ),
  'payload text': (draft, draw) => void Object.assign(draft, { payloadText: draw.one(TEXTS) }),

  'bit of the signature': forged((signature, _, draw) => {
    signature[draw.below(signature.length)] ^= 1 << draw.below(8)
    return signature
  }),
  'length of the signature': forged((signature, _, draw) => draw.one(LENGTHS)(signature)),
  'numbers of the signature': forged((signature, { signer }, draw) => {
    const middle = signature.length >> 1
    return draw.one(PAIRS)(signature.subarray(0, middle), signature.subarray(middle), ORDERS[signer.alg] ?? '')
  }),
  'another key of the same kind': (draft) => void Object.assign(draft, { signer: keyFor(draft.key.alg, 'attacker') }),
  'another key': (draft, draw) => void Object.assign(draft, { signer: keyFor(draw.one(ALGORITHMS), 'attacker') }),

  'end of a part': edited((token, draw) => inPart(token, draw.below(3), (text) => text + draw.one(ENDS))),
  'standard alphabet': edited((token) => token.replaceAll('-', '+').replaceAll('_', '/')),
  'unused bits': edited((token, draw) => inPart(token, draw.below(3), leftOver)),
  parts: edited((token, draw) => draw.one(PARTS)(token)),
  'a character': edited((token, draw) => {
    const [at, more, less] = [
      draw.below(token.length + 1),
      draw.one([...'AZaz09-_+/=. \n\u0000é😀', '']),
      draw.below(2),
    ]
    return token.slice(0, at) + more + token.slice(at + less)
  }),

  'key removed': ({ jwks, key }) =>
    void Object.assign(jwks, { keys: listed(jwks).filter((jwk) => jwk?.kid !== key.jwk.kid) }),
  'key replaced': (draft) =>
    void Object.assign(published(draft), keyFor(draft.key.alg, 'attacker').jwk, { kid: draft.key.jwk.kid }),
  'member of the key': (draft, draw) => {
    const name = draw.one([...Object.keys(draft.key.jwk), 'alg', 'use', 'ext', 'x5c'])
    published(draft)[name] = draw.one([...ALGORITHMS, ...KEY_WORDS, '', null, 1, true, [], {}])
  },
  'operations of the key': (draft, draw) => void Object.assign(published(draft), { key_ops: draw.one(OPERATIONS) }),
  'member of the key removed': (draft, draw) => void delete published(draft)[draw.one(Object.keys(draft.key.jwk))],
  'number of the key': (draft, draw) => {
    const jwk = published(draft)
    const names = words('x y n e').filter((name) => typeof jwk[name] === 'string')
    for (const name of names.slice(draw.below(names.length)).slice(0, 1)) {
      jwk[name] = draw.one(SPELLINGS)(jwk[name], Buffer.from(jwk[name], 'base64url'))
    }
  },
  'duplicate key': ({ jwks, key }, draw) =>
    void listed(jwks).push({ ...structuredClone(key.jwk), ...draw.one(COPIES) }),
  'second key with the same kid': ({ jwks, key }, draw) =>
    void listed(jwks).push({ ...keyFor(draw.one([key.alg, 'RS256', 'ES256']), 'attacker').jwk, kid: key.jwk.kid }),
  'second key with the same kid and unusual key_ops': ({ jwks, key }) =>
    void listed(jwks).push({ ...keyFor(key.alg, 'attacker').jwk, kid: key.jwk.kid, key_ops: ['verify', 'verify'] }),
  'symmetric, private or unsupported key': ({ jwks, key }, draw) => {
    const strange = draw.one(STRANGERS)(key.jwk)
    if (draw.below(2) === 0) listed(jwks).push(strange)
    else listed(jwks).unshift(strange)
  },
  'value that is not a key': ({ jwks }, draw) => void listed(jwks).unshift(draw.one([null, 'key', 1, [], true])),
  'many keys': ({ jwks }, draw) => {
    const { jwk } = keyFor('EdDSA', 'attacker')
    for (let at = draw.one([62, 70]); at > 0; at -= 1) listed(jwks).push({ ...jwk, kid: `spare ${at}` })
  },
  'key set': (draft, draw) => void Object.assign(draft, { jwks: draw.one(SETS)(draft.jwks, draft.key.jwk) }),

  'audience option': asked('audience', [null, [AUDIENCE], ['https://other.test', AUDIENCE], 'https://other.test', 'x']),
  'issuer option': asked('issuer', [
    [ISSUER],
    ['https://custom.test/oidc', ISSUER],
    'https://custom.test/oidc',
    ...ISSUERS,
  ]),
  'algorithms option': asked('algorithms', [
    ...words('ES384,EdDSA EdDSA RS256 PS256,PS512 ES256,EdDSA').map((list) => list.split(',')),
  ]),
  'tokenType option': asked('tokenType', [null, null, ...words('JWT AT+JWT application/at+jwt x')]),
  'clockTolerance option': asked('clockTolerance', [1, 60, 0.5, 3600]),
  clock: ({ options }, draw) => options.currentDate.setTime((NOW + draw.one([-3600, -61, 3539, 3540, 3541])) * 1000),
}

module.exports = { CHANGES }
