const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { describe, test } = require('node:test')
const { inspect } = require('node:util')
const jose = require('jose')
const { createVerifier, hasRole, hasScopes, verifyAuth } = require('logto-authkit')
const { rejection, startIssuer, startServer, verdict } = require('../support/helpers')
const {
  AUDIENCE,
  bearer,
  createKey,
  encode,
  headerFor,
  optionsFor,
  signParts,
  signToken,
  signature,
  validClaims,
  withSignature,
} = require('../support/tokens')

const KEYS = require('../fixtures/keys.json')
const TABLE = require('../fixtures/tokens.json')

/** @typedef {import('../support/tokens').SigningKey} TestKey */

const es384 = createKey('ES384', { kid: 'key' })
const es256 = createKey('ES256')
const es512 = createKey('ES512')
const ed25519 = createKey('EdDSA')
const rsa = createKey('RS256')

const ORDER = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512:
    0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  EdDSA: 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn,
}

test('accepts a valid token of each key, so the rejections below are meaningful', async () => {
  for (const key of [es384, es256, es512, ed25519, rsa]) assert.equal(await judge(signToken(key)), 'accepted', key.alg)
})

describe('rejects an unsigned token without fetching keys', () => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', 'none\0', '', 'null', 'undefined', 'ｎone']) {
    test(`alg ${inspect(alg)} with the signature of a valid token`, async (t) => {
      const issuer = await startIssuer(t)
      const token = issuer.mint({ header: { alg } })
      assert.equal(await judgeWith(issuer, token), 'unsupported_algorithm')
      assert.equal(issuer.jwksRequests, 0)
    })
  }

  test('alg none with an empty signature, as in RFC 7519 section 6', async (t) => {
    const issuer = await startIssuer(t)
    for (const alg of ['none', 'ES384']) {
      const token = issuer.mint({ header: { alg } })
      assert.equal(await judgeWith(issuer, token.slice(0, token.lastIndexOf('.') + 1)), 'malformed_token')
    }
    assert.equal(issuer.jwksRequests, 0)
  })
})

describe('a public key is not usable as an HMAC secret', () => {
  const keyObject = (/** @type {TestKey} */ { jwk }) => crypto.createPublicKey({ key: jwk, format: 'jwk' })
  for (const key of [es384, rsa]) {
    const secrets = {
      'SPKI PEM': keyObject(key).export({ format: 'pem', type: 'spki' }),
      'SPKI DER': keyObject(key).export({ format: 'der', type: 'spki' }),
      'JWK text': JSON.stringify(key.jwk),
      'public number': Buffer.from(key.jwk.x ?? key.jwk.n, 'base64url'),
      'public number as text': key.jwk.x ?? key.jwk.n,
      'empty string': '',
    }
    for (const [form, secret] of Object.entries(secrets)) {
      test(`${key.jwk.kty} key as ${form}`, async () => {
        for (const bits of [256, 384, 512]) {
          assert.equal(await judge(hmacToken(secret, bits, key.jwk.kid)), 'unsupported_algorithm')
        }
      })
    }
  }

  test('symmetric algorithms cannot be allowed', () => {
    for (const algorithms of [['HS256'], ['ES384', 'HS512'], ['none'], ['A128KW']]) {
      assert.throws(() => createVerifier(own({ algorithms: /** @type {any} */ (algorithms) })), {
        code: 'invalid_options',
      })
    }
  })

  test('a symmetric key in the key set is skipped, and the other keys remain usable', async () => {
    const secret = crypto.randomBytes(32)
    const oct = { kty: 'oct', k: secret.toString('base64url'), kid: 'secret' }
    for (const jwk of [oct, { ...oct, alg: 'HS256' }, { ...oct, alg: 'ES384' }]) {
      const keys = [jwk, es384.jwk]
      assert.equal(await judge(hmacToken(secret, 256, 'secret'), { keys }), 'unsupported_algorithm')
      assert.equal(await judge(signToken(es384, {}, { kid: 'secret' }), { keys }), 'unknown_key')
      assert.equal(await judge(signToken(es384), { keys }), 'accepted')
      assert.throws(() => createVerifier(own({ jwks: { keys: [jwk] } })), { code: 'invalid_options' })
    }
  })

  function hmacToken(secret, bits, kid) {
    const input = `${encode({ alg: `HS${bits}`, typ: 'at+jwt', kid })}.${encode(validClaims())}`
    return `${input}.${crypto.createHmac(`sha${bits}`, secret).update(input).digest('base64url')}`
  }
})

describe('the key determines the algorithm, not the token', () => {
  const rsaNames = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  const all = /** @type {any} */ (['ES384', 'ES256', 'ES512', 'EdDSA', 'Ed25519', ...rsaNames])
  for (const key of [es384, es256, es512, ed25519, rsa]) {
    const served = key.alg === 'RS256' ? rsaNames : [key.alg]
    for (const alg of all) {
      // RFC 9864 section 2.2: both names stand for the same algorithm.
      const isSame = alg === key.alg || (key.alg === 'EdDSA' && alg === 'Ed25519')
      const wanted = isSame ? 'accepted' : served.includes(alg) ? 'invalid_signature' : 'unknown_key'
      test(`an ${key.alg} signature with the header ${alg}: ${wanted}`, async () => {
        assert.equal(await judge(signToken(key, {}, { alg }), { algorithms: all }), wanted)
      })
    }
  }

  for (const [bound, alg, wanted] of [
    ['RS256', 'RS256', 'accepted'],
    ['RS256', 'PS256', 'unknown_key'],
    ['PS256', 'RS256', 'unknown_key'],
    ['PS256', 'PS256', 'accepted'],
    [undefined, 'RS512', 'accepted'],
    [undefined, 'PS256', 'accepted'],
  ]) {
    test(`an RSA key published ${bound ? `for ${bound}` : 'without alg'} and a valid ${alg} token: ${wanted}`, async () => {
      const token = signToken({ ...rsa, alg: String(alg) })
      assert.equal(await judge(token, { algorithms: all, keys: [{ ...rsa.jwk, alg: bound }] }), wanted)
    })
  }

  test('an algorithm that is not allowed is rejected even if a key fits', async () => {
    assert.equal(await judge(signToken({ ...rsa, alg: 'PS256' })), 'unsupported_algorithm')
    assert.equal(await judge(signToken(es384), { algorithms: ['RS256'] }), 'unsupported_algorithm')
  })

  testTable('alg')
})

