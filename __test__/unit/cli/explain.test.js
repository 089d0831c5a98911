const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { createTestIssuer } = require('logto-authkit/testing')
const { cli } = require('../../support/cli')
const { temporaryFolder } = require('../../support/files')
const {
  AUDIENCE,
  createKey,
  headerFor,
  signParts,
  signToken,
  validClaims,
  withSignatureOf,
} = require('../../support/tokens')

const capture = JSON.parse(readFileSync(join(__dirname, '../../fixtures/capture.json'), 'utf8'))
const KEY_SETS = new Map(capture.jwks.map((set) => [set.id, set.body]))

let issuer
/** A folder with key sets and options. */
const { folder, save: file } = temporaryFolder({ after })

before(async () => {
  issuer = await createTestIssuer()
  for (const [id, set] of KEY_SETS) file(nameOf(id), JSON.stringify(set))
})
after(() => issuer.close())

describe('every recorded token of Logto', () => {
  for (const token of capture.tokens) {
    const isAccess = token.kind === 'access_token' && token.format === 'jwt'
    const time = ['--at', String(token.captured_at)]
    const { iss = 'http://localhost:3001', aud = AUDIENCE } = token.payload ?? {}
    const target = ['--url', iss, '--audience', aud]
    const explainWith = (id) => explain(token.raw, ...target, ...time, '--jwks', join(folder, nameOf(id)))
    const expected = isAccess
      ? ['accepted', null]
      : ['rejected', token.format === 'jwt' ? 'invalid_token_type' : 'opaque_token']

    test(`${token.name}: ${expected.join(' ')}, and unknown_key with the other key sets`, async () => {
      for (const id of token.verifies_with ?? [...KEY_SETS.keys()]) {
        const { verdict, code, verified } = await explainWith(id)
        assert.deepEqual([verdict, code], expected, id)
        // The signature of an ID token is valid, even though an earlier check rejects it.
        assert.equal(verified, token.format === 'jwt')
      }
      for (const id of token.key_absent_from ?? []) {
        const { code, verified, checks } = await explainWith(id)
        assert.equal(code, isAccess ? 'unknown_key' : 'invalid_token_type')
        assert.equal(checks.find((row) => row.id === 'key').code, 'unknown_key')
        assert.equal(verified, false)
      }
    })

    if (token.format !== 'jwt') continue

    test(`${token.name}: other options give the matching error codes`, async () => {
      const keys = ['--jwks', join(folder, nameOf(token.verifies_with[0])), '--any-type']
      const { aud, exp, iss } = token.payload
      const own = ['--url', iss, '--audience', aud, ...time, ...keys]
      const wrong = /** @type {[string, string[]][]} */ ([
        ['invalid_audience', ['--url', iss, '--audience', `${aud}/`, ...time, ...keys]],
        ['invalid_issuer', ['--url', 'https://other.example.test', '--audience', aud, ...time, ...keys]],
        ['token_expired', ['--url', iss, '--audience', aud, '--at', String(exp), ...keys]],
        ['missing_scope', [...own, '--scope', 'never:seen']],
        ['wrong_organization', [...own, '--organization', 'never-seen']],
        ['missing_role', [...own, '--role', 'never-seen']],
      ])
      for (const [code, args] of wrong) assert.equal((await explain(token.raw, ...args)).code, code)
      // With several faults, the first one decides, and all are listed.
      const { code, checks } = await explain(
        ...[token.raw, '--url', 'https://other.example.test', '--audience', `${aud}/`, '--at', String(exp), ...keys],
        ...['--scope', 'never:seen', '--organization', 'never-seen', '--role', 'never-seen'],
      )
      assert.equal(code, 'invalid_issuer')
      assert.deepEqual(failed(checks), ['iss', 'aud', 'exp', 'organization', 'scope', 'role'])
    })
  }
})

