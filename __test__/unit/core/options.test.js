const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { describe, test } = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const { inspect, promisify } = require('node:util')
const v8 = require('node:v8')
const vm = require('node:vm')
const { buildGuestCookieHeader, createVerifier, invalidateJwksCache, verifyAuth } = require('logto-authkit')
const native = require('../../../js/native/binding')
const {
  AUDIENCE,
  ISSUER,
  LOGTO_URL,
  bearer,
  goodToken,
  makeKey,
  pollute,
  refusal,
  startIssuer,
  startServer,
  verdict,
} = require('../../support/helpers')

const key = makeKey('EdDSA')
const jwks = { keys: [key.jwk] }

/** @type {(change?: object) => any} */
const own = (change) => ({ logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks, ...change })

const NOT_NUMBERS = [
  ['5', '"5"'],
  ['', 'an empty string'],
  [null, 'null'],
  [true, 'true'],
  [5n, 'a BigInt'],
  [[5], '[5]'],
  [{}, 'an object'],
  [() => 5, 'a function'],
  [new Date(5), 'a Date'],
  [Symbol('5'), 'a symbol'],
]
const NOT_FINITE = [
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, 'Infinity'],
  [Number.NEGATIVE_INFINITY, '-Infinity'],
]
const BAD_NUMBERS = [...NOT_NUMBERS, ...NOT_FINITE, [-1, '-1'], [-0.001, '-0.001']]
const NOT_TEXTS = [
  [5, '5'],
  [null, 'null'],
  [false, 'false'],
  ['', 'an empty string'],
  [[], 'an empty array'],
  [[''], '[an empty string]'],
  [['a', 5], '["a", 5]'],
  [['a', null], '["a", null]'],
  [[['a']], '[["a"]]'],
  [{ 0: 'a', length: 1 }, 'an object'],
  [new Set(['a']), 'an object'],
  [/a/, 'an object'],
  [() => 'a', 'a function'],
  [Object('a'), 'an object'],
]
const BAD_FLAGS = [
  ['true', '"true"'],
  ['false', '"false"'],
  [1, '1'],
  [0, '0'],
  [null, 'null'],
  [{}, 'an object'],
]
const NO_ADDRESS = 'an absolute http or https address'
const BAD_ADDRESSES = [
  ['', 'an empty string'],
  ['auth.example.test', '"auth.example.test"'],
  ['//auth.example.test', '"//auth.example.test"'],
  ['/oidc', '"/oidc"'],
  ['https://', '"https://"'],
  ['https:// x', '"https:// x"'],
  ['ftp://auth.example.test', '"ftp://auth.example.test"'],
  ['file:///etc/passwd', '"file:///etc/passwd"'],
  ['javascript:alert(1)', '"javascript:alert(1)"'],
  ['data:application/json,{}', '"data:application/json,{}"'],
  ['https://auth.example.test:99999', '"https://auth.example.test:99999"'],
  [5, '5'],
  [null, 'null'],
  [new URL(LOGTO_URL), 'an object'],
  [[LOGTO_URL], `["${LOGTO_URL}"]`],
]
const MORE_THAN_ADDRESSES = [
  ['https://user:secret@auth.example.test', 'an address without user name and password'],
  ['https://user@auth.example.test', 'an address without user name and password'],
  ['https://auth.example.test?x=1', 'an address without query and fragment'],
  ['https://auth.example.test/#x', 'an address without query and fragment'],
]
const KEY_SET = 'a JSON Web Key Set with at least one usable key'
const SCOPES = 'a scope, several separated by spaces, or an array of scopes'
const MILLISECONDS = 'a finite number of milliseconds, not negative'
const ALGORITHMS = 'a non-empty array of ES384, RS256, ES256, EdDSA, RS384, RS512, PS256, PS384, PS512'
const AUDIENCES = "the API's resource indicator, a non-empty array of such, or null to accept every audience"

/**
 * The table of options: what is wanted of each, and values that are something else, with the words for them.
 *
 * @type {[option: string, wanted: string, given: any[][]][]}
 */
