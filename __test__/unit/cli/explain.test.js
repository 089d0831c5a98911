const assert = require('node:assert/strict')
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { createTestIssuer } = require('logto-authkit/testing')
const { cli } = require('../../support/cli')
const { AUDIENCE, compact, goodClaims, goodToken, headerOf, makeKey } = require('../../support/helpers')

const capture = JSON.parse(readFileSync(join(__dirname, '../../fixtures/capture.json'), 'utf8'))
const KEY_SETS = new Map(capture.jwks.map((/** @type {any} */ set) => [set.id, set.body]))

/** @type {import('logto-authkit/testing').TestIssuer} */
let issuer
/** A folder for key sets and options. @type {string} */
let folder

before(async () => {
  issuer = await createTestIssuer()
  folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
  for (const [id, set] of KEY_SETS) file(nameOf(id), JSON.stringify(set))
})
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await issuer.close()
})

describe('every recorded token of Logto', () => {
  for (const token of capture.tokens) {
    const isAccess = token.kind === 'access_token' && token.format === 'jwt'
    const itself = ['--at', String(token.captured_at)]
    const its = ['--url', token.payload?.iss ?? 'http://localhost:3001', '--audience', token.payload?.aud ?? AUDIENCE]
    const good = isAccess
      ? ['accepted', null]
      : ['refused', token.format === 'jwt' ? 'invalid_token_type' : 'opaque_token']

    test(`${token.name}: ${good.join(' ')}, and of an unknown key to the other key sets`, async () => {
      for (const id of token.verifies_with ?? [...KEY_SETS.keys()]) {
        const { verdict, code, verified } = await explain(
          token.raw,
          ...its,
          ...itself,
          '--jwks',
          join(folder, nameOf(id)),
        )
        assert.deepEqual([verdict, code], good, id)
        // An ID token's signature holds, although it is refused before.
        assert.equal(verified, token.format === 'jwt')
      }
      for (const id of token.key_absent_from ?? []) {
        const { code, verified, checks } = await explain(
          token.raw,
          ...its,
          ...itself,
          '--jwks',
          join(folder, nameOf(id)),
        )
        assert.equal(code, isAccess ? 'unknown_key' : 'invalid_token_type')
        assert.equal(checks.find((/** @type {any} */ row) => row.id === 'key').code, 'unknown_key')
        assert.equal(verified, false)
      }
    })

    if (token.format !== 'jwt') continue

    test(`${token.name}: what else can be wrong with it`, async () => {
      const keys = ['--jwks', join(folder, nameOf(token.verifies_with[0])), '--any-type']
      const { aud, exp, iss } = token.payload
      const own = ['--url', iss, '--audience', aud, ...itself, ...keys]
      const wrong = /** @type {[string, string[]][]} */ ([
        ['invalid_audience', ['--url', iss, '--audience', `${aud}/`, ...itself, ...keys]],
        ['invalid_issuer', ['--url', 'https://other.example.test', '--audience', aud, ...itself, ...keys]],
        ['token_expired', ['--url', iss, '--audience', aud, '--at', String(exp), ...keys]],
        ['missing_scope', [...own, '--scope', 'never:seen']],
        ['wrong_organization', [...own, '--organization', 'never-seen']],
        ['missing_role', [...own, '--role', 'never-seen']],
      ])
      for (const [code, args] of wrong) assert.equal((await explain(token.raw, ...args)).code, code)
      // All at once: the first one counts, and every one is named.
      const { code, checks } = await explain(
        ...[token.raw, '--url', 'https://other.example.test', '--audience', `${aud}/`, '--at', String(exp), ...keys],
        ...['--scope', 'never:seen', '--organization', 'never-seen', '--role', 'never-seen'],
      )
      assert.equal(code, 'invalid_issuer')
      assert.deepEqual(failed(checks), ['iss', 'aud', 'exp', 'organization', 'scope', 'role'])
    })
  }
})