/** For every error code, an example and its hint. */
const EXAMPLES = /** @type {Record<string, { input: () => string, args?: () => string[], hint: RegExp }>} */ ({
  missing_token: { input: () => '', hint: /Authorization: Bearer/ },
  ambiguous_token: {
    input: () => `GET / HTTP/1.1\nAuthorization: Bearer ${issuer.mint()}\nauthorization: Bearer ${issuer.mint()}`,
    hint: /two `Authorization` headers/,
  },
  opaque_token: { input: () => 'x'.repeat(43), hint: /requests no API resource/ },
  malformed_token: {
    input: () => issuer.mint().split('.').slice(0, 2).join('.'),
    hint: /The end of the token is missing/,
  },
  unsupported_algorithm: { input: () => issuer.mint({ header: { alg: 'HS256' } }), hint: /shared secret/ },
  invalid_token_type: { input: () => issuer.mint(ID_TOKEN), hint: /This is an ID token/ },
  unknown_key: { input: () => issuer.mint({ header: { kid: 'unknown' } }), hint: /rotated/ },
  invalid_signature: {
    input: () => withSignatureOf(issuer.mint(), issuer.mint()),
    hint: /modified after signing/,
  },
  invalid_claims: { input: () => issuer.mint({ claims: { client_id: null, sub: 5 } }), hint: /custom-claims script/ },
  invalid_issuer: {
    input: () => issuer.mint({ claims: { iss: 'https://t.logto.app/oidc' } }),
    hint: /two issuers with the same key set/,
  },
  invalid_audience: { input: () => issuer.mint({ audience: `${AUDIENCE}/` }), hint: /in the trailing slash/ },
  token_expired: {
    input: () => issuer.mint({ expiresIn: -7200 }),
    hint: /expired 2 hours ago|expired 2 hours 1 second ago/,
  },
  token_not_active: {
    input: () => issuer.mint({ notBefore: 7200 }),
    hint: /becomes valid in (2 hours|1 hour 59 minutes)/,
  },
  token_revoked: { input: () => issuer.mint(), args: () => ['--options', REVOKING()], hint: /isRevoked/ },
  wrong_organization: {
    input: () => issuer.mint({ organizationId: 'theirs' }),
    args: () => ['--organization', 'ours'],
    hint: /belongs to the organization theirs/,
  },
  missing_scope: {
    input: () => issuer.mint({ scope: 'a b' }),
    args: () => ['--scope', 'a c'],
    hint: /The token has these scopes: a b/,
  },
  missing_role: { input: () => issuer.mint(), args: () => ['--role', 'admin'], hint: /custom-claims script/ },
  jwks_unavailable: { input: () => issuer.mint(), args: () => ['--url', 'http://127.0.0.1:1'], hint: /doctor/ },
})

test('no name of an algorithm makes explain fail', async () => {
  for (const alg of ['constructor', '__proto__', 'toString', '', 5, {}, ['RS256']]) {
    const [, payload, signature] = issuer.mint().split('.')
    const header = Buffer.from(JSON.stringify({ alg, kid: 'a' })).toString('base64url')
    const { verdict } = await explain(`Authorization: Bearer ${header}.${payload}.${signature}`)
    assert.equal(verdict, 'rejected', String(alg))
  }
})