describe('kid must be a string and is compared in full', () => {
  testTable('kid')

  const withKid = (kid) => signToken(es384, {}, { kid })

  test('a very long kid is an unknown key', async () => {
    assert.equal(await judge(withKid('x'.repeat(10_000))), 'unknown_key')
  })

  test('a key with the kid __proto__ is found, and no other key', async () => {
    const odd = createKey('ES384', { kid: '__proto__' })
    const keys = [odd.jwk, es384.jwk]
    assert.equal(await judge(signToken(odd), { keys }), 'accepted')
    assert.equal(await judge(withKid('__proto__'), { keys }), 'invalid_signature')
    assert.equal(await judge(signToken(odd, {}, { kid: 'constructor' }), { keys }), 'unknown_key')
  })

  test('without kid, the only fitting key is used', async () => {
    const without = withKid(undefined)
    assert.equal(await judge(without, { keys: [es384.jwk] }), 'accepted')
    assert.equal(await judge(without, { keys: [es384.jwk, es256.jwk, rsa.jwk] }), 'accepted')
    assert.equal(await judge(without, { keys: [es384.jwk, createKey('ES384').jwk] }), 'unknown_key')
    assert.equal(await judge(without, { keys: [es256.jwk] }), 'unknown_key')
  })

  test('a kid does not match a key without kid', async () => {
    assert.equal(await judge(signToken(es384), { keys: [{ ...es384.jwk, kid: undefined }] }), 'unknown_key')
  })
})

describe('verifiers do not share trust', () => {
  test('keys of one Logto do not verify tokens of another, even with the same kid', async () => {
    const mine = createKey('ES384', { kid: 'same' })
    const theirs = createKey('ES384', { kid: 'same' })
    assert.equal(await judge(signToken(theirs), { keys: [theirs.jwk] }), 'accepted')
    assert.equal(await judge(signToken(theirs), { keys: [mine.jwk] }), 'invalid_signature')
  })

  test('a previously verified token with other parts is not found in the cache', async (t) => {
    const issuer = await startIssuer(t)
    const verifier = createVerifier({ logtoUrl: issuer.logtoUrl, audience: AUDIENCE })
    const [header, payload, good] = issuer.mint().split('.')
    const [, otherPayload, otherSignature] = issuer.mint().split('.')
    assert.equal(await verdict(verifier.verify(`${header}.${payload}.${good}`)), 'accepted')
    assert.equal(await verdict(verifier.verify(`${header}.${payload}.${otherSignature}`)), 'invalid_signature')
    assert.equal(await verdict(verifier.verify(`${header}.${otherPayload}.${good}`)), 'invalid_signature')
    assert.equal(await verdict(verifier.verify(`${header}.${payload}.${good}A`)), 'malformed_token')
  })
})

describe('keys and URLs in a token are neither trusted nor fetched', () => {
  for (const kid of [undefined, 'own', 'attackers']) {
    for (const parameter of ['jwk', 'jku', 'x5u', 'x5c', 'all of them']) {
      test(`${parameter} with ${kid ? `the kid of ${kid === 'own' ? 'a valid key' : "the attacker's key"}` : 'no kid'}`, async (t) => {
        const issuer = await startIssuer(t)
        const attacker = createKey('ES384')
        const trap = await startServer(t, (_, response) => response.end(JSON.stringify({ keys: [attacker.jwk] })))
        const certificate = crypto.createPublicKey(attacker.privateKey).export({ format: 'der', type: 'spki' })
        const parameters = {
          jwk: attacker.jwk,
          jku: `${trap.url}/oidc/jwks`,
          x5u: `${trap.url}/certificate.pem`,
          x5c: [certificate.toString('base64')],
        }
        const { alg, kid: goodKid } = jose.decodeProtectedHeader(issuer.mint())
        const header = {
          alg,
          typ: 'at+jwt',
          kid: kid === 'own' ? goodKid : kid && attacker.jwk.kid,
          ...(parameter in parameters ? { [parameter]: parameters[parameter] } : parameters),
        }
        const token = signParts(attacker, header, validClaims({ iss: issuer.issuer }))
        const wanted = kid === 'attackers' ? 'unknown_key' : 'invalid_signature'
        assert.equal(await judgeWith(issuer, token), wanted)
        assert.equal(trap.connections(), 0)
        assert.equal(
          await judgeWith(issuer, issuer.mint({ header: parameters })),
          'accepted',
          'the parameters are ignored',
        )
        assert.equal(trap.connections(), 0)
      })
    }
  }

  test('no URL is derived from iss', async (t) => {
    const issuer = await startIssuer(t)
    const attacker = createKey('ES384')
    const trap = await startServer(t, (_, response) => response.end(JSON.stringify({ keys: [attacker.jwk] })))
    const { kid } = jose.decodeProtectedHeader(issuer.mint())
    const { iat } = validClaims()
    for (const iss of [`${trap.url}/oidc`, `${issuer.issuer}?x=${trap.url}`, `${issuer.issuer}@${trap.url}`]) {
      assert.equal(await judgeWith(issuer, issuer.mint({ claims: { iss } })), 'invalid_issuer')
      // With a later `iat`, the next token could be signed with a newer key.
      assert.equal(await judgeWith(issuer, signToken(attacker, { iss, iat })), 'unknown_key')
      assert.equal(await judgeWith(issuer, signToken(attacker, { iss }, { kid })), 'invalid_signature')
    }
    assert.equal(trap.connections(), 0)
  })
})

describe('rejects critical header parameters', () => {
  testTable('critical')

  test('an unencoded payload, as in RFC 7797', async () => {
    const header = encode(headerFor(es384, { b64: false, crit: ['b64'] }))
    assert.equal(await judge(withSignature(es384, `${header}.${JSON.stringify(validClaims())}`)), 'malformed_token')
  })

  test('other header members are ignored', async () => {
    assert.equal(
      await judge(signToken(es384, {}, { cty: 'x', x5t: 'x', zip: 'DEF', exp: 1, level: { a: [1] } })),
      'accepted',
    )
  })
})