/** An example of every code: what is explained, with what, and what is said about it. */
const EXAMPLES = /** @type {Record<string, { input: () => string, args?: () => string[], hint: RegExp }>} */ ({
  missing_token: { input: () => '', hint: /Authorization: Bearer/ },
  ambiguous_token: {
    input: () => `GET / HTTP/1.1\nAuthorization: Bearer ${issuer.mint()}\nauthorization: Bearer ${issuer.mint()}`,
    hint: /Two tokens/,
  },
  opaque_token: { input: () => 'x'.repeat(43), hint: /no API resource was named/ },
  malformed_token: { input: () => issuer.mint().split('.').slice(0, 2).join('.'), hint: /Its end is missing/ },
  unsupported_algorithm: { input: () => issuer.mint({ header: { alg: 'HS256' } }), hint: /shared secret/ },
  invalid_token_type: { input: () => issuer.mint(ID_TOKEN), hint: /This is an ID token/ },
  unknown_key: { input: () => issuer.mint({ header: { kid: 'unknown' } }), hint: /rotated/ },
  invalid_signature: {
    input: () => withSignatureOf(issuer.mint(), issuer.mint()),
    hint: /changed after it was signed/,
  },
  invalid_claims: { input: () => issuer.mint({ claims: { client_id: null, sub: 5 } }), hint: /custom-claims script/ },
  invalid_issuer: {
    input: () => issuer.mint({ claims: { iss: 'https://t.logto.app/oidc' } }),
    hint: /two issuers with one key set/,
  },
  invalid_audience: { input: () => issuer.mint({ audience: `${AUDIENCE}/` }), hint: /by the slash at the end/ },
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
    hint: /of the organization theirs/,
  },
  missing_scope: {
    input: () => issuer.mint({ scope: 'a b' }),
    args: () => ['--scope', 'a c'],
    hint: /The token has: a b/,
  },
  missing_role: { input: () => issuer.mint(), args: () => ['--role', 'admin'], hint: /custom-claims script/ },
  jwks_unavailable: { input: () => issuer.mint(), args: () => ['--url', 'http://127.0.0.1:1'], hint: /doctor/ },
})