describe('an example of every error code', () => {
  test('exists', () => {
    const declared = readFileSync(join(__dirname, '../../../index.d.ts'), 'utf8').split(
      'export type AuthErrorCode =',
    )[1]
    const codes = declared.slice(0, declared.indexOf('\n\n')).match(/\w+(?=')/g)
    // `explain` verifies one token, so it is never overloaded, has no store of revocations, and calls no `check`.
    assert.deepEqual(
      [...Object.keys(EXAMPLES), 'forbidden', 'overloaded', 'revocations_unavailable'].sort(),
      codes?.sort(),
    )
  })

  for (const [wanted, { input, args = () => [], hint }] of Object.entries(EXAMPLES)) {
    test(`${wanted} is reported with a hint`, async () => {
      const all = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, ...args()]
      const token = input()
      const { verdict, code, status, message, checks, hints } = await explain(token, ...all)
      assert.deepEqual([verdict, code], ['rejected', wanted])
      assert.match(hints.join('\n'), hint)
      const first = checks.find((row) => row.verdict === 'fail')
      assert.deepEqual([first.code, first.message], [wanted, message])
      assert.ok(status >= 400)

      const text = await cli(['explain', '-', ...all], { stdin: token })
      assert.equal(text.code, 1)
      assert.match(text.stdout, new RegExp(`^✗ Rejected: ${wanted} \\(${status}\\)$`, 'm'))
      for (const part of token.split('.').slice(2)) assert.ok(!text.stdout.includes(part), 'the signature is shown')
    })
  }
})

describe('hints for common mistakes', () => {
  /** @type {[string, () => string, string[], RegExp][]} */
  const MISTAKES = [
    [
      'an organization token',
      () => issuer.mint({ audience: 'urn:logto:organization:o1' }),
      [],
      /That is an organization token.*"o1"/,
    ],
    ['an audience in another letter case', () => issuer.mint({ audience: AUDIENCE.toUpperCase() }), [], /two APIs/],
    ['an ID token where any type is accepted', () => issuer.mint(ID_TOKEN), ['--any-type'], /ID token/],
    ['the word Bearer', () => `Bearer bearer ${issuer.mint()}`, [], /starts with the word `Bearer`/],
    ['quotes', () => `Authorization: Bearer "${issuer.mint()}"`, [], /quotes/],
    ['an encrypted token', () => 'a.b.c.d.e', [], /JWE/],
    ['a token without its last characters', () => issuer.mint().slice(0, -8), [], /^The end of the token is missing\./],
    ['a placeholder', () => '<token>', [], /Replace it with a token/],
    ...[
      'Authorization: Bearer ',
      'Bearer ',
      '"Bearer "',
      'curl -H "Authorization: Bearer " http://a',
      'curl --oauth2-bearer "" http://a',
      '{ "Authorization": "Bearer " }',
    ].map(
      (input) =>
        /** @type {any} */ ([
          `no token in ${input}`,
          () => input,
          [],
          /contains `Bearer` but no token, often because a variable .* is not set\.\nSet the variable/,
        ]),
    ),
    [
      'an issuer with a slash',
      () => issuer.mint({ claims: { iss: `${issuer.issuer}/` } }),
      [],
      /differ only in spelling/,
    ],
    [
      'a token of another server, found by its key',
      () => signToken(createKey('ES384')),
      [],
      /The token was issued by "https:\/\/auth\.example\.test\/oidc"/,
    ],
    ['a token that has just expired', () => issuer.mint({ expiresIn: -5 }), [], /compare the clocks/],
    ['no scopes', () => issuer.mint(), ['--scope', 'a'], /The token has no scopes/],
    ['no organization', () => issuer.mint(), ['--organization', 'o1'], /belongs to no organization.*o1/s],
    [
      'an organization although none is allowed',
      () => issuer.mint({ organizationId: 'o1' }),
      ['--no-organization'],
      /must not belong to any/,
    ],
    ['an organization that is not checked', () => issuer.mint({ organizationId: 'o1' }), [], /set `organizationId`/],
    ['scopes that are not checked', () => issuer.mint(), [], /not a permission/],
  ]
  for (const [what, input, args, hint] of MISTAKES) {
    test(what, async () => {
      const { hints } = await explain(input(), '--url', issuer.logtoUrl, '--audience', AUDIENCE, ...args)
      assert.match(hints.join('\n'), hint)
    })
  }

  test('an empty argument', async () => {
    const { stdout } = await cli(['explain', '--json', ' '])
    assert.deepEqual(JSON.parse(stdout).hints, ['The argument is empty: is the variable set?'])
  })

  test('a logout token, without advice on access tokens', async () => {
    const claims = { events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, scope: undefined }
    const token = issuer.mint({
      audience: 'my-app',
      header: { typ: 'logout+jwt' },
      claims: { ...claims, client_id: undefined },
    })
    const { hints } = await explain(token, '--url', issuer.logtoUrl, '--audience', AUDIENCE, '--scope', 'a')
    assert.equal(hints.length, 1)
    assert.match(hints[0], /^This is a logout token\./)
  })

  test('no permissions for a token of another server, API or purpose', async () => {
    for (const token of [
      issuer.mint({ claims: { iss: 'https://theirs.logto.app/oidc' } }),
      issuer.mint({ audience: 'https://other.example.com' }),
      issuer.mint(ID_TOKEN),
    ]) {
      const { checks, hints } = await explain(token, '--url', issuer.logtoUrl, '--audience', AUDIENCE, '--scope', 'a')
      assert.equal(row(checks, 'scope').verdict, 'fail')
      assert.doesNotMatch(hints.join('\n'), /scope|permission/)
    }
  })

  test('all malformed claims in one sentence', async () => {
    const token = issuer.mint({ claims: { sub: 5, exp: 'soon' } })
    const { hints } = await explain(token, '--url', issuer.logtoUrl, '--audience', AUDIENCE)
    assert.match(hints.join('\n'), /^Logto itself .* may have set `exp` and `sub`, or [^\n]*$/)
  })

  test('no logtoUrl for a token that anyone could have written', async () => {
    const stranger = createKey('ES384')
    const iss = 'https://login.example.com/oidc'
    for (const forged of [
      signToken(stranger, { iss }),
      withSignatureOf(issuer.mint({ claims: { iss } }), issuer.mint()),
    ]) {
      const { hints } = await explain(forged, '--url', issuer.logtoUrl)
      assert.doesNotMatch(hints.join(' '), /set logtoUrl/)
    }
  })

  test('the value of logtoUrl for a token of another issuer', async () => {
    const hintsFor = async (iss, ...args) => {
      const token = issuer.mint({ claims: { iss } })
      const { code, hints } = await explain(token, ...(args.length > 0 ? args : ['--url', issuer.logtoUrl]))
      assert.equal(code, 'invalid_issuer')
      return hints.join('\n')
    }
    const [iss, other] = ['https://login.example.com/auth/oidc', 'https://other.example.com']
    const publicUrl = 'set logtoUrl: "https://login.example.com/auth"'
    const jwksUriAdvice = `, and jwksUri: "${issuer.jwksUri}" if only that URL can be reached`
    assert.ok((await hintsFor(iss)).includes(publicUrl + jwksUriAdvice))
    const withKeys = ['--url', other, '--jwks-uri', issuer.jwksUri]
    assert.ok((await hintsFor(iss, ...withKeys)).includes(publicUrl + jwksUriAdvice))
    const withFile = ['--url', other, '--jwks', file('keys.json', await (await fetch(issuer.jwksUri)).text())]
    assert.ok((await hintsFor(iss, ...withFile)).includes(`${publicUrl}.`))
    // The `issuer` option replaces `logtoUrl`, and no URL of Logto has the last two issuers.
    assert.ok(!(await hintsFor(iss, ...withKeys, '--issuer', other)).includes('logtoUrl'))
    for (const one of ['https://login.example.com', 'https://LOGIN.example.com/oidc'])
      assert.ok(!(await hintsFor(one)).includes('logtoUrl'), one)
  })

  test('an audience that is not checked', async () => {
    const { hints } = await explain(issuer.mint(), '--url', issuer.logtoUrl)
    assert.ok(hints.join('\n').includes(`An API accepts this token if its \`audience\` is "${AUDIENCE}"`))
  })
})

describe('a token without keys to verify it', () => {
  test('is unverified: no check fails, and the claims are marked as not verified', async () => {
    const token = issuer.mint()
    const { code, stdout } = await cli(['explain', '-'], { stdin: token })
    assert.equal(code, 3)
    assert.match(stdout, /Claims \(NOT verified/)
    assert.match(stdout, /- the signature is valid: not checked/)
    assert.match(stdout, /✓ exp is in the future, if the signature is valid/)
    const { verdict, verified, checks } = await explain(token)
    assert.deepEqual([verdict, verified], ['unverified', false])
    for (const id of ['key', 'signature', 'iss', 'aud']) assert.equal(row(checks, id).verdict, 'not_checked', id)
  })

  test('is rejected for faults that are visible without keys', async () => {
    for (const [wanted, token] of Object.entries({
      token_expired: issuer.mint({ expiresIn: -1 }),
      invalid_issuer: issuer.mint({ claims: { iss: 5 } }),
      unsupported_algorithm: issuer.mint({ header: { alg: 'none' }, claims: { exp: 1 } }),
      invalid_token_type: issuer.mint(ID_TOKEN),
      malformed_token: issuer.mint({ header: { crit: [] } }),
    })) {
      const result = await explain(token)
      assert.deepEqual([result.verdict, result.code, result.verified], ['rejected', wanted, false])
    }
  })

  test('fetches nothing', async () => {
    const before = issuer.jwksRequests
    await explain(issuer.mint())
    assert.equal(issuer.jwksRequests, before)
  })
})

test('the claims of a forged token are marked as not verified, and their checks as conditional', async () => {
  const token = withSignatureOf(issuer.mint({ sub: 'admin' }), issuer.mint())
  const { stdout } = await cli(['explain', '-', '--url', issuer.logtoUrl, '--audience', AUDIENCE], { stdin: token })
  assert.match(stdout, /Claims \(NOT verified/)
  assert.match(stdout, /✓ iss is the issuer, if the signature is valid/)
  assert.match(stdout, /✗ the signature is valid/)
})

test('all failed checks are listed in the documented order', async () => {
  const key = createKey('ES256')
  const claims = validClaims({
    iss: 5,
    aud: [5],
    exp: 'soon',
    nbf: 9_999_999_999,
    iat: {},
    sub: '',
    scope: [],
    client_id: 1,
    organization_id: 2,
  })
  const token = signParts(key, headerFor(key, { alg: 'HS256', typ: 'JWT', crit: ['x'], b64: true }), claims)
  const args = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, '--role', 'r', '--scope', 's', '--organization', 'o']
  const { code, checks } = await explain(token, ...args)
  assert.equal(code, 'unsupported_algorithm')
  assert.deepEqual(failed(checks), ['alg', 'typ', 'extensions', 'iss', 'aud', 'exp', 'nbf', 'types', 'role'])
  for (const id of ['scope', 'organization', 'key', 'signature'])
    assert.equal(row(checks, id).verdict, 'not_checked', id)
})

test('checks after an unreadable part are not checked', async () => {
  const key = createKey('ES256')
  const twice = JSON.stringify(validClaims()).replace('{', '{"sub":"a",')
  const args = ['--url', issuer.logtoUrl, '--audience', AUDIENCE]
  for (const [token, wanted] of /** @type {[string, string][]} */ ([
    ['a.b', 'parts'],
    ['a..b', 'parts'],
    [`${issuer.mint()}${'x'.repeat(16_384)}`, 'size'],
    [signParts(key, '{"alg":"ES256","alg":"ES256"}', validClaims()), 'header'],
    [signParts(key, 'null', validClaims()), 'header'],
    [signParts(key, headerFor(key), twice), 'payload'],
    [signParts(key, headerFor(key), 'null'), 'payload'],
    [signParts(key, headerFor(key), '[]'), 'payload'],
  ])) {
    const { checks } = await explain(token, ...args)
    const last = checks.findLastIndex((row) => row.verdict === 'fail')
    assert.equal(checks[last].id, wanted)
    for (const later of checks.slice(last + 1)) assert.equal(later.verdict, 'not_checked', later.id)
  }
})

test('a token is found in request headers the way the library finds it', async () => {
  const args = ['--url', issuer.logtoUrl, '--audience', AUDIENCE]
  const [good, other] = [issuer.mint({ sub: 'header' }), issuer.mint({ sub: 'cookie' })]
  for (const [headers, sub] of [
    [`> GET /me HTTP/1.1\r\n> Host: api\r\n> Authorization: bearer  ${good}\r\n`, 'header'],
    [`Cookie: a=b; logto_authtoken=${other}; c=d`, 'cookie'],
    [`Cookie: logto_authtoken=${other}\nAuthorization: Bearer ${good}`, 'cookie'],
    [`Cookie: logto_authtoken=${issuer.mint({ expiresIn: -1 })}\nAuthorization: Bearer ${good}`, 'header'],
    [`Bearer ${good}`, 'header'],
  ]) {
    const { verdict, claims } = await explain(headers, ...args)
    assert.deepEqual([verdict, claims?.sub], ['accepted', sub])
  }
  assert.equal((await explain('Authorization: Basic YTpi', ...args)).code, 'missing_token')
})

test("an application's own options are used, and flags override them", async () => {
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, requiredScope: 'a', allowGuest: true }
  const files = [
    file('options.json', JSON.stringify(options)),
    file('options.cjs', `exports.options = ${JSON.stringify(options)}`),
    file('options.mjs', `export default ${JSON.stringify(options)}`),
  ]
  for (const path of files) {
    assert.equal((await explain(issuer.mint(), '--options', path)).code, 'missing_scope')
    assert.equal((await explain(issuer.mint({ scope: 'a' }), '--options', path)).verdict, 'accepted')
    assert.equal((await explain(issuer.mint({ scope: 'b' }), '--options', path, '--scope', 'b')).verdict, 'accepted')
  }
  // mcpAuth reads no cookies.
  const resource = `${AUDIENCE}/mcp`
  const mcp = file('mcp.json', JSON.stringify({ logtoUrl: issuer.logtoUrl, resource }))
  const token = issuer.mint({ audience: resource })
  assert.equal((await explain(`Authorization: Bearer ${token}`, '--options', mcp)).verdict, 'accepted')
  assert.equal((await explain(`Cookie: logto_authtoken=${token}`, '--options', mcp)).code, 'missing_token')
})

test('isRevoked is called only after every other check has passed', async () => {
  const args = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, '--options', REVOKING()]
  const { code, checks } = await explain(issuer.mint({ expiresIn: -1 }), ...args)
  assert.deepEqual([code, row(checks, 'revocation').verdict], ['token_expired', 'not_checked'])

  const counting = file('counting.cjs', 'module.exports = { isRevoked: () => void (globalThis.revocationsAsked += 1) }')
  const counter = /** @type {any} */ (globalThis)
  counter.revocationsAsked = 0
  const own = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, '--options', counting]
  await explain(withSignatureOf(issuer.mint(), issuer.mint()), ...own)
  assert.equal(counter.revocationsAsked, 0)
  await explain(issuer.mint(), ...own)
  assert.equal(counter.revocationsAsked, 1)
})

