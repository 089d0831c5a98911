const assert = require('node:assert/strict')
const { after, before, describe, test } = require('node:test')
const { inspect } = require('node:util')
const { AuthError, createVerifier, requireRole, verifyAuth, verifyLogtoToken } = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { rejection, startIssuer, verdict } = require('../../support/helpers')
const { REJECTIONS, challengeOf, rejectedRequest } = require('../../support/rejections')
const {
  AUDIENCE,
  bearer,
  claimsOf,
  createKey,
  headerFor,
  optionsFor,
  signParts,
  signToken,
  validClaims,
  withSignatureOf,
} = require('../../support/tokens')

let issuer
before(async () => {
  issuer = await createTestIssuer()
})
after(() => issuer.close())

for (const row of REJECTIONS) {
  const { code, status, message } = row

  describe(code, () => {
    const challenge = challengeOf(row)
    let tokens
    let request
    let options
    let error
    before(async () => {
      ;({ request, options } = rejectedRequest(issuer, row))
      tokens = [request.headers.authorization ?? ''].flat().map((value) => value.replace('Bearer ', ''))
      request.headers.cookie = 'session=7h3-c00k13-0f-5om3-0n3-31s3'
      if (row.outage) Object.assign(options, { jwksCacheTtlMs: 0, jwksMaxStaleMs: 0 })
      error = await withOutage(rejection, verifyAuth, request, options)
    })

    test(`C8: has status ${status}, also as statusCode, and the message "${message}"`, () => {
      assert.deepEqual([error.code, error.status, error.message], [code, status, message])
      assert.equal(error.statusCode, status)
      assert.ok(error instanceof Error && error instanceof AuthError)
      assert.equal(String(error), `AuthError: ${message}`)
      assert.equal(Object.hasOwn(error, 'name'), false)
    })

    test(`has the challenge ${challenge} and the response headers`, () => {
      assert.equal(error.wwwAuthenticate, challenge)
      const reply = challenge === null ? { 'Retry-After': '1' } : { 'WWW-Authenticate': challenge }
      assert.deepEqual(error.headers, { 'Cache-Control': 'no-store', ...reply })
    })

    test('has details for operators, and a cause if another error is behind it', () => {
      const claims = tokens[0].includes('.') ? claimsOf(tokens[0]) : {}
      assert.deepEqual(error.details, row.details?.(issuer, claims) ?? {})
      if (row.cause) assert.match(/** @type {any} */ (error.cause).message, row.cause)
      else assert.equal(Object.hasOwn(error, 'cause'), false)
    })

    test('contains nothing of the token or the cookies', () => {
      const seen = [
        error.message,
        String(error.stack),
        JSON.stringify(error),
        JSON.stringify(error.details),
        inspect(error.cause),
        inspect(error, { depth: 20, showHidden: true }),
      ].join('\n')
      assert.equal(seen.includes('7h3-c00k13'), false)
      for (const token of tokens) {
        for (let at = 0; at + 12 <= token.length; at += 1) assert.equal(seen.includes(token.slice(at, at + 12)), false)
      }
    })

    test('is the same for a token in a cookie and for a string', async () => {
      if (code === 'ambiguous_token') return
      const cookie = { headers: { cookie: `logto_authtoken=${tokens[0]}` } }
      for (const other of [
        await withOutage(rejection, verifyAuth, cookie, options),
        await withOutage(rejection, verifyLogtoToken, tokens[0], options),
      ]) {
        assert.deepEqual([other.message, other.details], [message, error.details])
      }
    })

    test('is the guestReason if guests are allowed', async () => {
      const guest = await withOutage((auth) => auth, verifyAuth, request, { ...options, allowGuest: true })
      assert.deepEqual([guest.guestReason, guest.isGuest, guest.scopes, guest.payload], [code, true, [], null])
    })

    async function withOutage(read, verify, input, options) {
      issuer.setOutage(row.outage ?? null)
      try {
        return await read(verify(input, options))
      } finally {
        issuer.setOutage(null)
      }
    }
  })
}

test('the challenge of a request without a token has the realm from the options', async () => {
  const challengeOf = async (realm) => {
    const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...(realm && { realm }) }
    return (await rejection(verifyAuth({ headers: {} }, options))).headers['WWW-Authenticate']
  }
  assert.equal(await challengeOf(undefined), 'Bearer realm="api"')
  assert.equal(await challengeOf('Orders of example.com'), 'Bearer realm="Orders of example.com"')
})

test('Retry-After is the time to the next retry in seconds, at least 1', async (t) => {
  for (const [jwksCooldownMs, seconds] of [
    [60_000, '1'],
    [100, '1'],
    [1, '1'],
    [0, '1'],
  ]) {
    const down = await startIssuer(t)
    down.setOutage('error')
    const options = { logtoUrl: down.logtoUrl, audience: AUDIENCE, jwksCooldownMs: Number(jwksCooldownMs) }
    assert.equal((await rejection(verifyAuth(issuer.mint(), options))).headers['Retry-After'], seconds)
  }
})