const TABLE = [
  ['logtoUrl', NO_ADDRESS, [...BAD_ADDRESSES, [undefined, 'undefined']]],
  ['jwksUri', NO_ADDRESS, BAD_ADDRESSES],
  ['resourceMetadata', NO_ADDRESS, BAD_ADDRESSES],
  ['audience', AUDIENCES, [...NOT_TEXTS.filter(([given]) => given !== null), [undefined, 'undefined']]],
  ['issuer', 'a non-empty string or array of such', NOT_TEXTS],
  [
    'jwks',
    KEY_SET,
    [
      [null, 'null'],
      ['{"keys":[]}', '"{\\"keys\\":[]}"'],
      [5, '5'],
      [[key.jwk], '[an object]'],
      [{}, 'an object'],
      [{ keys: [] }, 'an object'],
      [{ keys: {} }, 'an object'],
      [{ keys: [null, {}, { kty: 'oct', k: 'AAAA' }] }, 'an object'],
      [key.jwk, 'an object'],
      [async () => jwks, 'a function'],
      [Promise.resolve(jwks), 'an object'],
    ],
  ],
  [
    'cookieName',
    'a cookie name',
    [
      ['', 'an empty string'],
      ['a b', '"a b"'],
      ['a;b', '"a;b"'],
      ['a=b', '"a=b"'],
      ['a\r\nb', '"a\\r\\nb"'],
      ['ä', '"ä"'],
      [null, 'null'],
      [5, '5'],
      [['a'], '["a"]'],
    ],
  ],
  [
    'tokenSources',
    "an array of 'cookie' and 'header'",
    [
      [[], 'an empty array'],
      ['cookie', '"cookie"'],
      [['query'], '["query"]'],
      [['Cookie'], '["Cookie"]'],
      [['cookie', 'cookie'], '["cookie", "cookie"]'],
      [['cookie', null], '["cookie", null]'],
      [null, 'null'],
      [new Set(['cookie']), 'an object'],
    ],
  ],
  ...['getToken', 'isRevoked'].map(
    (option) =>
      /** @type {[string, string, any[][]]} */ ([
        option,
        'a function',
        [
          ['token', '"token"'],
          [null, 'null'],
          [true, 'true'],
          [{}, 'an object'],
        ],
      ]),
  ),
  [
    'requiredScope',
    SCOPES,
    [...NOT_TEXTS, ['   ', '"   "'], [['a b'], '["a b"]'], ['a"b', '"a\\"b"'], ['a\tb', '"a\\tb"'], ['ä', '"ä"']],
  ],
  [
    'scopeMode',
    "'all' or 'any'",
    [
      ['ALL', '"ALL"'],
      ['', 'an empty string'],
      ['some', '"some"'],
      [null, 'null'],
      [true, 'true'],
      [['all'], '["all"]'],
    ],
  ],
  ['requiredRole', 'a role or a non-empty array of roles', NOT_TEXTS],
  ['roleClaims', 'a claim name or a non-empty array of such', NOT_TEXTS],
  [
    'organizationId',
    'an organization id, or null for none',
    [
      ['', 'an empty string'],
      [5, '5'],
      [['a'], '["a"]'],
      [false, 'false'],
      [() => 'a', 'a function'],
    ],
  ],
  ['allowGuest', 'a boolean', BAD_FLAGS],
  ['skipJwksCache', 'a boolean', BAD_FLAGS],
  [
    'guestCookie',
    'cookie attributes, or false for no cookie',
    [
      [true, 'true'],
      [null, 'null'],
      ['name', '"name"'],
      [5, '5'],
      [['name'], '["name"]'],
    ],
  ],
  [
    'tokenType',
    "a media type such as 'at+jwt', or null for any",
    [
      ['', 'an empty string'],
      [5, '5'],
      [false, 'false'],
      [['at+jwt'], '["at+jwt"]'],
    ],
  ],
  [
    'algorithms',
    ALGORITHMS,
    [
      [[], 'an empty array'],
      ['ES384', '"ES384"'],
      [['HS256'], '["HS256"]'],
      [['ES384', 'none'], '["ES384", "none"]'],
      [['es384'], '["es384"]'],
      [['ES384', null], '["ES384", null]'],
      [null, 'null'],
      [['ES384', 'HS256', 'HS384', 'HS512', 'none'], '["ES384", "HS256", "HS384", "HS512"]'],
    ],
  ],
  ['clockTolerance', 'a finite number of seconds, not negative', BAD_NUMBERS.filter(([given]) => given !== undefined)],
  [
    'currentDate',
    'a valid Date',
    [
      [new Date(Number.NaN), 'an invalid Date'],
      [Date.now, 'a function'],
      [0, '0'],
      ['2026-01-01', '"2026-01-01"'],
      [null, 'null'],
      [{}, 'an object'],
    ],
  ],
  ['jwksCacheTtlMs', MILLISECONDS, BAD_NUMBERS],
  ['jwksTimeoutMs', 'a finite number of milliseconds above 0', [...BAD_NUMBERS, [0, '0']]],
  ['jwksCooldownMs', MILLISECONDS, BAD_NUMBERS],
  ['jwksMaxStaleMs', MILLISECONDS, BAD_NUMBERS],
  ['tokenCacheSize', 'a whole number from 0 to 10,000,000', [...BAD_NUMBERS, [1.5, '1.5'], [10_000_001, '10000001']]],
]

/** @type {[option: string, wanted: string, given: any, described: string][]} */
const WRONG = [
  ...TABLE.flatMap(([option, wanted, givens]) =>
    givens.map(
      ([given, described]) => /** @type {[string, string, any, string]} */ ([option, wanted, given, described]),
    ),
  ),
  ...['logtoUrl', 'jwksUri', 'resourceMetadata'].flatMap((option) =>
    MORE_THAN_ADDRESSES.map(
      ([given, wanted]) =>
        /** @type {[string, string, any, string]} */ ([option, wanted, given, JSON.stringify(given)]),
    ),
  ),
]

for (const [option, wanted, given, described] of WRONG) {
  test(`${option}: ${inspect(given, { depth: 1, breakLength: Infinity })} is refused as ${described}`, async () => {
    const options = { ...own(), [option]: given }
    const error = {
      name: 'TypeError',
      code: 'invalid_options',
      message: `Invalid option "${option}": expected ${wanted}, got ${described}`,
    }
    assert.throws(() => createVerifier(options), error)
    await assert.rejects(verifyAuth('token', options), error)
    await assert.rejects(
      verifyAuth({ headers: {} }, { ...options, ...(option !== 'allowGuest' && { allowGuest: true }) }),
      error,
    )
  })
}