test('claims cannot control the terminal', async () => {
  const evil = '\x1b[2J\x1b]0;title\x07\u202e\n✓ Accepted'
  const token = issuer.mint({ sub: evil, audience: evil, header: { kid: evil }, claims: { [evil]: evil, iss: evil } })
  for (const args of [[], ['--json']]) {
    const own = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, '--role', evil]
    const { stdout } = await cli(['explain', '-', ...own, ...args], { stdin: token })
    assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
    assert.doesNotMatch(stdout, /^✓ Accepted/m)
  }
})

test('text of a token never looks like a command to run', async () => {
  const keys = file('keys.json', await (await fetch(issuer.jwksUri)).text())
  for (const evil of [', run: npx evil', ', run: node evil', `x${' '.repeat(300)}npx evil`]) {
    for (const [claims, ...args] of /** @type {[any, ...string[]][]} */ ([
      [{ iss: `https://login.example.com${evil}/oidc` }],
      [{ iss: `https://login.example.com/oidc${evil}` }],
      [{ aud: `${AUDIENCE}${evil}` }],
      [{ aud: `urn:logto:organization:x${evil}` }],
      [{ scope: evil }, '--scope', 'other'],
      [{ sub: evil, client_id: evil, exp: 1 }],
      [{ organization_id: evil }, '--organization', 'other'],
      [{ organization_id: evil }, '--role', 'other'],
    ])) {
      const token = issuer.mint({ claims, header: { kid: evil } })
      for (const one of [token, issuer.mint({ claims })]) {
        const all = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, '--jwks', keys, ...args]
        const { code, stdout } = await cli(['explain', '-', ...all], { stdin: one })
        assert.equal(code, 1)
        assert.doesNotMatch(stdout, /^ {4}(npx|node) |\n *\n *(npx|node) /m)
      }
    }
  }
})