test('prefetch rejects with the same error as a verification', async (t) => {
  const down = await startIssuer(t)
  down.setOutage('error')
  const error = await rejection(createVerifier({ logtoUrl: down.logtoUrl, audience: AUDIENCE }).prefetch())
  assert.deepEqual([error.code, error.status, error.headers['Retry-After']], ['jwks_unavailable', 503, '1'])
})

test('a role cannot break out of the quotes of the challenge', async () => {
  const roles = ['a"b\\c', 'ä']
  const error = await rejection(verify(signToken(key), { requiredRole: roles }))
  assert.equal(error.message, `Missing required role: ${roles.join(', ')}`)
  assert.equal(
    error.wwwAuthenticate,
    'Bearer error="insufficient_scope", error_description="Missing required role: a?b?c, ?"',
  )
  assert.throws(() => requireRole({}, 'a"b\\c\r\nSet-Cookie: x=y'), {
    wwwAuthenticate:
      'Bearer error="insufficient_scope", error_description="Missing required role: a?b?c??Set-Cookie: x=y"',
  })
})

test('every error is a new object, so an application may add headers to it', async () => {
  const [one, other] = [await rejection(verify('')), await rejection(verify(''))]
  one.headers['X-Own'] = '1'
  assert.deepEqual(Object.keys(other.headers), ['Cache-Control', 'WWW-Authenticate'])
})

test('applications cannot construct an AuthError', () => {
  assert.throws(() => Reflect.construct(AuthError, []), TypeError)
  assert.throws(() => Reflect.construct(AuthError, [{ code: 'token_expired' }]), TypeError)
})

describe('an input that is neither a token nor a request is a TypeError, never a rejection or a guest', () => {
  const inputs = [undefined, null, 5, 5n, true, Symbol('x'), () => {}, {}, [], { headers: null }, { headers: 'x' }]
  for (const input of inputs) {
    test(inspect(input), async () => {
      const options = { ...own(), allowGuest: true }
      await assert.rejects(verifyAuth(/** @type {any} */ (input), options), isTypeError)
      await assert.rejects(createVerifier(options).verify(/** @type {any} */ (input)), isTypeError)
    })
  }

  test('verifyLogtoToken accepts only strings', async () => {
    for (const input of [5, true, {}, [], bearer('x'), () => {}]) {
      await assert.rejects(verifyLogtoToken(/** @type {any} */ (input), own()), isTypeError)
    }
  })

  test('verifyLogtoToken reports undefined, null and an empty string as a missing token', async () => {
    for (const nothing of [undefined, null, '']) {
      assert.equal(await verdict(verifyLogtoToken(/** @type {any} */ (nothing), own())), 'missing_token')
    }
  })

  function isTypeError(error) {
    return error instanceof TypeError && !('status' in error) && !('code' in error)
  }
})