describe('what is given is described in one line, however long', () => {
  test('a long string is cut', () => {
    assert.throws(() => createVerifier(own({ logtoUrl: 'x'.repeat(1000) })), {
      message: `Invalid option "logtoUrl": expected ${NO_ADDRESS}, got "${'x'.repeat(60)}…"`,
    })
  })

  test('control characters are escaped', () => {
    for (const given of ['a\nb', 'a\x1b[31m', 'a\u2028b', 'a\u202eb']) {
      assert.throws(
        () => createVerifier(own({ audience: [given, 5] })),
        (/** @type {any} */ error) => /^[\x20-\x7e]*$/.test(error.message),
      )
    }
  })

  test('a thing that has itself in it is no endless loop', () => {
    /** @type {any} */
    const loop = { keys: [] }
    loop.keys.push(loop)
    assert.throws(() => createVerifier(own({ jwks: loop })), { code: 'invalid_options' })
  })

  test('a request passed by mistake is refused by its first member', () => {
    assert.throws(() => createVerifier(/** @type {any} */ ({ headers: {}, method: 'GET' })), {
      message: `Invalid option "logtoUrl": expected ${NO_ADDRESS}, got undefined`,
    })
  })
})

describe('options as a whole', () => {
  for (const [given, described] of /** @type {[any, string][]} */ ([
    [undefined, 'undefined'],
    [null, 'null'],
    ['https://auth.example.test', '"https://auth.example.test"'],
    [5, '5'],
    [[], 'an empty array'],
    [() => {}, 'a function'],
  ])) {
    test(`${inspect(given)} is refused as ${described}`, async () => {
      const error = {
        name: 'TypeError',
        code: 'invalid_options',
        message: `Invalid options: expected an object, got ${described}`,
      }
      assert.throws(() => createVerifier(given), error)
      await assert.rejects(verifyAuth('token', given), error)
    })
  }

  test('the first wrong one is named, and a wrong token does not hide it', async () => {
    await assert.rejects(verifyAuth('', own({ clockTolerance: -1 })), { code: 'invalid_options' })
    await assert.rejects(verifyAuth(/** @type {any} */ (undefined), own({ clockTolerance: -1 })), {
      code: 'invalid_options',
    })
  })

  test('a frozen object, an instance of a class with nothing but fields, and one without prototype are options', async () => {
    class Options {
      logtoUrl = LOGTO_URL
      audience = AUDIENCE
      jwks = jwks
    }
    for (const options of [Object.freeze(own()), new Options(), Object.assign(Object.create(null), own())]) {
      assert.equal(await verdict(verifyAuth(goodToken(key), options)), 'accepted')
      assert.equal(await verdict(createVerifier(options).verify(goodToken(key))), 'accepted')
    }
  })

  test('what an object inherits is refused by name, and not left out without a word', async () => {
    class Options {
      logtoUrl = LOGTO_URL
      audience = AUDIENCE
      jwks = jwks
      get requiredScope() {
        return 'admin'
      }
    }
    const bare = Object.assign(Object.create(null), { requiredScope: 'admin' })
    const heirs = [{ requiredScope: 'admin' }, bare].map((from) => Object.assign(Object.create(from), own()))
    for (const options of [new Options(), ...heirs]) {
      const refused = { name: 'TypeError', code: 'invalid_options', message: /"requiredScope"/ }
      assert.throws(() => createVerifier(options), refused)
      await assert.rejects(verifyAuth(goodToken(key), options), refused)
    }
  })

  test('undefined is the same as left out, for every option but the required ones', async () => {
    const options = own()
    for (const [option] of TABLE) if (!(option in options)) options[option] = undefined
    assert.equal(await verdict(verifyAuth(goodToken(key), options)), 'accepted')
  })

  test('what stands under a symbol or is not enumerable is nobody’s option', async () => {
    const options = Object.defineProperty(own({ [Symbol('a')]: 1 }), 'requiredScope', { value: 'a', enumerable: false })
    assert.equal(await verdict(verifyAuth(goodToken(key), options)), 'accepted')
  })
})

describe('an unknown option', () => {
  test('is refused by its name, with the names of all there are', () => {
    const known = TABLE.map(([option]) => option).sort()
    assert.throws(() => createVerifier(own({ audiance: 'x' })), {
      name: 'TypeError',
      code: 'invalid_options',
      message: `Unknown option "audiance": known options are ${known.join(', ')}`,
    })
  })

  test('that differs in letter case is asked about', () => {
    assert.throws(() => createVerifier(own({ requiredscope: 'x' })), {
      message: 'Unknown option "requiredscope": did you mean "requiredScope"?',
    })
    assert.throws(() => createVerifier(own({ guestCookie: { maxage: 5 } })), {
      message: 'Unknown option "guestCookie.maxage": did you mean "guestCookie.maxAge"?',
    })
  })

  test('is refused also by verifyAuth, and with guests', async () => {
    const error = { name: 'TypeError', code: 'invalid_options', message: /Unknown option "requiredScopes"/ }
    for (const requiredScopes of ['a', null]) {
      await assert.rejects(verifyAuth({ headers: {} }, own({ requiredScopes, allowGuest: true })), error)
    }
  })

  for (const name of ['toString', 'constructor', 'hasOwnProperty', '', 'x'.repeat(1000), 'a\nb', '0']) {
    test(`may be called ${inspect(name, { maxStringLength: 20 })}`, () => {
      assert.throws(
        () => createVerifier(own({ [name]: 1 })),
        (/** @type {any} */ error) => {
          return error.code === 'invalid_options' && error.message.length < 1000 && !error.message.includes('\n')
        },
      )
    })
  }

  test('__proto__ in parsed JSON is refused too', () => {
    const options = { ...JSON.parse('{"__proto__":{"audience":null}}') }
    const parsed = JSON.parse(`{"logtoUrl":"${LOGTO_URL}","audience":"${AUDIENCE}","__proto__":{"requiredScope":"a"}}`)
    assert.throws(() => createVerifier(parsed), { code: 'invalid_options' })
    assert.throws(() => createVerifier(options), { code: 'invalid_options' })
  })
})