test('a command to run is printed on its own line, and follows its sentence in JSON', async () => {
  const args = ['--url', issuer.logtoUrl, '--audience', AUDIENCE]
  const token = issuer.mint({ expiresIn: -5 })
  const command = `npx logto-authkit doctor --url ${issuer.logtoUrl}`
  const { stdout } = await cli(['explain', '-', ...args], { stdin: token })
  assert.match(stdout, /compare\s+the\s+clocks,\s+run:\n {4}npx logto-authkit doctor --url \S+\n/)
  const { hints } = await explain(token, ...args)
  assert.ok(hints.some((hint) => hint.endsWith(`compare the clocks, run: ${command}`)))
})

test('a terminal gets a prompt for the token, with or without a dash', async () => {
  for (const args of [['-'], []]) {
    const { code, stderr } = await cli(['explain', ...args], { stdin: issuer.mint(), isTTY: true })
    assert.deepEqual(
      [code, stderr],
      [3, 'Paste the token, request headers or a curl command, press Enter, then Ctrl-D:\n'],
    )
  }
})

test('an ID token is identified only once', async () => {
  const { hints } = await explain(issuer.mint(ID_TOKEN), '--url', issuer.logtoUrl, '--audience', AUDIENCE)
  assert.match(hints[0], /^This is an ID token/)
  assert.doesNotMatch(hints.slice(1).join('\n'), /ID token/)
})