describe('rejects duplicate members despite a valid signature', () => {
  const header = JSON.stringify(headerFor(es384)).slice(1, -1)
  const headers = {
    alg: `{${header},"alg":"ES384"}`,
    'another alg first': `{"alg":"none",${header}}`,
    kid: `{${header},"kid":"${es384.jwk.kid}"}`,
    typ: `{"typ":"JWT",${header}}`,
    'alg with an escape': `{${header},"\\u0061lg":"ES384"}`,
    'an unknown member': `{${header},"x":1,"x":1}`,
    'a nested member': `{${header},"x":{"y":1,"y":2}}`,
  }
  describe('in the header', () =>
    testEach('malformed_token', headers, (header) => signParts(es384, header, validClaims())))

  const claims = JSON.stringify(validClaims()).slice(1, -1)
  const payloads = {
    'exp, later one first': `{"exp":9999999999,${claims}}`,
    'exp, later one last': `{${claims},"exp":9999999999}`,
    aud: `{${claims},"aud":"${AUDIENCE}"}`,
    iss: `{"iss":"https://other.example.test/oidc",${claims}}`,
    sub: `{${claims},"sub":"admin"}`,
    scope: `{${claims},"scope":"admin"}`,
    client_id: `{${claims},"client_id":"other"}`,
    organization_id: `{${claims},"organization_id":"a","organization_id":"b"}`,
    nbf: `{${claims},"nbf":1,"nbf":1}`,
    'sub with an escape': `{${claims},"s\\u0075b":"admin"}`,
    roles: `{${claims},"roles":["a"],"roles":["admin"]}`,
    ['__proto__']: `{${claims},"__proto__":{},"__proto__":{}}`,
    'a nested member': `{${claims},"act":{"sub":"a","sub":"b"}}`,
    'a member in an array': `{${claims},"list":[[{"a":1,"a":2}]]}`,
    'one of 200 members': `{${claims},${Array.from({ length: 200 }, (_, n) => `"m${n}":${n}`).join(',')},"m150":0}`,
  }
  describe('in the payload', () => testEach('malformed_token', payloads, withPayload))
})

describe('accepts only canonical base64url', () => {
  test('no padding', async () => {
    for (const variant of variants((part) => part.padEnd(Math.ceil(part.length / 4) * 4, '='))) {
      assert.equal(await judge(variant), 'malformed_token')
    }
    const token = signToken(es384)
    for (const padding of ['=', '==', '===']) assert.equal(await judge(token + padding), 'malformed_token')
  })

  test('no other alphabet', async () => {
    for (const variant of variants((part) => part.replaceAll('-', '+').replaceAll('_', '/'))) {
      assert.equal(await judge(variant), 'malformed_token')
    }
  })

  for (const [name, character] of Object.entries({
    'a space': ' ',
    'a line feed': '\n',
    'a carriage return': '\r',
    'a tab': '\t',
    'a NUL': '\0',
    'a percent-encoded octet': '%41',
    'a full-width letter': 'Ａ',
    'an umlaut': 'ä',
    'a zero-width space': '\u200b',
    'a byte order mark': '\ufeff',
    'half a surrogate pair': '\ud800',
  })) {
    test(`no ${name.split(' ').slice(1).join(' ')} before, after or in a part`, async () => {
      const parts = signToken(es384).split('.')
      for (const [index, part] of parts.entries()) {
        for (const changed of [character + part, part + character, part.slice(0, 8) + character + part.slice(8)]) {
          assert.equal(await judge(parts.with(index, changed).join('.')), 'malformed_token')
        }
      }
    })
  }

  test('no trailing bits', async () => {
    const stray = (part) => (part.length % 4 ? part.slice(0, -1) + following(part.at(-1)) : part)
    for (const variant of variants(stray)) assert.equal(await judge(variant), 'malformed_token')
  })

  test('no impossible length', async () => {
    const odd = (part) => part.padEnd(Math.ceil(part.length / 4) * 4 + 1, 'A')
    for (const variant of variants(odd)) assert.equal(await judge(variant), 'malformed_token')
  })

  /** Three tokens, each with a different part changed, and with valid signatures over the changed content. */
  function variants(change) {
    const changed = []
    // Some changes need a part of a certain length or with certain characters.
    for (let n = 0; n < 1000 && changed.filter(Boolean).length < 3; n += 1) {
      const filler = '~?'.repeat(n % 7)
      const [header, payload] = [encode(headerFor(es256, { filler })), encode(validClaims({ filler }))]
      const [, , mac] = withSignature(es256, `${header}.${payload}`).split('.')
      if (change(header) !== header) changed[0] = withSignature(es256, `${change(header)}.${payload}`)
      if (change(payload) !== payload) changed[1] = withSignature(es256, `${header}.${change(payload)}`)
      if (change(mac) !== mac) changed[2] = `${header}.${payload}.${change(mac)}`
    }
    assert.equal(changed.filter(Boolean).length, 3)
    return changed
  }

  function following(last) {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    return alphabet[alphabet.indexOf(String(last)) + 1]
  }
})

describe('a token must have exactly three parts', () => {
  const [header, payload, sig] = signToken(es384).split('.')
  testEach('malformed_token', {
    'only dots': '..',
    'four dots': '....',
    'one dot': '.',
    'two parts': `${header}.${payload}`,
    'four parts': `${header}.${payload}.${sig}.${sig}`,
    'five parts': `${header}.${payload}.${sig}.${sig}.${sig}`,
    'a leading dot': `.${header}.${payload}.${sig}`,
    'a trailing dot': `${header}.${payload}.${sig}.`,
    'no header': `.${payload}.${sig}`,
    'a detached payload': `${header}..${sig}`,
    'no signature': `${header}.${payload}.`,
    'two tokens': `${header}.${payload}.${sig} ${header}.${payload}.${sig}`,
    'the scheme before the token': `Bearer ${header}.${payload}.${sig}`,
    'an SD-JWT disclosure after the token': `${header}.${payload}.${sig}~WyJhIl0~`,
    'the JSON serialization': JSON.stringify({ protected: header, payload, signature: sig }),
    'the general JSON serialization': JSON.stringify({ payload, signatures: [{ protected: header, signature: sig }] }),
    'white space': ' ',
  })

  test('an encrypted token is malformed, and details say why', async () => {
    const encrypted = await new jose.CompactEncrypt(Buffer.from(signToken(es384)))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ: 'at+jwt' })
      .encrypt(crypto.randomBytes(32))
    const error = await rejection(verifyAuth(encrypted, own()))
    assert.equal(error.code, 'malformed_token')
    assert.match(String(error.details.reason), /encrypted/)
  })

  test('a token within a token is malformed', async () => {
    assert.equal(await judge(signParts(es384, headerFor(es384, { cty: 'JWT' }), signToken(es384))), 'malformed_token')
  })

  test('a token without dots is opaque', async () => {
    for (const token of ['a', 'Xk2vJ0y1c3Qd4f5G6h7J8k9L0m1N2b3V4c5X6z7A8s9', 'nul']) {
      assert.equal(await judge(token), 'opaque_token')
    }
    // Clients without a token send `null` or `undefined`. A header alone is a part of a JWT.
    for (const token of ['null', 'undefined', header]) assert.equal(await judge(token), 'malformed_token')
  })
})