describe('logtoUrl is normalised as Logto does it', () => {
  for (const [logtoUrl, issuer] of [
    ['https://auth.example.test', 'https://auth.example.test/oidc'],
    ['https://auth.example.test/', 'https://auth.example.test/oidc'],
    ['https://auth.example.test///', 'https://auth.example.test/oidc'],
    ['https://Auth.Example.TEST:443/', 'https://auth.example.test/oidc'],
    ['HTTPS://AUTH.EXAMPLE.TEST', 'https://auth.example.test/oidc'],
    ['http://localhost:80', 'http://localhost/oidc'],
    ['https://auth.example.test:80', 'https://auth.example.test:80/oidc'],
    ['https://auth.example.test:8443', 'https://auth.example.test:8443/oidc'],
    ['https://x.test/logto/', 'https://x.test/logto/oidc'],
    ['https://x.test/Logto/Sub', 'https://x.test/Logto/Sub/oidc'],
    ['https://x.test/oidc', 'https://x.test/oidc'],
    ['https://x.test/oidc/', 'https://x.test/oidc'],
    ['https://x.test/logto/oidc', 'https://x.test/logto/oidc'],
    ['https://x.test/oidc/oidc', 'https://x.test/oidc/oidc'],
    ['https://x.test/oidc/oidc//', 'https://x.test/oidc/oidc'],
    ['https://x.test/myoidc', 'https://x.test/myoidc/oidc'],
    ['https://x.test/OIDC', 'https://x.test/OIDC/oidc'],
    ['  https://x.test  ', 'https://x.test/oidc'],
    ['https://bücher.example.test', 'https://xn--bcher-kva.example.test/oidc'],
    ['https://[::1]:3001', 'https://[::1]:3001/oidc'],
  ]) {
    test(`${logtoUrl} has the issuer ${issuer}`, async () => {
      assert.equal(await verdict(verifyAuth(goodToken(key, { iss: issuer }), own({ logtoUrl }))), 'accepted')
      const error = await refusal(verifyAuth(goodToken(key, { iss: `${issuer}x` }), own({ logtoUrl })))
      assert.deepEqual(error.details.expected, [issuer])
    })
  }

  for (const [suffix, requested] of [
    ['', '/oidc/jwks'],
    ['/', '/oidc/jwks'],
    ['///', '/oidc/jwks'],
    ['/oidc', '/oidc/jwks'],
    ['/oidc/', '/oidc/jwks'],
    ['/logto/', '/logto/oidc/jwks'],
    ['/Logto/oidc', '/Logto/oidc/jwks'],
    ['/oidc/oidc', '/oidc/oidc/jwks'],
    ['/OIDC', '/OIDC/oidc/jwks'],
  ]) {
    test(`at the address and ${inspect(suffix)}, ${requested} is asked`, async (t) => {
      const { server, asked } = await startKeyServer(t)
      const logtoUrl = server.url.replace('http', 'HTTP') + suffix
      const iss = server.url + requested.replace('/jwks', '')
      assert.equal(await verdict(verifyAuth(goodToken(key, { iss }), own({ logtoUrl, jwks: undefined }))), 'accepted')
      assert.deepEqual(asked, [`GET ${requested}`])
    })
  }

  test('jwksUri is asked as it stands, and says nothing about the issuer', async (t) => {
    const { server, asked } = await startKeyServer(t)
    for (const path of ['/keys', '/oidc/jwks/', '//keys', '/Keys.json']) {
      const options = own({ jwks: undefined, jwksUri: server.url + path })
      assert.equal(await verdict(verifyAuth(goodToken(key), options)), 'accepted')
    }
    assert.deepEqual(asked, ['GET /keys', 'GET /oidc/jwks/', 'GET //keys', 'GET /Keys.json'])
  })

  test('with jwks, no address is asked', async (t) => {
    const { server, asked } = await startKeyServer(t)
    const options = own({ logtoUrl: server.url, jwksUri: `${server.url}/jwks`, issuer: ISSUER })
    const verifier = createVerifier(options)
    assert.equal(await verdict(verifier.verify(goodToken(key))), 'accepted')
    assert.equal(await verdict(verifier.verify(goodToken(key, {}, { kid: 'other' }))), 'unknown_key')
    await verifier.prefetch()
    assert.deepEqual([server.connections(), asked, verifier.stats().jwks.fetches], [0, [], 0])
  })

  test('invalidateJwksCache takes the same spellings, and the address of the key set', async (t) => {
    const { server, asked } = await startKeyServer(t)
    const options = own({ logtoUrl: server.url, jwks: undefined, issuer: ISSUER })
    const other = own({ jwks: undefined, jwksUri: `${server.url}/keys` })
    await verifyAuth(goodToken(key), options)
    await verifyAuth(goodToken(key), other)
    const spellings = [server.url, `${server.url}//`, `${server.url}/oidc`, `${server.url}/oidc/jwks`]
    for (const [index, spelling] of spellings.entries()) {
      invalidateJwksCache(spelling)
      await verifyAuth(goodToken(key), options)
      assert.equal(asked.length, index + 3, spelling)
    }
    invalidateJwksCache(`${server.url}/keys`)
    await verifyAuth(goodToken(key), other)
    assert.equal(asked.filter((line) => line === 'GET /keys').length, 2)
  })

  test('invalidateJwksCache refuses what is no address', () => {
    for (const [given, described] of /** @type {[any, string][]} */ (BAD_ADDRESSES)) {
      const message = `Invalid option "logtoUrl": expected ${NO_ADDRESS}, got ${described}`
      assert.throws(() => invalidateJwksCache(given), { name: 'TypeError', code: 'invalid_options', message })
    }
  })

  /** @type {(t: import('node:test').TestContext) => Promise<{ server: { url: string, connections: () => number }, asked: string[] }>} */
  async function startKeyServer(t) {
    /** @type {string[]} */
    const asked = []
    const server = await startServer(t, (request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.end(JSON.stringify(jwks))
    })
    return { server, asked }
  }
})