describe('an example of every error code', () => {
  test('is there', () => {
    const declared = readFileSync(join(__dirname, '../../../index.d.ts'), 'utf8').split(
      'export type AuthErrorCode =',
    )[1]
    const codes = declared.slice(0, declared.indexOf('\n\n')).match(/\w+(?=')/g)
    assert.deepEqual(Object.keys(EXAMPLES).sort(), codes?.sort())
  })

  for (const [wanted, { input, args = () => [], hint }] of Object.entries(EXAMPLES)) {
    test(`${wanted} is refused for that, with a hint`, async () => {
      const all = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, ...args()]
      const token = input()
      const { verdict, code, status, message, checks, hints } = await explain(token, ...all)
      assert.deepEqual([verdict, code], ['refused', wanted])
      assert.match(hints.join('\n'), hint)
      const first = checks.find((/** @type {any} */ row) => row.verdict === 'fail')
      assert.deepEqual([first.code, first.message], [wanted, message])
      assert.ok(status >= 400)

      const text = await cli(['explain', '-', ...all], { stdin: token })
      assert.equal(text.code, 1)
      assert.match(text.stdout, new RegExp(`^✗ Refused: ${wanted} \\(${status}\\)$`, 'm'))
      for (const part of token.split('.').slice(2)) assert.ok(!text.stdout.includes(part), 'the signature is shown')
    })
  }
})

describe('the mistakes that people make', () => {
  /** @type {[string, () => string, string[], RegExp][]} */
  const MISTAKES = [
    [
      'an organization token',
      () => issuer.mint({ audience: 'urn:logto:organization:o1' }),
      [],
      /That is an organization token.*"o1"/,
    ],
    ['an audience in other letters', () => issuer.mint({ audience: AUDIENCE.toUpperCase() }), [], /two APIs/],
    ['an ID token where any type is accepted', () => issuer.mint(ID_TOKEN), ['--any-type'], /ID token/],
    ['the word Bearer', () => `Bearer bearer ${issuer.mint()}`, [], /"Bearer"/],
    ['quotes', () => `"${issuer.mint()}"`, [], /quotes/],
    ['an encrypted token', () => 'a.b.c.d.e', [], /JWE/],
    [
      'an issuer with a slash',
      () => issuer.mint({ claims: { iss: `${issuer.issuer}/` } }),
      [],
      /differ in spelling only/,
    ],
    [
      'another server by its key',
      () => goodToken(makeKey('ES384')),
      [],
      /The token is of "https:\/\/auth\.example\.test\/oidc"/,
    ],
    ['a token that has just expired', () => issuer.mint({ expiresIn: -5 }), [], /compare the clocks/],
    ['no scopes', () => issuer.mint(), ['--scope', 'a'], /The token has no scopes/],
    ['no organization', () => issuer.mint(), ['--organization', 'o1'], /of no organization.*o1/s],
    [
      'an organization where there must be none',
      () => issuer.mint({ organizationId: 'o1' }),
      ['--no-organization'],
      /of none/,
    ],
    ['an organization that nobody checks', () => issuer.mint({ organizationId: 'o1' }), [], /check `organizationId`/],
    ['a scope that nobody checks', () => issuer.mint(), [], /no permission yet/],
  ]
  for (const [what, input, args, hint] of MISTAKES) {
    test(what, async () => {
      const { hints } = await explain(input(), '--url', issuer.logtoUrl, '--audience', AUDIENCE, ...args)
      assert.match(hints.join('\n'), hint)
    })
  }

  test('an audience that nobody checks', async () => {
    const { hints } = await explain(issuer.mint(), '--url', issuer.logtoUrl)
    assert.ok(hints.join('\n').includes(`an API accepts this token if its \`audience\` is "${AUDIENCE}"`))
  })
})

describe('a token without keys to check it with', () => {
  test('is not called good: nothing wrong is found, and the claims are not believed', async () => {
    const token = issuer.mint()
    const { code, stdout } = await cli(['explain', '-'], { stdin: token })
    assert.equal(code, 3)
    assert.match(stdout, /Claims \(NOT verified/)
    assert.match(stdout, /- the signature holds: not checked/)
    assert.match(stdout, /✓ exp has not passed, if the signature holds/)
    const { verdict, verified, checks } = await explain(token)
    assert.deepEqual([verdict, verified], ['unverified', false])
    for (const id of ['key', 'signature', 'iss', 'aud']) assert.equal(row(checks, id).verdict, 'not checked', id)
  })

  test('is refused for what can be seen', async () => {
    for (const [wanted, token] of Object.entries({
      token_expired: issuer.mint({ expiresIn: -1 }),
      invalid_issuer: issuer.mint({ claims: { iss: 5 } }),
      unsupported_algorithm: issuer.mint({ header: { alg: 'none' }, claims: { exp: 1 } }),
      invalid_token_type: issuer.mint(ID_TOKEN),
      malformed_token: issuer.mint({ header: { crit: [] } }),
    })) {
      const result = await explain(token)
      assert.deepEqual([result.verdict, result.code, result.verified], ['refused', wanted, false])
    }
  })

  test('fetches nothing', async () => {
    const before = issuer.jwksRequests
    await explain(issuer.mint())
    assert.equal(issuer.jwksRequests, before)
  })
})

test('the claims of a forged token are said to be unverified, and its checks hold under a condition', async () => {
  const token = withSignatureOf(issuer.mint({ sub: 'admin' }), issuer.mint())
  const { stdout } = await cli(['explain', '-', '--url', issuer.logtoUrl, '--audience', AUDIENCE], { stdin: token })
  assert.match(stdout, /Claims \(NOT verified/)
  assert.match(stdout, /✓ iss is the issuer, if the signature holds/)
  assert.match(stdout, /✗ the signature holds/)
})

test('every check that fails is named, in the order of the contract', async () => {
  const key = makeKey('ES256')
  const claims = goodClaims({
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
  const token = compact(key, headerOf(key, { alg: 'HS256', typ: 'JWT', crit: ['x'], b64: true }), claims)
  const args = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, '--role', 'r', '--scope', 's', '--organization', 'o']
  const { code, checks } = await explain(token, ...args)
  assert.equal(code, 'unsupported_algorithm')
  assert.deepEqual(failed(checks), ['alg', 'typ', 'extensions', 'iss', 'aud', 'exp', 'nbf', 'types', 'role'])
  for (const id of ['scope', 'organization', 'key', 'signature'])
    assert.equal(row(checks, id).verdict, 'not checked', id)
})

test('what cannot be read is not guessed: nothing behind it is checked', async () => {
  const key = makeKey('ES256')
  const twice = JSON.stringify(goodClaims()).replace('{', '{"sub":"a",')
  const args = ['--url', issuer.logtoUrl, '--audience', AUDIENCE]
  for (const [token, wanted] of /** @type {[string, string][]} */ ([
    ['a.b', 'parts'],
    ['a..b', 'parts'],
    [`${issuer.mint()}${'x'.repeat(16_384)}`, 'size'],
    [compact(key, '{"alg":"ES256","alg":"ES256"}', goodClaims()), 'header'],
    [compact(key, 'null', goodClaims()), 'header'],
    [compact(key, headerOf(key), twice), 'payload'],
    [compact(key, headerOf(key), 'null'), 'payload'],
    [compact(key, headerOf(key), '[]'), 'payload'],
  ])) {
    const { checks } = await explain(token, ...args)
    const last = checks.findLastIndex((/** @type {any} */ row) => row.verdict === 'fail')
    assert.equal(checks[last].id, wanted)
    for (const later of checks.slice(last + 1)) assert.equal(later.verdict, 'not checked', later.id)
  }
})

test('a token is taken from the headers of a request, as the library does', async () => {
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

test("an application's own options are used, and what is given comes on top", async () => {
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
})

test('isRevoked is asked about a token that has passed everything else only', async () => {
  const args = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, '--options', REVOKING()]
  const { code, checks } = await explain(issuer.mint({ expiresIn: -1 }), ...args)
  assert.deepEqual([code, row(checks, 'revocation').verdict], ['token_expired', 'not checked'])

  const counting = file('counting.cjs', 'module.exports = { isRevoked: () => void (globalThis.revocationsAsked += 1) }')
  const counter = /** @type {any} */ (globalThis)
  counter.revocationsAsked = 0
  const own = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, '--options', counting]
  await explain(withSignatureOf(issuer.mint(), issuer.mint()), ...own)
  assert.equal(counter.revocationsAsked, 0)
  await explain(issuer.mint(), ...own)
  assert.equal(counter.revocationsAsked, 1)
})

test('a claim does nothing to the terminal', async () => {
  const evil = '\x1b[2J\x1b]0;title\x07\u202e\n✓ Accepted'
  const token = issuer.mint({ sub: evil, audience: evil, header: { kid: evil }, claims: { [evil]: evil, iss: evil } })
  for (const args of [[], ['--json']]) {
    const own = ['--url', issuer.logtoUrl, '--audience', AUDIENCE, '--role', evil]
    const { stdout } = await cli(['explain', '-', ...own, ...args], { stdin: token })
    assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
    assert.doesNotMatch(stdout, /^✓ Accepted/m)
  }
})

test('a token that is typed is asked for', async () => {
  const { code, stderr } = await cli(['explain', '-'], { stdin: issuer.mint(), isTTY: true })
  assert.deepEqual([code, stderr], [3, 'Paste the token, or the headers of a request, and end with Ctrl-D:\n'])
})

test('colours are used on a terminal', async () => {
  const { stdout } = await cli(['explain', issuer.mint()], { isTTY: true })
  assert.ok(stdout.includes('\x1b[32m✓'))
})

const ID_TOKEN = {
  audience: 'my-app',
  header: { typ: undefined },
  claims: { jti: undefined, scope: undefined, client_id: undefined },
}

const REVOKING = () => file('revoking.cjs', 'module.exports = { isRevoked: () => true }')

/**
 * @param {string} input
 * @param {string[]} args
 */
async function explain(input, ...args) {
  const { stdout, stderr } = await cli(['explain', '-', '--json', ...args], { stdin: input })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

/**
 * @param {string} name
 * @param {string} text
 */
function file(name, text) {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** @param {string} keySet */
const nameOf = (keySet) => `${keySet.replaceAll('/', '-')}.json`

/** @type {(checks: any[]) => string[]} */
const failed = (checks) => checks.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id)

/** @type {(checks: any[], id: string) => any} */
const row = (checks, id) => checks.find((check) => check.id === id)

/** @type {(token: string, other: string) => string} */
const withSignatureOf = (token, other) =>
  `${token.slice(0, token.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`