describe('rejects a huge token without decoding it', () => {
  test('16 KiB are accepted, one byte more is rejected', async () => {
    assert.equal(await judge(tokenOf(16_384)), 'accepted')
    assert.equal(await judge(tokenOf(16_385)), 'malformed_token')
    assert.equal(await judge({ headers: { cookie: `logto_authtoken=${tokenOf(16_384)}` } }), 'accepted')
    assert.equal(await judge(bearer(tokenOf(16_385))), 'malformed_token')
  })

  test('the limit is in bytes, not characters', async () => {
    const error = await rejection(verifyAuth('ä.'.repeat(6_000), own()))
    assert.deepEqual(error.details, { reason: 'too_long' })
  })

  for (const [name, token] of [
    ['letters', 'a'.repeat(20_000_000)],
    ['dots', '.'.repeat(20_000_000)],
    ['a valid token with a long tail', `${signToken(es384)}${'A'.repeat(20_000_000)}`],
  ]) {
    test(`20 MB of ${name} are malformed`, async () => {
      const error = await rejection(verifyAuth(token, own()))
      assert.deepEqual([error.code, error.details], ['malformed_token', { reason: 'too_long' }])
    })
  }

  test('no keys are fetched', async (t) => {
    const issuer = await startIssuer(t)
    assert.equal(await judgeWith(issuer, issuer.mint({ claims: { filler: 'x'.repeat(16_384) } })), 'malformed_token')
    assert.equal(issuer.jwksRequests, 0)
  })

  function tokenOf(length) {
    const room = length - signToken(es384, { filler: '' }, { small: '' }).length
    for (let filler = Math.floor(room * 0.75) - 4; ; filler += 1) {
      for (const small of ['', 'x', 'xx']) {
        const token = signToken(es384, { filler: 'x'.repeat(filler) }, { small })
        if (token.length === length) return token
      }
    }
  }
})

describe('rejects deeply nested JSON without crashing', () => {
  for (const [name, json] of [
    ['arrays', '['.repeat(5_500) + ']'.repeat(5_500)],
    ['objects', '{"a":'.repeat(1_800) + 1 + '}'.repeat(1_800)],
    ['unclosed arrays', '['.repeat(11_000)],
    ['200 arrays', '['.repeat(200) + ']'.repeat(200)],
  ]) {
    test(name, async () => {
      const kid = es384.jwk.kid
      const header = `{"alg":"ES384","typ":"at+jwt","kid":"${kid}","x":${json}}`
      assert.equal(await judge(signParts(es384, header, validClaims())), 'malformed_token')
      const payload = `${JSON.stringify(validClaims()).slice(0, -1)},"x":${json}}`
      assert.equal(await judge(withPayload(payload)), 'malformed_token')
      assert.equal(await judge(withPayload(json)), 'malformed_token')
    })
  }

  test('accepts 100 levels', async () => {
    const x = JSON.parse('[{"a":'.repeat(50) + 1 + '}]'.repeat(50))
    const auth = await verifyAuth(signToken(es384, { x }), own())
    assert.deepEqual(auth.payload?.x, x)
  })
})

describe('header and payload must be JSON objects', () => {
  const claims = JSON.stringify(validClaims())
  const utf16 = Buffer.from(claims, 'utf16le')
  /** The claims with these bytes in a string. */
  const withBytes = (...bytes) =>
    Buffer.concat([Buffer.from(`${claims.slice(0, -1)},"a":"`), Buffer.from(bytes), Buffer.from('"}')])
  const parts = {
    null: 'null',
    'a number': '1',
    'a string': '"a"',
    true: 'true',
    'an array': '[]',
    'an array with an object': `[${claims}]`,
    'white space': ' ',
    'a closing brace': '}',
    'an unclosed object': claims.slice(0, -1),
    'two objects': claims + claims,
    'a character after the object': `${claims}x`,
    'a NUL after the object': `${claims}\0`,
    'a byte order mark before the object': `\ufeff${claims}`,
    'a comment': `${claims.slice(0, -1)}/* */}`,
    'a trailing comma': `${claims.slice(0, -1)},}`,
    'single quotes': "{'a':1}",
    NaN: `${claims.slice(0, -1)},"a":NaN}`,
    'a line feed in a string': `${claims.slice(0, -1)},"a":"\n"}`,
    'UTF-16': utf16,
    'invalid UTF-8': withBytes(0xff),
    'overlong UTF-8': withBytes(0xc0, 0xaf),
    'a surrogate in UTF-8': withBytes(0xed, 0xa0, 0x80),
  }
  describe('as the payload', () => testEach('malformed_token', parts, withPayload))
  describe('as the header', () => testEach('malformed_token', parts, (part) => signParts(es384, part, validClaims())))

  test('an empty object lacks alg or iss', async () => {
    assert.equal(await judge(signParts(es384, '{}', validClaims())), 'malformed_token')
    assert.equal(await judge(withPayload('{}')), 'invalid_issuer')
  })

  test('white space around and inside is accepted', async () => {
    const spaced = (part) => `\n\t ${JSON.stringify(part, null, 2)}\r\n`
    assert.equal(await judge(signParts(es384, spaced(headerFor(es384)), spaced(validClaims()))), 'accepted')
  })
})

describe('exp is required and must be a valid time', () => testTable('exp'))

describe('aud is compared exactly', () => testTable('aud'))

describe('iss must be a string and is compared exactly', () => testTable('iss'))

describe('B7: a logout token is not an access token', () => {
  const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  for (const [name, header, claims] of /** @type {[string, object, object][]} */ ([
    ['of typ logout+jwt', { typ: 'logout+jwt' }, { events }],
    ['of typ application/Logout+JWT, without events', { typ: 'application/Logout+JWT' }, {}],
    ['without typ', { typ: undefined }, { events, sid: 's' }],
    ['with the typ of an access token', {}, { events }],
  ])) {
    test(name, async () => {
      for (const tokenType of [null, 'at+jwt', 'JWT']) {
        const token = signToken(es256, { aud: 'test-app', ...claims }, header)
        const change = { tokenType, audience: 'test-app', allowGuest: true }
        assert.equal(await judge(token, change), 'invalid_token_type')
        assert.equal((await verifyAuth(bearer(token), own(change))).isGuest, true)
      }
    })
  }

  test('an access token may have other events', async () => {
    const claims = { events: { 'https://example.test/event': {} } }
    assert.equal(await judge(signToken(es256, claims), { tokenType: null }), 'accepted')
  })
})