describe('plain http beyond loopback is warned of, once a process', () => {
  for (const [logtoUrl, others, warnings] of /** @type {[string, string, number][]} */ ([
    ['http://auth.example.test', '{}', 1],
    ['http://192.168.0.1:3001', '{}', 1],
    ['https://auth.example.test', '{ jwksUri: "http://logto.internal/oidc/jwks" }', 1],
    ['http://auth.example.test', '{ jwksUri: "https://logto.internal/oidc/jwks" }', 0],
    ['http://localhost:3001', '{}', 0],
    ['http://127.0.0.1:3001', '{}', 0],
    ['http://[::1]:3001', '{}', 0],
    ['http://127.9.9.9', '{}', 0],
    ['http://localhost.attacker.test', '{}', 1],
    ['http://127.0.0.1.attacker.test', '{}', 1],
    ['https://auth.example.test', '{}', 0],
    ['http://auth.example.test', `{ jwks: ${JSON.stringify(jwks)} }`, 0],
  ])) {
    test(`${logtoUrl} with ${others.slice(0, 60)}: ${warnings}`, async () => {
      const script = `
        const { createVerifier } = require('logto-authkit')
        process.on('warning', ({ name, code, message }) => console.log(name, code, message))
        for (const audience of ['a', 'b', 'c']) createVerifier({ logtoUrl: '${logtoUrl}', audience, ...${others} })`
      const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', '-e', script], {
        cwd: __dirname,
      })
      assert.equal(stdout.split('\n').length - 1, warnings, stdout)
      if (warnings > 0)
        assert.match(stdout, /^SecurityWarning LOGTO_AUTHKIT_PLAIN_HTTP Keys are fetched from http:\/\/[^/]+ over/)
    })
  }
})

describe('options that decide what is accepted', () => {
  for (const [name, options, claims, wanted] of /** @type {[string, object, object, string][]} */ ([
    ['audience null, written out, is no check', { audience: null }, { aud: 'anything' }, 'accepted'],
    ['audience null does not even want one', { audience: null }, { aud: undefined }, 'accepted'],
    ['one of several audiences will do', { audience: ['a', AUDIENCE] }, {}, 'accepted'],
    ['none of several audiences', { audience: ['a', 'b'] }, {}, 'invalid_audience'],
    ['one of several issuers will do', { issuer: ['https://a.test/oidc', ISSUER] }, {}, 'accepted'],
    ['an issuer replaces the one of logtoUrl', { issuer: 'https://a.test/oidc' }, {}, 'invalid_issuer'],
    ['an issuer is not normalised', { issuer: `${ISSUER}/` }, { iss: `${ISSUER}/` }, 'accepted'],
    ['all scopes are wanted', { requiredScope: 'a b' }, { scope: 'a' }, 'missing_scope'],
    ['all scopes of a list are wanted', { requiredScope: ['a', 'b'] }, { scope: 'b a' }, 'accepted'],
    ['any scope, where one will do', { requiredScope: 'a b', scopeMode: 'any' }, { scope: 'b c' }, 'accepted'],
    ['no scope, where one would do', { requiredScope: 'a b', scopeMode: 'any' }, { scope: 'c' }, 'missing_scope'],
    ['scopes named twice', { requiredScope: 'a a', scopeMode: 'any' }, { scope: 'a' }, 'accepted'],
    ['a mode without scopes', { scopeMode: 'any' }, { scope: '' }, 'accepted'],
    ['all roles are wanted', { requiredRole: ['a', 'b'] }, { roles: ['a'] }, 'missing_role'],
    ['roles from several claims', { requiredRole: ['a', 'b'] }, { roles: ['a'], role: 'b' }, 'accepted'],
    ['roles from another claim', { requiredRole: 'a', roleClaims: 'groups' }, { groups: ['a'] }, 'accepted'],
    ['roles from other claims alone', { requiredRole: 'a', roleClaims: ['groups'] }, { roles: ['a'] }, 'missing_role'],
    ['the end of exp', { currentDate: new Date(2e12) }, { exp: 2e9 }, 'token_expired'],
    ['just before exp', { currentDate: new Date(2e12 - 1) }, { exp: 2e9 }, 'accepted'],
    [
      'within the tolerance after exp',
      { currentDate: new Date(2e12 + 59_999), clockTolerance: 60 },
      { exp: 2e9 },
      'accepted',
    ],
    [
      'the end of the tolerance',
      { currentDate: new Date(2e12 + 60_000), clockTolerance: 60 },
      { exp: 2e9 },
      'token_expired',
    ],
    ['a fraction of a second', { currentDate: new Date(2e12 + 400), clockTolerance: 0.5 }, { exp: 2e9 }, 'accepted'],
    ['the beginning of nbf', { currentDate: new Date(2e12) }, { nbf: 2e9, exp: 3e9 }, 'accepted'],
    ['just before nbf', { currentDate: new Date(2e12 - 1) }, { nbf: 2e9, exp: 3e9 }, 'token_not_active'],
    [
      'within the tolerance before nbf',
      { currentDate: new Date(2e12 - 60_000), clockTolerance: 60 },
      { nbf: 2e9, exp: 3e9 },
      'accepted',
    ],
    [
      'before the tolerance before nbf',
      { currentDate: new Date(2e12 - 60_001), clockTolerance: 60 },
      { nbf: 2e9, exp: 3e9 },
      'token_not_active',
    ],
  ])) {
    test(`${name}: ${wanted}`, async () => {
      assert.equal(await verdict(verifyAuth(goodToken(key, claims), own(options))), wanted)
    })
  }

  for (const [tokenType, typ, wanted] of /** @type {[any, any, string][]} */ ([
    [undefined, 'at+jwt', 'accepted'],
    [undefined, 'JWT', 'invalid_token_type'],
    ['JWT', 'jwt', 'accepted'],
    ['application/jwt', 'JWT', 'accepted'],
    ['JWT', 'at+jwt', 'invalid_token_type'],
    ['JWT', undefined, 'invalid_token_type'],
    [null, 'anything', 'accepted'],
    [null, undefined, 'accepted'],
  ])) {
    test(`tokenType ${tokenType} and typ ${typ}: ${wanted}`, async () => {
      assert.equal(await verdict(verifyAuth(goodToken(key, {}, { typ }), own({ tokenType }))), wanted)
    })
  }

  test('algorithms: what is not named is not accepted', async () => {
    for (const [algorithms, wanted] of /** @type {[any, string][]} */ ([
      [['EdDSA'], 'accepted'],
      [['ES384', 'EdDSA'], 'accepted'],
      [['ES384', 'PS512'], 'unsupported_algorithm'],
    ])) {
      assert.equal(await verdict(verifyAuth(goodToken(key), own({ algorithms }))), wanted)
    }
  })

  for (const alg of /** @type {const} */ ([
    'ES384',
    'RS256',
    'ES256',
    'EdDSA',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
  ])) {
    const byDefault = ['ES384', 'RS256', 'ES256', 'EdDSA'].includes(alg)
    test(`${alg} is accepted ${byDefault ? 'by default' : 'when it is named'}`, async (t) => {
      const issuer = await startIssuer(t, { alg })
      const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
      const wanted = byDefault ? 'accepted' : 'unsupported_algorithm'
      assert.equal(await verdict(verifyAuth(issuer.mint(), options)), wanted)
      assert.equal(await verdict(verifyAuth(issuer.mint(), { ...options, algorithms: [alg] })), 'accepted')
    })
  }
})