test('one empty line precedes the checks, with and without a header', async () => {
  for (const stdin of ['opaque', issuer.mint()]) {
    const { stdout } = await cli(['explain', '-'], { stdin })
    assert.match(stdout, /[^\n]\n\nChecks\n/)
  }
})

test('colors are used on a terminal', async () => {
  const { stdout } = await cli(['explain', issuer.mint()], { isTTY: true })
  assert.ok(stdout.includes('\x1b[32m✓'))
})

test('the hints name the local issuer if it may be the server', async () => {
  const hintsFor = async (input, ...args) => (await explain(input, ...args, '--audience', AUDIENCE)).hints.join('\n')
  const unknownKey = issuer.mint({ header: { kid: 'unknown' }, claims: { iat: 1 } })
  const keys = await (await fetch(issuer.jwksUri)).text()
  const of = (url) => [
    issuer.mint({ header: { kid: 'unknown' }, claims: { iss: `${url}/oidc` } }),
    '--jwks',
    file('own.json', keys),
    '--url',
    url,
  ]
  assert.match(
    await hintsFor(unknownKey, '--url', issuer.logtoUrl),
    /`npx logto-authkit dev` creates new keys whenever it starts/,
  )
  assert.doesNotMatch(await hintsFor(...of('https://auth.example.com')), /logto-authkit dev/)
  for (const [args, hint] of /** @type {[string[], RegExp][]} */ ([
    [['--url', 'http://127.0.0.1:1'], /start the local issuer: npx logto-authkit dev --port 1$/m],
    [['--url', 'http://127.0.0.1:1', '--jwks-uri', 'http://127.0.0.1:1/keys'], /^(?!.*local issuer)/s],
    [['--url', 'https://127.0.0.1:1'], /^(?!.*local issuer)/s],
  ]))
    assert.match(await hintsFor(issuer.mint(), ...args), hint)
})

test('the output fits into 60 columns, except for the members of the token', async () => {
  const cookie = `Cookie: session=1; other=${issuer.mint({ expiresIn: -5 })}`
  for (const input of [issuer.mint(), issuer.mint({ audience: 'https://other.example.com' }), cookie]) {
    const { stdout } = await cli(['explain', '-', '--url', issuer.logtoUrl, '--audience', AUDIENCE], {
      stdin: input,
      columns: 60,
    })
    const isMember = (line) => /^ {2}[\w.]+: \S+$/.test(line)
    for (const line of stdout.split('\n'))
      assert.ok(line.length <= 60 || isMember(line) || !/\S \S/.test(line.trim()), line)
  }
})

const ID_TOKEN = {
  audience: 'my-app',
  header: { typ: undefined },
  claims: { jti: undefined, scope: undefined, client_id: undefined },
}

const REVOKING = () => file('revoking.cjs', 'module.exports = { isRevoked: () => true }')

async function explain(input, ...args) {
  const { stdout, stderr } = await cli(['explain', '-', '--json', ...args], { stdin: input })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

const nameOf = (keySet) => `${keySet.replaceAll('/', '-')}.json`

const failed = (checks) => checks.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id)

const row = (checks, id) => checks.find((check) => check.id === id)