describe('B8: sub must not be blank', () => testTable('sub'))

describe('scope, client_id and organization_id must be strings', () => testTable('strings'))

describe('an ID token is not an access token', () => {
  const idToken = { jti: undefined, scope: undefined, client_id: undefined, aud: 'test-app' }
  for (const [name, header, claims] of /** @type {[string, object, object][]} */ ([
    ['without typ, as Logto 1.42 issues it', { typ: undefined }, idToken],
    ['of typ JWT, as Logto 1.37 issues it', { typ: 'JWT' }, idToken],
    ['with the API as its audience', { typ: undefined }, { ...idToken, aud: AUDIENCE }],
    ['with the claims of an access token', { typ: 'JWT' }, {}],
  ])) {
    test(name, async () => {
      assert.equal(await judge(signToken(es384, claims, header)), 'invalid_token_type')
      assert.equal(await judge(signToken(es384, claims, header), { audience: null }), 'invalid_token_type')
    })
  }

  testTable('typ')
})

describe('a token is accepted only for its own organization', () => {
  const urn = (id) => `urn:logto:organization:${id}`
  for (const [name, claims, belongsTo] of /** @type {[string, any, string | null][]} */ ([
    ['an ordinary token', {}, null],
    ['an organization token for an API resource', { organization_id: 'a' }, 'a'],
    ['a plain organization token', { aud: urn('a') }, 'a'],
    ['a token with an organization among its audiences', { aud: [AUDIENCE, urn('a')] }, 'a'],
    ['a token whose organization id has the expected id as prefix', { organization_id: 'ab' }, 'ab'],
    ['a token whose organization id contains a colon', { aud: urn('a:b') }, 'a:b'],
    ['a token whose claim and audience differ', { organization_id: 'a', aud: urn('b') }, 'a'],
    ['a token with an empty organization id', { organization_id: '' }, ''],
    ['a token whose organization id differs in letter case', { organization_id: 'A' }, 'A'],
    ['another URN', { aud: 'urn:logto:organizations:a' }, null],
    ['a URN in upper case', { aud: 'URN:LOGTO:ORGANIZATION:a' }, null],
    ['a URN inside a URL', { aud: `https://x.test/${urn('a')}` }, null],
    ['the organizations of an ID token', { organizations: ['a'], organization_roles: ['a:admin'] }, null],
  ])) {
    test(name, async () => {
      const token = signToken(es384, claims)
      for (const organizationId of ['a', 'b', 'ab', 'A', 'a:b', urn('a'), null]) {
        const wanted = organizationId === belongsTo ? 'accepted' : 'wrong_organization'
        assert.equal(await judge(token, { audience: null, organizationId }), wanted, String(organizationId))
      }
      const auth = await verifyAuth(token, own({ audience: null }))
      assert.equal(auth.organizationId, belongsTo)
    })
  }

  test('a token with two organizations matches neither of them, nor null', async () => {
    const token = signToken(es384, { aud: [urn('a'), urn('b')] })
    for (const organizationId of ['a', 'b', null]) {
      assert.equal(await judge(token, { audience: null, organizationId }), 'wrong_organization')
    }
    assert.equal((await verifyAuth(token, own({ audience: null }))).organizationId, null)
  })
})

// unit/core/permissions.test.js compares scopes and roles.
test('claims other than scope grant no scopes', async () => {
  const token = signToken(es384, { scp: ['admin'], scopes: ['admin'], permissions: ['admin'], Scope: 'admin' })
  assert.equal(await judge(token, { requiredScope: 'admin' }), 'missing_scope')
})

test('a token with an invalid signature reveals nothing about its claims', async () => {
  const [, , other] = signToken(es384).split('.')
  const responses = new Set()
  const wrong = [{ iss: 'x' }, { aud: 'x' }, { exp: 1 }, { exp: 'x' }, { sub: '' }, { scope: 1 }, { nbf: 9e9 }]
  for (const payload of [validClaims(), ...wrong.map(validClaims), '{}', 'not JSON']) {
    const forged = `${encode(headerFor(es384))}.${encode(payload)}.${other}`
    const { code, message, status, headers, details } = await rejection(verifyAuth(forged, own({ requiredScope: 'a' })))
    responses.add(JSON.stringify({ code, message, status, headers, details }))
    assert.equal(code, 'invalid_signature')
  }
  assert.equal(responses.size, 1)
})