describe('guestCookie', () => {
  for (const [given, message] of /** @type {[any, string][]} */ ([
    [{ name: '' }, 'Invalid option "guestCookie.name": expected a cookie name, got an empty string'],
    [{ name: 'a;b' }, 'Invalid option "guestCookie.name": expected a cookie name, got "a;b"'],
    [{ maxAge: -1 }, 'Invalid option "guestCookie.maxAge": expected a finite number of seconds, not negative, got -1'],
    [
      { maxAge: Number.NaN },
      'Invalid option "guestCookie.maxAge": expected a finite number of seconds, not negative, got NaN',
    ],
    [{ path: 5 }, 'Invalid option "guestCookie.path": expected a path, got 5'],
    [{ domain: '' }, 'Invalid option "guestCookie.domain": expected a domain, got an empty string'],
    [{ sameSite: 'lazy' }, `Invalid option "guestCookie.sameSite": expected 'strict', 'lax' or 'none', got "lazy"`],
    [{ sameSite: true }, `Invalid option "guestCookie.sameSite": expected 'strict', 'lax' or 'none', got true`],
    [{ secure: 'yes' }, 'Invalid option "guestCookie.secure": expected a boolean, got "yes"'],
    [{ httpOnly: null }, 'Invalid option "guestCookie.httpOnly": expected a boolean, got null'],
    [
      { expires: 5 },
      'Unknown option "guestCookie.expires": known options are domain, httpOnly, maxAge, name, path, sameSite, secure',
    ],
  ])) {
    test(`${inspect(given)} is refused`, async () => {
      const error = { name: 'TypeError', code: 'invalid_options', message }
      assert.throws(() => createVerifier(own({ guestCookie: given })), error)
      await assert.rejects(verifyAuth({ headers: {} }, own({ guestCookie: given, allowGuest: true })), error)
      assert.throws(() => buildGuestCookieHeader('a', given), error)
    })
  }

  for (const [given, option, described] of /** @type {[any, string, string][]} */ ([
    [{ path: 'x' }, 'guestCookie.path', '"x"'],
    [{ path: '/;Domain=x' }, 'guestCookie.path', '"/;Domain=x"'],
    [{ domain: 'a;b' }, 'guestCookie.domain', '"a;b"'],
    [{ sameSite: 'none', secure: false }, 'guestCookie', 'secure'],
    [{ name: '__Host-g', domain: 'x.test' }, 'guestCookie', '__Host-'],
    [{ name: '__Secure-g', secure: false }, 'guestCookie', '__Secure-'],
  ])) {
    test(`${inspect(given)} is refused by the name of the option, with what was given`, () => {
      assert.throws(
        () => createVerifier(own({ guestCookie: given })),
        (/** @type {any} */ error) =>
          error.code === 'invalid_options' && error.message.includes(option) && error.message.includes(described),
      )
    })
  }

  test('false and every attribute are accepted', () => {
    createVerifier(own({ guestCookie: false }))
    const all = { name: 'g', maxAge: 0, path: '/a', domain: 'x.test', sameSite: 'None', secure: true, httpOnly: false }
    createVerifier(own({ guestCookie: all }))
  })
})