describe('a token with several faults is rejected for the first one, in the documented order', () => {
  /** Each fault, in the order in which the checks run. @type {[string, string, any][]} */
  const FAULTS = [
    ['size', 'malformed_token: too_long', { pad: true }],
    ['alg', 'unsupported_algorithm', { header: { alg: 'HS256' } }],
    ['typ', 'invalid_token_type', { header: { typ: 'JWT' } }],
    ['crit', 'malformed_token: header_extensions', { header: { crit: ['exp'] } }],
    ['kid', 'unknown_key', { header: { kid: 'unknown' } }],
    ['signature', 'invalid_signature', { tampered: true }],
    ['duplicate claim', 'malformed_token: invalid_payload', { members: ',"dup":1,"dup":2' }],
    ['iss', 'invalid_issuer', { claims: { iss: 'https://other.example.test/oidc' } }],
    ['aud', 'invalid_audience', { claims: { aud: 'https://other.example.test' } }],
    ['exp', 'token_expired', { claims: { exp: 1 } }],
    ['nbf', 'token_not_active', { claims: { nbf: 9_999_999_999 } }],
    ['iat', 'invalid_claims: iat', { claims: { iat: 'now' } }],
    ['sub', 'invalid_claims: sub', { claims: { sub: '' } }],
    ['scope', 'invalid_claims: scope', { claims: { scope: ['a'] } }],
    ['client_id', 'invalid_claims: client_id', { claims: { client_id: 7 } }],
    ['organization_id', 'invalid_claims: organization_id', { claims: { organization_id: null } }],
    ['organization', 'wrong_organization', { options: { organizationId: 'mine' } }],
    ['required scope', 'missing_scope', { options: { requiredScope: 'a' } }],
    ['required role', 'missing_role', { options: { requiredRole: 'a' } }],
    ['check', 'forbidden', { options: { check: () => false } }],
    ['isRevoked', 'token_revoked', { options: { isRevoked: () => true } }],
  ]

  for (const [index, [name, wanted, fault]] of FAULTS.entries()) {
    test(`${name} is reported before every later fault`, async () => {
      assert.match(await firstFault(fault), new RegExp(`^${wanted}`))
      for (const [laterName, , later] of FAULTS.slice(index + 1)) {
        assert.match(await firstFault(later, fault), new RegExp(`^${wanted}`), laterName)
      }
    })
  }

  test('a missing exp is reported before a malformed nbf', async () => {
    const token = signToken(key, { exp: undefined, nbf: 'soon' })
    assert.equal((await rejection(verify(token))).message, 'Token has a missing or malformed claim: exp')
  })

  test('a malformed header is reported before its contents are checked', async () => {
    const header = '{"alg":"none","alg":"none","typ":"JWT","crit":[]}'
    assert.equal(await verdict(verify(signParts(key, header, 'x'))), 'malformed_token')
  })

  test('keys are fetched only after the header has been checked', async (t) => {
    const down = await startIssuer(t)
    const options = { logtoUrl: down.logtoUrl, audience: AUDIENCE }
    for (const header of [{ alg: 'none' }, { typ: 'JWT' }, { crit: ['exp'] }, { kid: 5 }]) {
      await rejection(verifyAuth(issuer.mint({ header }), options))
    }
    assert.equal(down.jwksRequests, 0)
  })

  async function firstFault(...faults) {
    const merged = (part) => Object.assign({}, ...faults.map((fault) => fault[part]))
    const members = faults.map((fault) => fault.members ?? '').join('')
    const filler = faults.some((fault) => fault.pad) ? { filler: 'x'.repeat(16_384) } : {}
    const text = JSON.stringify(validClaims({ ...filler, ...merged('claims') }))
    let token = signParts(key, headerFor(key, merged('header')), `${text.slice(0, -1)}${members}}`)
    if (faults.some((fault) => fault.tampered)) token = withSignatureOf(token, signToken(key))
    const { code, message, details } = await rejection(verify(token, merged('options')))
    return [code, code === 'invalid_claims' ? message.split(': ')[1] : details.reason].filter(Boolean).join(': ')
  }
})

describe('isRevoked', () => {
  for (const [name, answer, wanted] of /** @type {const} */ ([
    ['true', true, 'token_revoked'],
    ['false', false, 'accepted'],
    ['a promise of true', Promise.resolve(true), 'token_revoked'],
    ['a promise of false', Promise.resolve(false), 'accepted'],
  ])) {
    test(`returning ${name}: ${wanted}, for a request and for a string`, async () => {
      const options = { isRevoked: () => answer }
      assert.equal(await verdict(verify(signToken(key), options)), wanted)
      assert.equal(await verdict(verify(bearer(signToken(key)), options)), wanted)
    })
  }

  test('receives the context', async () => {
    const asked = []
    const auth = await verify(signToken(key, { sub: 'alice', scope: 'a b' }), {
      isRevoked: (who) => void asked.push(structuredClone(who)),
    })
    assert.deepEqual(asked, [auth])
    assert.deepEqual([asked[0].userId, asked[0].scopes, asked[0].isAuthenticated], ['alice', ['a', 'b'], true])
  })

  test('is called for every verification, including previously verified tokens', async () => {
    let asked = 0
    const verifier = createVerifier({ ...own(), isRevoked: () => ++asked === 3 })
    const token = signToken(key)
    const verdicts = []
    for (let call = 0; call < 4; call += 1) verdicts.push(await verdict(verifier.verify(token)))
    assert.deepEqual(verdicts, ['accepted', 'accepted', 'token_revoked', 'accepted'])
    assert.equal(verifier.stats().tokens.hits, 3)
  })

  test('is not called if an earlier check fails', async () => {
    const isRevoked = () => assert.fail('it was called')
    assert.equal(await verdict(verify(signToken(key), { isRevoked, requiredScope: 'a' })), 'missing_scope')
    assert.equal(await verdict(verify('', { isRevoked })), 'missing_token')
  })

  for (const [name, isRevoked] of /** @type {[string, () => any][]} */ ([
    [
      'throws',
      () => {
        throw new RangeError('database is down')
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('database is down'))],
  ])) {
    test(`if it ${name}, the verification fails with that error, even if guests are allowed`, async () => {
      const error = new RangeError('database is down')
      await assert.rejects(verify(signToken(key), { isRevoked }), error)
      await assert.rejects(verify(bearer(signToken(key)), { isRevoked, allowGuest: true }), error)
    })
  }
})

const key = createKey('ES256')

const own = () => optionsFor(key)

async function verify(input, options) {
  return verifyAuth(input, { ...own(), ...options })
}