describe('an invalid key is skipped, and the other keys remain usable', () => {
  const weak = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 })
  const weakKey = {
    alg: 'RS256',
    privateKey: weak.privateKey,
    jwk: { ...weak.publicKey.export({ format: 'jwk' }), kid: 'bad' },
  }
  const long = Buffer.concat([Buffer.from([0x80]), crypto.randomBytes(1023), Buffer.from([1])])

  const good = createKey('ES384')
  const tokens = [es384, es256, ed25519, rsa].map((key) => signToken(key, {}, { kid: 'bad' }))

  /** Applies each change to a key in the table, and returns the resulting keys. */
  const changed = (key, changes) =>
    changes.map((change) => {
      const members = Object.entries({ ...KEYS.keys[key], kid: 'bad', ...change })
      return Object.fromEntries(members.filter(([, value]) => value?.$ !== ''))
    })

  test('but the usable keys of the table are not', () => {
    for (const [name, changes] of KEYS.usable) {
      for (const jwk of changed(name, changes)) {
        assert.equal(createVerifier(own({ jwks: { keys: [jwk, good.jwk] } })).stats().jwks.keys, 2, inspect(jwk))
      }
    }
  })

  for (const [name, unusable] of [
    ...KEYS.unusable.map(([name, key, changes]) => [`${name} (${key})`, changed(key, changes)]),
    ['an RSA key of 1024 bits', [weakKey.jwk]],
    ['an RSA key of more than 8192 bits', [{ ...rsa.jwk, kid: 'bad', n: long.toString('base64url') }]],
    ['a value that is not a key', [null, 'key', [], {}]],
  ]) {
    test(name, async () => {
      for (const bad of unusable) {
        const verifier = createVerifier(own({ jwks: { keys: [bad, good.jwk] } }))
        assert.equal(verifier.stats().jwks.keys, 1, inspect(bad))
        assert.equal(await verdict(verifier.verify(signToken(good))), 'accepted')
        for (const token of tokens) assert.equal(await verdict(verifier.verify(token)), 'unknown_key')
        const error = { name: 'TypeError', code: 'invalid_options' }
        assert.throws(() => createVerifier(own({ jwks: { keys: [bad] } })), error)
      }
    })
  }

  test('a valid signature of a 1024-bit key is an unknown key', async () => {
    assert.equal(await judge(signToken(weakKey), { keys: [weakKey.jwk, es384.jwk] }), 'unknown_key')
  })

  test('an RSA key with the exponent 1, for which anyone can sign, is not used', async () => {
    const input = `${encode(headerFor(rsa))}.${encode(validClaims())}`
    // s^1 mod n is s itself: the padded digest is its own signature.
    assert.equal(
      await judge(jws(input, padded(input, 'sha256')), { keys: [{ ...rsa.jwk, e: 'AQ' }, es384.jwk] }),
      'unknown_key',
    )
  })

  test('the kid of an invalid key never falls back to another key', async () => {
    const keys = [{ ...es384.jwk, kid: 'bad', y: es384.jwk.x }, es384.jwk]
    assert.equal(await judge(signToken(es384, {}, { kid: 'bad' }), { keys }), 'unknown_key')
  })

  test('a key set may have 64 keys, not 65', () => {
    const keys = Array.from({ length: 64 }, (_, index) => ({ ...ed25519.jwk, kid: `key ${index}` }))
    assert.equal(createVerifier(own({ jwks: { keys } })).stats().jwks.keys, 64)
    const more = [...keys, ed25519.jwk]
    assert.throws(() => createVerifier(own({ jwks: { keys: more } })), { code: 'invalid_options' })
  })

  // Recorded, because generating a 4096-bit key takes seconds. The private keys are not kept.
  test('RSA keys of 3072 and 4096 bits are accepted', async () => {
    for (const { bits, jwk, token } of require('../fixtures/rsa.json')) {
      assert.equal(Buffer.from(jwk.n, 'base64url').length * 8, bits)
      assert.equal(await judge(token, { keys: [jwk] }), 'accepted')
    }
  })
})

describe('rejects manipulated signatures', () => {
  for (const key of [es384, es256, es512]) {
    const alg = /** @type {'ES384' | 'ES256' | 'ES512'} */ (key.alg)
    const length = { ES256: 32, ES384: 48, ES512: 66 }[alg]
    const order = ORDER[alg]
    const input = `${encode(headerFor(key))}.${encode(validClaims())}`
    const good = signature(key, input)
    const [r, s] = [number(good.subarray(0, length)), number(good.subarray(length))]
    const most = (1n << BigInt(8 * length)) - 1n

    const rawSignature = (r, s) => Buffer.concat([bytes(r, length), bytes(s, length)])
    const forged = {
      'r = s = 0 (CVE-2022-21449)': rawSignature(0n, 0n),
      'r = 0': rawSignature(0n, s),
      's = 0': rawSignature(r, 0n),
      'r = 0, s = 1': rawSignature(0n, 1n),
      'r = 1, s = 0': rawSignature(1n, 0n),
      'r = s = 1': rawSignature(1n, 1n),
      'r = s = n': rawSignature(order, order),
      'r = n': rawSignature(order, s),
      's = n': rawSignature(r, order),
      'r = n, s = 0': rawSignature(order, 0n),
      'r = s = n - 1': rawSignature(order - 1n, order - 1n),
      'r = s = n + 1': rawSignature(order + 1n, order + 1n),
      'the largest r and s': rawSignature(most, most),
      'r and s swapped': rawSignature(s, r),
      'n - r': rawSignature(order - r, s),
      'r + 1': rawSignature(r + 1n, s),
      'one byte': Buffer.from([0]),
      'one byte short': good.subarray(0, -1),
      'one byte more': Buffer.concat([good, Buffer.from([0])]),
      'a leading zero': Buffer.concat([Buffer.from([0]), good]),
      'leading zeros in r and s': Buffer.concat([bytes(r, length + 1), bytes(s, length + 1)]),
      'only r': good.subarray(0, length),
      'the signature twice': Buffer.concat([good, good]),
      DER: crypto.sign(`sha${alg.slice(2)}`, Buffer.from(input), key.privateKey),
    }
    describe(alg, () => testEach('invalid_signature', forged, (forged) => jws(input, forged)))

    test(`${alg}: n - s verifies like s, and isRevoked sees the same token`, async () => {
      const twin = rawSignature(r, order - s)
      const seen = new Set()
      for (const each of [good, twin]) {
        const isRevoked = (auth) => void seen.add(auth.payload.jti)
        assert.equal(await judge(jws(input, each), { isRevoked }), 'accepted')
      }
      assert.equal(seen.size, 1)
    })
  }

  test('EdDSA: s + L, which RFC 8032 section 5.1.7 forbids', async () => {
    const input = `${encode(headerFor(ed25519))}.${encode(validClaims())}`
    const good = signature(ed25519, input)
    const s = number(Buffer.from(good.subarray(32)).reverse())
    const twin = Buffer.concat([good.subarray(0, 32), bytes(s + ORDER.EdDSA, 32).reverse()])
    assert.equal(await judge(jws(input, good)), 'accepted')
    assert.equal(await judge(jws(input, twin)), 'invalid_signature')
  })

  test('EdDSA: zeros and other lengths', async () => {
    const input = `${encode(headerFor(ed25519))}.${encode(validClaims())}`
    const good = signature(ed25519, input)
    for (const forged of [Buffer.alloc(64), good.subarray(0, 63), Buffer.concat([good, Buffer.alloc(1)])]) {
      assert.equal(await judge(jws(input, forged)), 'invalid_signature')
    }
  })

  const input = `${encode(headerFor(rsa))}.${encode(validClaims())}`
  const block = padded(input, 'sha256')
  const info = block.subarray(block.indexOf(0, 1) + 1)
  const blocks = {
    'the digest of another input': padded('other', 'sha256'),
    'another hash': padded(input, 'sha512'),
    // Bleichenbacher's forgery of 2006 works if bytes after the digest are ignored.
    'the digest with garbage after it': Buffer.concat([
      Buffer.from([0, 1, ...Array(8).fill(0xff), 0]),
      info,
      Buffer.alloc(256 - 11 - info.length, 0xaa),
    ]),
    'block type 0': Buffer.concat([Buffer.from([0, 0]), block.subarray(2)]),
    'block type 2': Buffer.concat([Buffer.from([0, 2]), block.subarray(2)]),
    'padding other than 0xff': Buffer.from(block).fill(0xfe, 2, 3),
    'no zero after the padding': Buffer.from(block).fill(
      0xff,
      block.length - info.length - 1,
      block.length - info.length,
    ),
    'no algorithm': Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(221, 0xff), Buffer.from([0]), info.subarray(-32)]),
    zeros: Buffer.alloc(256),
    one: bytes(1n, 256),
  }
  test('RS256: accepts a hand-made block of a valid signature', async () => {
    assert.equal(await judge(rawRsa(block)), 'accepted')
  })
  describe('RS256', () => testEach('invalid_signature', blocks, rawRsa))

  test('RS256: other lengths, and the signature plus n', async () => {
    const good = signature(rsa, input)
    const plus = number(good) + number(Buffer.from(rsa.jwk.n, 'base64url'))
    const more = bytes(plus, plus >> 2048n ? 257 : 256)
    for (const forged of [
      good.subarray(1),
      Buffer.concat([Buffer.alloc(1), good]),
      Buffer.concat([good, Buffer.alloc(1)]),
      more,
    ]) {
      assert.equal(await judge(jws(input, forged)), 'invalid_signature')
    }
  })

  test('PS256: only a salt as long as the digest, as RFC 7518 section 3.5 requires', async () => {
    const ps = { ...rsa, alg: 'PS256' }
    const input = `${encode(headerFor(ps))}.${encode(validClaims())}`
    for (const [saltLength, wanted] of /** @type {[number, string][]} */ ([
      [32, 'accepted'],
      [0, 'invalid_signature'],
      [20, 'invalid_signature'],
      [222, 'invalid_signature'],
    ])) {
      const padding = crypto.constants.RSA_PKCS1_PSS_PADDING
      const salted = crypto.sign('sha256', Buffer.from(input), { key: rsa.privateKey, padding, saltLength })
      assert.equal(await judge(jws(input, salted), { algorithms: ['PS256'] }), wanted)
    }
  })

  function rawRsa(block) {
    const key = { key: rsa.privateKey, padding: crypto.constants.RSA_NO_PADDING }
    return jws(input, crypto.privateEncrypt(key, block))
  }
})