describe('a polluted Object.prototype changes nothing', () => {
  /** @type {[name: string, value: unknown][]} */
  const POLLUTION = [
    ['audience', null],
    ['logtoUrl', 'https://attacker.test'],
    ['issuer', 'https://attacker.test/oidc'],
    ['jwksUri', 'https://attacker.test/oidc/jwks'],
    ['jwks', { keys: [makeKey('EdDSA').jwk] }],
    ['resourceMetadata', 'https://attacker.test'],
    ['cookieName', 'other'],
    ['tokenSources', ['header']],
    ['getToken', () => goodToken(key, { sub: 'attacker' })],
    ['getToken', 'not a function'],
    ['isRevoked', () => true],
    ['isRevoked', 'not a function'],
    ['requiredScope', 'a'],
    ['scopeMode', 'any'],
    ['requiredRole', 'a'],
    ['roleClaims', 'sub'],
    ['organizationId', null],
    ['allowGuest', true],
    ['guestCookie', { name: 'other' }],
    ['tokenType', null],
    ['algorithms', ['PS512']],
    ['clockTolerance', 1e15],
    ['currentDate', new Date(0)],
    ['tokenCacheSize', 0],
    ['noSuchOption', 1],
    // Members of what the core answers.
    ['option', 'polluted'],
    ['guestId', 'polluted'],
    ['challenge', 'polluted'],
    ['retryAfter', 5],
    ['cause', 'polluted'],
    ['details', '{"polluted":true}'],
    ['message', 'polluted'],
    ['0', 'polluted'],
  ]

  let unseen = 0

  for (const [name, value] of POLLUTION) {
    test(`by ${name}: ${inspect(value, { depth: 0 })}`, async (t) => {
      const good = goodToken(key, { sub: 'alice' })
      const expected = await seen(good)
      pollute(t, name, value)
      assert.deepEqual(await seen(good), expected)
    })
  }

  test('by options of cookies', (t) => {
    pollute(t, 'domain', 'attacker.test')
    pollute(t, 'httpOnly', false)
    assert.equal(
      buildGuestCookieHeader('a'),
      'guest_logto_authtoken=a; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax',
    )
    assert.equal(
      buildGuestCookieHeader('a', {}),
      'guest_logto_authtoken=a; Path=/; Max-Age=604800; HttpOnly; Secure; SameSite=Lax',
    )
  })

  /** @type {(good: string) => Promise<unknown>} */
  async function seen(good) {
    const expired = goodToken(key, { exp: 1, nbf: 1, iat: 1, jti: 'expired' })
    const outcomes = []
    for (const input of [
      good,
      bearer(good),
      { headers: { cookie: `logto_authtoken=${good}` } },
      { headers: {} },
      bearer(expired),
    ]) {
      // Other options each time: they are to be parsed under the pollution, not before.
      unseen += 1
      const options = { logtoUrl: LOGTO_URL, audience: AUDIENCE, jwks, jwksCooldownMs: unseen }
      outcomes.push(
        await verifyAuth(input, options).catch((error) => {
          const { code, message, status, headers, wwwAuthenticate, details } = error
          return {
            code,
            message,
            status,
            headers,
            wwwAuthenticate,
            exp: details?.exp,
            hasCause: Object.hasOwn(error, 'cause'),
          }
        }),
        await createVerifier(options)
          .verify(input)
          .catch((error) => error.code),
      )
    }
    return JSON.parse(JSON.stringify(outcomes))
  }
})