describe('a key that is not meant for verifying signatures is skipped', () => {
  for (const [change, wanted] of /** @type {[any, string][]} */ ([
    [{ use: 'sig' }, 'accepted'],
    [{ use: 'enc' }, 'unknown_key'],
    [{ key_ops: ['sign', 'verify'] }, 'accepted'],
    [{ key_ops: ['sign'] }, 'unknown_key'],
  ])) {
    test(`${JSON.stringify(change)}: ${wanted}`, async () => {
      assert.equal(await judge(signToken(es384), { keys: [{ ...es384.jwk, ...change }, es256.jwk] }), wanted)
    })
  }
})

describe('two keys with the same kid', () => {
  test('are ambiguous if both fit, and neither is tried', async () => {
    const twins = [createKey('ES384', { kid: 'same' }), createKey('ES384', { kid: 'same' })]
    for (const twin of twins) {
      const verification = verifyAuth(signToken(twin), own({ jwks: { keys: twins.map((key) => key.jwk) } }))
      const error = await rejection(verification)
      assert.deepEqual([error.code, error.details], ['unknown_key', { kid: 'same', reason: 'several_keys' }])
    }
  })

  test('are distinguished by the algorithm', async () => {
    const keys = [
      { ...es384.jwk, kid: 'same' },
      { ...rsa.jwk, kid: 'same' },
    ]
    assert.equal(await judge(signToken(es384, {}, { kid: 'same' }), { keys }), 'accepted')
    assert.equal(await judge(signToken(rsa, {}, { kid: 'same' }), { keys }), 'accepted')
    assert.equal(await judge(signToken(es256, {}, { kid: 'same' }), { keys }), 'unknown_key')
  })

  test('count as one if they are the same key', async () => {
    assert.equal(await judge(signToken(es384), { keys: [es384.jwk, es384.jwk, { ...es384.jwk }] }), 'accepted')
  })
})

describe('a private key in the key set, which would let anyone sign tokens', () => {
  for (const key of [es384, ed25519, rsa]) {
    test(`is skipped: ${key.jwk.kty}`, async () => {
      const jwk = { ...key.privateKey.export({ format: 'jwk' }), kid: key.jwk.kid }
      assert.equal(await judge(signToken(key), { keys: [jwk, es256.jwk] }), 'unknown_key')
      assert.equal(await judge(signToken(es256), { keys: [jwk, es256.jwk] }), 'accepted')
      assert.throws(() => createVerifier(own({ jwks: { keys: [jwk] } })), { code: 'invalid_options' })
    })
  }

  test('is not printed in the error for the option', () => {
    const { d, ...jwk } = es384.privateKey.export({ format: 'jwk' })
    assert.throws(
      () => createVerifier(own({ jwks: { keys: [{ ...jwk, d }] } })),
      (error) => !inspect(error).includes(String(d)) && !inspect(error).includes(String(jwk.x)),
    )
  })
})

describe('claims named after members of Object.prototype', () => {
  const members =
    '"__proto__":{"isAdmin":true,"roles":["admin"],"scope":"admin"},"constructor":{"prototype":{"isAdmin":true}},' +
    '"toString":"x","valueOf":1,"hasOwnProperty":1,"toJSON":1,"then":1,"get":"x","length":5'
  const token = signParts(
    es384,
    headerFor(es384),
    `${JSON.stringify(validClaims()).slice(0, -1)},${members},"nested":{${members}}}`,
  )

  test('are plain own members of the payload', async () => {
    const payload = /** @type {any} */ ((await verifyAuth(token, own())).payload)
    for (const object of [payload, payload.nested]) {
      assert.equal(Object.getPrototypeOf(object), Object.prototype)
      for (const [name, value] of Object.entries(JSON.parse(`{${members}}`))) {
        const wanted = { value, writable: true, enumerable: true, configurable: true }
        assert.deepEqual(Object.getOwnPropertyDescriptor(object, name), wanted)
      }
      assert.equal('isAdmin' in object, false)
    }
  })

  test('pollute no prototype, even if the token is cached', async () => {
    const verifier = createVerifier(own())
    for (let call = 0; call < 3; call += 1) await verifier.verify(token)
    assert.equal('isAdmin' in {}, false)
    assert.equal(/** @type {any} */ (() => {}).isAdmin, undefined)
  })

  test('grant nothing', async () => {
    const auth = await verifyAuth(token, own())
    assert.equal(hasRole(auth, 'admin'), false)
    assert.equal(hasScopes(auth, 'admin'), false)
    assert.equal(hasScopes(auth.payload, 'admin'), false)
    assert.equal(await judge(token, { requiredRole: 'admin' }), 'missing_role')
    assert.equal(await judge(token, { requiredScope: 'admin' }), 'missing_scope')
    for (const roleClaims of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      assert.equal(await judge(signToken(es384), { requiredRole: 'admin', roleClaims }), 'missing_role')
    }
  })

  test('do not replace header members', async () => {
    const header = `{"__proto__":{"alg":"ES384"},"constructor":1,"typ":"at+jwt","kid":"${es384.jwk.kid}"}`
    assert.equal(await judge(signParts(es384, header, validClaims())), 'malformed_token')
  })

  test('do not change the context', async () => {
    const claims = {
      isAuthenticated: false,
      isGuest: true,
      userId: 'admin',
      subjectType: 'machine',
      scopes: ['admin'],
      payload: {},
    }
    const auth = await verifyAuth(signToken(es384, claims), own())
    assert.deepEqual([auth.userId, auth.isAuthenticated, auth.subjectType, auth.scopes], ['alice', true, 'user', []])
  })
})

describe('text from a token cannot forge log lines', () => {
  const hostile = `a\r\nERROR fake line\t\0\x1b[31m\x7f\x85\u2028\u2029\u202e\u2066${'x'.repeat(9_000)}`
  for (const [name, token, options] of /** @type {[string, () => string, object][]} */ ([
    ['kid', () => signToken(es384, {}, { kid: hostile }), {}],
    ['alg', () => signToken(es384, {}, { alg: hostile }), {}],
    ['typ', () => signToken(es384, {}, { typ: hostile }), {}],
    ['iss', () => signToken(es384, { iss: hostile }), {}],
    ['aud', () => signToken(es384, { aud: hostile }), {}],
    ['an array of aud', () => signToken(es384, { aud: Array(200).fill(hostile.slice(0, 40)) }), {}],
    ['organization_id', () => signToken(es384, { organization_id: hostile }), { organizationId: 'mine' }],
    ['scope', () => signToken(es384, { scope: hostile }), { requiredScope: 'a' }],
    ['roles', () => signToken(es384, { roles: [hostile] }), { requiredRole: 'a' }],
    ['the name of a claim', () => signToken(es384, { [hostile]: 1 }), { requiredRole: 'a' }],
    ['the whole token', () => hostile, {}],
  ])) {
    test(name, async () => {
      const error = await rejection(verifyAuth(token(), own(options)))
      const texts = [error.message, String(error.wwwAuthenticate), ...leaves(error.details), ...leaves(error.headers)]
      for (const text of texts) {
        assert.doesNotMatch(text, /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u)
        assert.ok(text.length < 300)
      }
      assert.ok(JSON.stringify(error.details).length < 16 * 300)
      assert.match(String(error.wwwAuthenticate), /^[ -~]+$/)
    })
  }

  function leaves(value) {
    return typeof value === 'object' && value !== null ? Object.entries(value).flat().flatMap(leaves) : [String(value)]
  }
})

const own = (changes) => optionsFor([es384, es256, es512, ed25519, rsa], changes)

/**
 * Defines a test per value: the token that `create` makes from the value gets the verdict `wanted`.
 *
 * @param {string} wanted
 * @param {any[] | Record<string, any>} values - An object also names its values.
 */
function testEach(wanted, values, create = (/** @type {any} */ token) => token, change = {}) {
  const names = Array.isArray(values)
    ? values.map((value) => inspect(value, { maxStringLength: 50 }))
    : Object.keys(values)
  for (const [index, value] of Object.values(values).entries()) {
    test(`${names[index]}: ${wanted}`, async () => assert.equal(await judge(create(value), change), wanted))
  }
}

/** Defines a test per row of a topic in `fixtures/tokens.json`. */
function testTable(/** @type {string} */ topic) {
  for (const { header, claim, values, and, options = [{}], wanted, message } of TABLE[topic]) {
    const name = header ?? claim
    const replaced = (part, text) => {
      const { [name]: _, ...others } = { ...part, ...and }
      return `${JSON.stringify(others).slice(0, -1)}${text && `,"${name}":${text}`}}`
    }
    test(`${name} ${inspect(values[0])} and ${values.length - 1} others, ${inspect({ and, options })}: ${wanted}`, async () => {
      for (const value of values) {
        const text = value?.$ ?? JSON.stringify(value)
        const [head, payload] = [headerFor(es384), validClaims()]
        const token = header
          ? signParts(es384, replaced(head, text), payload)
          : signParts(es384, head, replaced(payload, text))
        for (const change of options) {
          const verification = verifyAuth(token, own(change))
          assert.equal(await verdict(verification), wanted, `${name} ${text} ${inspect(change)}`)
          if (message) assert.equal((await rejection(verification)).message, message)
        }
      }
    })
  }
}

/** A token with this payload: an object, or the exact text or bytes to encode. */
function withPayload(payload) {
  return signParts(es384, headerFor(es384), payload)
}

/** A token with any signature. */
function jws(input, signature) {
  return `${input}.${signature.toString('base64url')}`
}

/** @type {(input: any, change?: { keys?: any[], [option: string]: any }) => Promise<string>} */
function judge(input, { keys, ...change } = {}) {
  return verdict(verifyAuth(input, own({ ...(keys && { jwks: { keys } }), ...change })))
}

function judgeWith(issuer, token, change) {
  return verdict(verifyAuth(token, { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...change }))
}

function number(bytes) {
  return BigInt(`0x${bytes.toString('hex')}`)
}

function bytes(number, length) {
  return Buffer.from(number.toString(16).padStart(2 * length, '0'), 'hex')
}

/** EMSA-PKCS1-v1_5 (RFC 8017 section 9.2) for 2048 bits. */
function padded(input, hash) {
  const prefix = { sha256: '3031300d060960864801650304020105000420', sha512: '3051300d060960864801650304020305000440' }[
    hash
  ]
  const info = Buffer.concat([Buffer.from(prefix, 'hex'), crypto.createHash(hash).update(input).digest()])
  return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(253 - info.length, 0xff), Buffer.from([0]), info])
}