describe('options that are changed after their first use', () => {
  /** @type {[string, any, (options: any) => unknown, string][]} */
  const CHANGES = [
    ['a scope that is added', {}, (options) => Object.assign(options, { requiredScope: 'x' }), 'missing_scope'],
    [
      'a scope that is pushed',
      { requiredScope: ['a'] },
      ({ requiredScope }) => requiredScope.push('x'),
      'missing_scope',
    ],
    [
      'a scope that is replaced in its list',
      { requiredScope: ['a'] },
      ({ requiredScope }) => requiredScope.splice(0, 1, 'x'),
      'missing_scope',
    ],
    [
      'another audience',
      {},
      (options) => Object.assign(options, { audience: 'https://other.example.test' }),
      'invalid_audience',
    ],
    ['another organization', {}, (options) => Object.assign(options, { organizationId: 'mine' }), 'wrong_organization'],
    ['an isRevoked that is added', {}, (options) => Object.assign(options, { isRevoked: () => true }), 'token_revoked'],
    [
      'an isRevoked that is replaced',
      { isRevoked: () => false },
      (options) => Object.assign(options, { isRevoked: () => true }),
      'token_revoked',
    ],
    [
      'a key that is removed',
      { jwks: { keys: [makeKey('EdDSA').jwk, key.jwk] } },
      ({ jwks }) => jwks.keys.pop(),
      'unknown_key',
    ],
    [
      'a member of a key',
      { jwks: { keys: [{ ...key.jwk }, makeKey('EdDSA').jwk] } },
      ({ jwks }) => Object.assign(jwks.keys[0], { use: 'enc' }),
      'unknown_key',
    ],
    [
      'an operation of a key',
      { jwks: { keys: [{ ...key.jwk, key_ops: ['verify'] }, makeKey('EdDSA').jwk] } },
      ({ jwks }) => jwks.keys[0].key_ops.splice(0, 1, 'sign'),
      'unknown_key',
    ],
    [
      'a date that is moved',
      { currentDate: new Date() },
      ({ currentDate }) => currentDate.setTime(9e12),
      'token_expired',
    ],
    ['an option that is deleted', { issuer: [ISSUER, 'a'] }, ({ issuer }) => issuer.shift(), 'invalid_issuer'],
    [
      'a key of a set of a class',
      {
        jwks: new (class KeyStore {
          keys = [makeKey('EdDSA').jwk, key.jwk]
        })(),
      },
      ({ jwks }) => jwks.keys.pop(),
      'unknown_key',
    ],
  ]

  for (const [name, options, change, wanted] of CHANGES) {
    test(`are noticed by verifyAuth: ${name}`, async () => {
      const given = own(options)
      const token = goodToken(key, { scope: 'a' })
      assert.equal(await verdict(verifyAuth(token, given)), 'accepted')
      assert.equal(await verdict(verifyAuth(token, given)), 'accepted')
      change(given)
      assert.equal(await verdict(verifyAuth(token, given)), wanted)
    })
  }

  test('become wrong options by a typing error, and are noticed', async () => {
    const given = own()
    assert.equal(await verdict(verifyAuth(goodToken(key), given)), 'accepted')
    given.requiredScopes = 'x'
    await assert.rejects(verifyAuth(goodToken(key), given), { code: 'invalid_options' })
    delete given.requiredScopes
    delete given.audience
    await assert.rejects(verifyAuth(goodToken(key), given), { code: 'invalid_options' })
  })

  test('do not change a verifier that was made of them', async () => {
    const given = own({ requiredScope: ['a'], isRevoked: () => false })
    const verifier = createVerifier(given)
    given.requiredScope.push('x')
    given.audience = 'https://other.example.test'
    given.isRevoked = () => true
    assert.equal(await verdict(verifier.verify(goodToken(key, { scope: 'a' }))), 'accepted')
  })

  test('back are the former ones again', async () => {
    const given = own()
    const verdicts = []
    for (const requiredScope of [undefined, 'x', undefined, 'a']) {
      given.requiredScope = requiredScope
      verdicts.push(await verdict(verifyAuth(goodToken(key, { scope: 'a' }), given)))
    }
    assert.deepEqual(verdicts, ['accepted', 'missing_scope', 'accepted', 'accepted'])
  })

  test('each request’s own getToken and isRevoked are called, never another request’s', async () => {
    const check = (/** @type {string} */ sub) => {
      const seen = /** @type {string[]} */ ([])
      const options = own({
        getToken: () => goodToken(key, { sub }),
        isRevoked: (/** @type {any} */ auth) => void seen.push(auth.userId),
      })
      return verifyAuth({ headers: {} }, options).then(({ userId }) => assert.deepEqual([userId, seen], [sub, [sub]]))
    }
    await Promise.all(Array.from({ length: 50 }, (_, n) => check(`user ${n}`)))
  })
})

describe('fresh literals', () => {
  /** @type {[string, () => any][]} */
  const LITERALS = [
    ['of the same values', () => own({ requiredScope: ['a'] })],
    ['with functions', () => own({ isRevoked: () => false, getToken: () => undefined })],
    [
      'with members in another order',
      () => Object.fromEntries(Object.entries(own({ clockTolerance: Math.PI })).reverse()),
    ],
    ['with a member that is undefined', () => own({ requiredScope: undefined })],
    ['with a guest cookie', () => own({ allowGuest: true, guestCookie: { name: 'g', maxAge: undefined } })],
  ]
  for (const [name, literal] of LITERALS) {
    test(`${name} are parsed once`, async (t) => {
      const parse = t.mock.method(native, 'createVerifier')
      for (let call = 0; call < 100; call += 1) await verifyAuth(goodToken(key, { scope: 'a' }), literal())
      assert.ok(parse.mock.callCount() <= 1, `parsed ${parse.mock.callCount()} times`)
    })
  }

  test('of ever other values leave no more than a bounded number of verifiers in memory', async (t) => {
    v8.setFlagsFromString('--expose-gc')
    const collect = vm.runInNewContext('gc')
    let made = 0
    let alive = 0
    const registry = new FinalizationRegistry(() => {
      alive -= 1
    })
    const binding = /** @type {any} */ (native)
    const create = binding.createVerifier
    t.after(() => Object.assign(binding, { createVerifier: create }))
    // Not a mock of the test runner, which would keep every verifier that it has seen.
    binding.createVerifier = (/** @type {unknown} */ options) => {
      const verifier = create(options)
      made += 1
      alive += 1
      registry.register(verifier, undefined)
      return verifier
    }
    for (let n = 0; n < 1000; n += 1) {
      await verifyAuth(goodToken(key), own({ jwksTimeoutMs: 1 + n }))
      await verifyAuth(goodToken(key), own({ currentDate: new Date() }))
    }
    assert.equal(made, 2000)
    for (let round = 0; round < 50 && alive > 100; round += 1) {
      collect()
      await turn()
    }
    assert.ok(alive <= 100, `${alive} verifiers of 2000 are alive`)
  })
})
