const assert = require('node:assert/strict')
const { PassThrough } = require('node:stream')
const { after, before, describe, test } = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const { inspect } = require('node:util')
const v8 = require('node:v8')
const vm = require('node:vm')
const { createClient } = require('redis')
const {
  ANY_ORGANIZATION,
  buildAuthCookieHeader,
  buildGuestCookieHeader,
  createVerifier,
  invalidateJwksCache,
  verifyAuth,
} = require('logto-authkit')
const { createTestIssuer } = require('logto-authkit/testing')
const { contract } = require('../../../js/core/contract')
const { check, parse } = require('../../../js/core/options')
const native = require('../../../js/native/binding')
const { inChild } = require('../../support/child')
const { invalidOptions, pollute, rejection, startServer, verdict } = require('../../support/helpers')
const { optionSet, optionSets, withOption } = require('../../support/options')
const { AUDIENCE, ISSUER, LOGTO_URL, bearer, createKey, optionsFor, signToken } = require('../../support/tokens')

const { names: NAMES, options: OPTIONS, combinations } = optionSet('verifier')

const key = createKey('EdDSA')
const jwks = { keys: [key.jwk] }

const own = (changes) => optionsFor(key, changes)

/** Loads an adapter without its types, which need the types of a browser. */
const load = (name) => require(`logto-authkit/${name}`)
const next = load('next')
const server = load('server')
const csrf = load('csrf')
const revocations = load('revocation').createRevocations()

let issuer
before(async () => {
  issuer = await createTestIssuer()
})
after(() => issuer.close())

/** The functions that take the options of a set. The first function of each set can be called with valid options. */
const FUNCTIONS = {
  verifier: {
    createVerifier,
    verifyAuth: (options) => verifyAuth('token', options),
    'verifyAuth with a guest': (options) => verifyAuth({ headers: {} }, asGuest(options)),
  },
  server: {
    createExpressAuthMiddleware: server.createExpressAuthMiddleware,
    verifyAuth: (options) => server.verifyAuth({ headers: {} }, asGuest(options)),
    verifyLogtoToken: (options) => server.verifyLogtoToken('token', options),
    verifyNextAuth: (options) => server.verifyNextAuth({ headers: new Headers() }, asGuest(options)),
  },
  explain: { parse: (options) => parse('explain', options) },
  adapter: {
    express: load('express').logtoAuth,
    fastify: (options) => load('fastify').logtoAuth({ decorateRequest() {}, addHook() {} }, options),
    hono: load('hono').logtoAuth,
    koa: load('koa').logtoAuth,
  },
  nest: { LogtoAuthGuard: (options) => new (load('nestjs').LogtoAuthGuard)(options) },
  next: {
    withAuth: (options) => next.withAuth(() => new Response(), options),
    createNextAuth: next.createNextAuth,
    verifyNextAuth: (options) => next.verifyNextAuth({ headers: new Headers() }, asGuest(options)),
    getAuth: next.getAuth,
  },
  proxy: { authProxy: next.authProxy },
  proxyExtra: { authProxy: (options) => next.createNextAuth(own()).authProxy(options) },
  upgrade: { verifyUpgrade: (options) => load('upgrade').verifyUpgrade({ headers: {} }, new PassThrough(), options) },
  mcp: { mcpAuth: load('mcp').mcpAuth },
  requirements: {
    express: load('express').protect,
    fastify: load('fastify').protect,
    hono: load('hono').protect,
    koa: load('koa').protect,
    nestjs: load('nestjs').Protect,
    next: (requirements) => next.createNextAuth(own()).withAuth(() => new Response(), requirements),
  },
  guestCookie: { check: (options) => check('guestCookie', options) },
  authCookie: { buildAuthCookieHeader: (options) => buildAuthCookieHeader('T', options) },
  csrfCookie: { buildCsrfCookieHeader: (options) => csrf.buildCsrfCookieHeader('T', options) },
  csrf: {
    createCsrfMiddleware: csrf.createCsrfMiddleware,
    verifyCsrfToken: (options) => csrf.verifyCsrfToken({ headers: {} }, options),
  },
  resourceMetadata: { createResourceMetadata: load('resource-metadata').createResourceMetadata },
  revocations: { createRevocations: load('revocation').createRevocations },
  redisStore: { redisStore: (options) => load('revocation').redisStore(createClient(), options) },
  webhook: { webhook: (options) => revocations.webhook(options) },
  backchannelLogout: { backchannelLogout: (options) => revocations.backchannelLogout(options) },
  catchUp: { catchUp: (options) => revocations.catchUp(options).stop() },
  revokeSubject: { revokeSubject: (options) => revocations.revokeSubject('user', options) },
  revoke: {
    revokeClient: (options) => revocations.revokeClient('client', options),
    revokeOrganization: (options) => revocations.revokeOrganization('organization', options),
    revokeAll: (options) => revocations.revokeAll(options),
  },
  testIssuer: { createTestIssuer },
  mint: { mint: (options) => issuer.mint(options) },
  rotateKeys: { rotateKeys: (options) => issuer.rotateKeys(options) },
}

/** Invalid options must be reported even if the request would become a guest. */
function asGuest(options) {
  if (Object.prototype.toString.call(options) !== '[object Object]' || 'allowGuest' in options) return options
  const allowGuest = { value: true, enumerable: true }
  const members = { ...Object.getOwnPropertyDescriptors(options), allowGuest }
  return Object.create(Object.getPrototypeOf(options), members)
}

/** Removes the example value from the error for a missing option, because the core does not add it. */
async function withoutAdvice(call, options) {
  try {
    await call(options)
  } catch (error) {
    error.message = error.message.replace(/\. Use an? (URL|API identifier) such as .*$/, '')
    throw error
  }
}

async function assertInvalid(options, message, set = 'verifier') {
  for (const [name, call] of Object.entries(FUNCTIONS[set])) {
    const rejection = assert.rejects(withoutAdvice(call, options), invalidOptions(message))
    await rejection.catch((error) => assert.fail(`${name}: ${error.message}`))
  }
}

for (const set of optionSets) {
  describe(`the table of the options of ${set}`, () => {
    const { names, required, options, unknown, combinations, notObjects } = optionSet(set)
    const complete = (more) => ({ ...required, ...(names.includes('jwks') && { jwks }), ...more })
    const [call] = /** @type {any[]} */ (Object.values(FUNCTIONS[set]))

    for (const { name, valid, invalid } of options) {
      test(`accepts valid values of ${name}`, async () => {
        for (const value of valid) {
          const result = await call(complete(withOption(name, value)))
          if (set === 'testIssuer') await result.close()
        }
      })

      test(`rejects invalid values of ${name} in every function`, async () => {
        for (const { value, message } of invalid) {
          await assertInvalid(complete(withOption(name, value)), message, set)
        }
      })
    }

    test('rejects values that contradict each other', async () => {
      for (const { value, message } of combinations) await assertInvalid(complete(value), message, set)
    })

    test('rejects unknown options, even if they are undefined, and suggests the name', async () => {
      for (const { name, message } of unknown) {
        for (const value of [1, null, undefined]) await assertInvalid(complete(withOption(name, value)), message, set)
      }
    })

    test('requires every required option', async () => {
      for (const { name, invalid } of options.filter(({ name }) => name in required)) {
        const { [name]: _, ...others } = complete()
        const missing = invalid.find(({ value }) => value === undefined)
        if (missing === undefined) continue
        await assertInvalid(others, missing.message, set)
        await assertInvalid(undefined, /^Invalid option/, set)
      }
    })

    test('rejects inherited options, including accessors of a class', async () => {
      for (const name of names) {
        class Accessor {
          get [name]() {
            return 'x'
          }
        }
        const { [name]: _, ...others } = complete()
        const bare = Object.assign(Object.create(null), { [name]: 'x' })
        for (const heir of [Object.create({ [name]: 'x' }), Object.create(bare), new Accessor()]) {
          await assertInvalid(Object.assign(heir, others), new RegExp(`"${name}": .* inherited`), set)
        }
      }
    })

    test('checks members that are not enumerable', async () => {
      const [{ name, invalid }] = options
      const [{ value, message }] = invalid
      await assertInvalid(Object.defineProperty(complete(), name, { value, enumerable: false }), message, set)
    })

    test('rejects options that are not an object', async () => {
      for (const { value, message } of notObjects) await assertInvalid(value, message, set)
    })
  })
}

test('the table has every option set', () => {
  assert.deepEqual(optionSets.sort(), Object.keys(contract().options).sort())
  for (const set of optionSets) {
    assert.deepEqual(
      optionSet(set).names.sort(),
      contract()
        .options[set].map(({ name }) => name)
        .sort(),
    )
  }
})

test('B2: undefined is valid for every optional option except those that restrict access', async () => {
  const options = own()
  const requirements = ['requiredScope', 'requiredRole', 'organizationId', 'check', 'claims']
  const restrictions = [...requirements, 'isRevoked', 'maxTokenAge', 'revocations']
  for (const name of NAMES) if (!(name in options) && !restrictions.includes(name)) options[name] = undefined
  assert.equal(await verdict(verifyAuth(signToken(key), options)), 'accepted')
  for (const name of restrictions) {
    const message = new RegExp(`^Invalid option "${name}": expected .*, got undefined$`)
    for (const create of [createVerifier, require('logto-authkit/express').logtoAuth]) {
      assert.throws(() => create(own({ [name]: undefined })), { code: 'invalid_options', message })
    }
  }
})

test('C5: values that no token can match are errors, an endpoint URL is accepted, and passwords are not printed', () => {
  for (const [name, value] of /** @type {[string, any][]} */ ([
    ['audience', 'https://api.example.com\n'],
    ['audience', '"https://api.example.com"'],
    ['audience', ["'https://api.example.com'"]],
    ['issuer', 'auth.example.com/oidc'],
    ['requiredScope', 'read:a, write:b'],
    ['organizationId', ' org_1'],
  ])) {
    const message = new RegExp(`^Invalid option "${name}"`)
    assert.throws(() => createVerifier(own({ [name]: value })), { code: 'invalid_options', message })
  }
  const { logtoUrl, ...options } = own()
  for (const path of ['', '/', '/oidc', '/oidc/jwks', '/oidc/.well-known/openid-configuration']) {
    assert.doesNotThrow(() => createVerifier({ ...options, logtoUrl: logtoUrl + path }))
  }
  const secret = 'https://user:hunter2@auth.example.com'
  for (const name of ['logtoUrl', 'issuer', 'jwksUri', 'resourceMetadata', 'realm', 'algorithms']) {
    assert.throws(
      () => createVerifier(own({ [name]: name === 'realm' ? `"${secret}` : secret })),
      (/** @type {Error} */ { message }) => !message.includes('hunter2'),
    )
  }
})

test('C6: a misspelled option of an adapter is an error that names the right one', async () => {
  for (const [set, name, intended] of [
    ['adapter', 'onErorr', 'onError'],
    ['adapter', 'onerror', 'onError'],
    ['proxy', 'publicPath', 'publicPaths'],
    ['upgrade', 'allowedorigins', 'allowedOrigins'],
  ]) {
    await assertInvalid(own({ [name]: 'x' }), `Unknown option "${name}": did you mean "${intended}"?`, set)
  }
})

test('inherited attributes of guestCookie are an error, as inherited options are', async () => {
  class Attributes {
    get name() {
      return 'visitor'
    }
  }
  const message =
    'Invalid option "guestCookie.name": expected a member of the options object itself, got an inherited one'
  await assertInvalid(own({ guestCookie: new Attributes() }), message)
  await assertInvalid(own({ guestCookie: Object.create({ name: 'visitor' }) }), message)
})

test('inherited options of revocations are an error, even next to a store', async () => {
  const { createRevocations, memoryStore } = load('revocation')
  const options = Object.assign(Object.create({ maxLagMs: 5 }), { store: memoryStore() })
  assert.throws(() => createRevocations(options), invalidOptions(/"maxLagMs": .* inherited/))
})

test('buildGuestCookieHeader rejects what is invalid for guestCookie', () => {
  const invalid = OPTIONS.filter(({ name }) => name.startsWith('guestCookie')).flatMap(({ name, invalid }) =>
    invalid.map(({ value, message }) => ({ value: withOption(name, value), message })),
  )
  for (const { value, message } of [...invalid, ...combinations]) {
    assert.throws(() => buildGuestCookieHeader('a', value.guestCookie), invalidOptions(message))
  }
})

describe('the description of an invalid value', () => {
  test('cuts a long string', () => {
    const message = `Invalid option "logtoUrl": expected ${NO_URL}, got "${'x'.repeat(60)}…"`
    assert.throws(() => createVerifier(own({ logtoUrl: 'x'.repeat(1000) })), { message })
  })

  test('escapes control characters', () => {
    for (const given of ['a\nb', 'a\x1b[31m', 'a\u2028b', 'a\u202eb']) {
      assert.throws(() => createVerifier(own({ audience: [given, 5] })), { message: /^[\x20-\x7e]*$/ })
    }
  })

  test('survives a value that contains itself', () => {
    const loop = { keys: [] }
    loop.keys.push(loop)
    assert.throws(() => createVerifier(own({ jwks: loop })), { code: 'invalid_options' })
  })

  test('names the first invalid option if a request is passed by mistake', () => {
    assert.throws(() => createVerifier(/** @type {any} */ ({ headers: {}, method: 'GET' })), {
      message: new RegExp(
        `^Invalid option "logtoUrl": expected ${NO_URL}, or the environment variable LOGTO_URL, got undefined\\. `,
      ),
    })
  })

  test('keeps a strange or very long option name on one line', () => {
    for (const name of ['toString', 'constructor', 'hasOwnProperty', '', 'x'.repeat(1000), 'a\nb', '0']) {
      assert.throws(
        () => createVerifier(own({ [name]: 1 })),
        (/** @type {any} */ { code, message }) =>
          code === 'invalid_options' && message.length < 1000 && !message.includes('\n'),
      )
    }
  })

  const NO_URL = OPTIONS[0].invalid[0].message.split(/expected |, got /)[1]
})

describe('an options object', () => {
  test('is checked even if the token is invalid', async () => {
    for (const input of ['', /** @type {any} */ (undefined)]) {
      await assert.rejects(verifyAuth(input, own({ clockTolerance: -1 })), { code: 'invalid_options' })
    }
  })

  test('may be frozen, an instance of a class that has only fields, or without a prototype', async () => {
    class Options {
      logtoUrl = LOGTO_URL
      audience = AUDIENCE
      jwks = jwks
    }
    for (const options of [Object.freeze(own()), new Options(), Object.assign(Object.create(null), own())]) {
      assert.equal(await verdict(verifyAuth(signToken(key), options)), 'accepted')
      assert.equal(await verdict(createVerifier(options).verify(signToken(key))), 'accepted')
    }
  })

  test('may have symbols, which are ignored', async () => {
    assert.equal(await verdict(verifyAuth(signToken(key), own({ [Symbol('requiredScope')]: 'a' }))), 'accepted')
  })

  test('may have members that are not enumerable, even if equal options without them have been parsed', async () => {
    const hidden = (/** @type {any} */ value) => Object.defineProperty(own(), 'requiredScope', { value })
    for (let call = 0; call < 3; call += 1) {
      assert.equal(await verdict(verifyAuth(signToken(key), own())), 'accepted')
      assert.equal(await verdict(verifyAuth(signToken(key), hidden('a'))), 'missing_scope')
      assert.equal(await verdict(createVerifier(hidden('a')).verify(signToken(key))), 'missing_scope')
      assert.equal(await verdict(verifyAuth(signToken(key, { scope: 'a' }), hidden('a'))), 'accepted')
      assert.throws(() => createVerifier(hidden(undefined)), { code: 'invalid_options', message: /"requiredScope"/ })
      await assert.rejects(verifyAuth(signToken(key), hidden(undefined)), { code: 'invalid_options' })
    }
  })

  test('may be a Proxy or have accessors, each of which is read once', async () => {
    for (const first of [true, false]) {
      let reads = 0
      const options = Object.defineProperty(own(), 'requiredScope', {
        enumerable: true,
        get: () => (++reads % 2 === 1 ? 'a' : 'b'),
      })
      const given = first ? options : new Proxy(options, {})
      assert.equal(await verdict(createVerifier(given).verify(signToken(key, { scope: 'a' }))), 'accepted')
      assert.equal(reads, 1)
    }
  })

  test('may have accessors that call verifyAuth with other options', async () => {
    let reads = 0
    const nested = () => own({ audience: `https://api-${reads}.example.test` })
    const options = (isNested) =>
      Object.defineProperty(own({ realm: 'accessors' }), 'audience', {
        enumerable: true,
        get: () => {
          reads += 1
          if (isNested) verifyAuth('token', nested()).catch(() => {})
          return AUDIENCE
        },
      })
    for (const isNested of [false, true, true, true]) {
      assert.equal(await verdict(verifyAuth(signToken(key), options(isNested))), 'accepted')
      const { audience } = nested()
      assert.equal(await verdict(verifyAuth(signToken(key, { aud: audience }), options(isNested))), 'invalid_audience')
    }
  })

  test('must not contain __proto__, as parsed JSON can', () => {
    const options = { ...JSON.parse('{"__proto__":{"audience":null}}') }
    const parsed = JSON.parse(`{"logtoUrl":"${LOGTO_URL}","audience":"${AUDIENCE}","__proto__":{"requiredScope":"a"}}`)
    assert.throws(() => createVerifier(parsed), { code: 'invalid_options' })
    assert.throws(() => createVerifier(options), { code: 'invalid_options' })
  })
})

describe('the age of a token', () => {
  const issued = (ago) => signToken(key, { iat: Math.floor(Date.now() / 1000) - ago })

  test('is limited by maxTokenAge, also for previously verified tokens', async () => {
    const start = Date.now()
    let elapsed = 0
    const options = own({ maxTokenAge: 300, currentDate: () => new Date(start + elapsed) })
    const verifier = createVerifier(options)
    const token = issued(200)
    for (const [seconds, wanted] of [
      [0, 'accepted'],
      [90, 'accepted'],
      [110, 'token_expired'],
      [0, 'accepted'],
      [-300, 'token_not_active'],
    ]) {
      elapsed = Number(seconds) * 1000
      assert.equal(await verdict(verifier.verify(token)), wanted)
    }
  })

  test('does not follow from a token without iat', async () => {
    const token = signToken(key, { iat: undefined })
    const error = await rejection(verifyAuth(token, own({ maxTokenAge: 300 })))
    assert.deepEqual([error.code, error.message], ['invalid_claims', 'Token has a missing or malformed claim: iat'])
    assert.equal(await verdict(verifyAuth(token, own())), 'accepted')
  })

  test('is checked before the organization, scopes and roles', async () => {
    const options = own({ maxTokenAge: 300, organizationId: 'a', requiredScope: 'a', requiredRole: 'a' })
    assert.equal(await verdict(verifyAuth(issued(400), options)), 'token_expired')
  })
})

describe('ANY_ORGANIZATION', () => {
  const organizationToken = (id) => signToken(key, { aud: `urn:logto:organization:${id}` })

  test('accepts the organization token of any organization', async () => {
    for (const audience of [ANY_ORGANIZATION, [AUDIENCE, ANY_ORGANIZATION]]) {
      const auth = await verifyAuth(organizationToken('org_1'), own({ audience }))
      assert.equal(auth.organizationId, 'org_1')
      assert.equal(await verdict(verifyAuth(organizationToken(''), own({ audience }))), 'invalid_audience')
    }
    assert.equal(await verdict(verifyAuth(signToken(key), own({ audience: ANY_ORGANIZATION }))), 'invalid_audience')
    assert.equal(await verdict(verifyAuth(organizationToken('org_1'), own())), 'invalid_audience')
  })

  test('can be combined with the organization of a request', async () => {
    const options = own({ audience: ANY_ORGANIZATION, organizationId: 'org_1' })
    assert.equal(await verdict(verifyAuth(organizationToken('org_1'), options)), 'accepted')
    assert.equal(await verdict(verifyAuth(organizationToken('org_2'), options)), 'wrong_organization')
  })
})

test('one of several roles is sufficient with roleMode any', async () => {
  const token = signToken(key, { roles: ['editor'] })
  const requiredRole = ['admin', 'editor']
  assert.equal(await verdict(verifyAuth(token, own({ requiredRole, roleMode: 'any' }))), 'accepted')
  assert.equal(await verdict(verifyAuth(token, own({ requiredRole }))), 'missing_role')
  const error = await rejection(verifyAuth(signToken(key), own({ requiredRole, roleMode: 'any' })))
  assert.equal(error.message, 'Missing required role: admin, editor')
})

describe('logtoUrl is normalized the way Logto does it', () => {
  for (const [logtoUrl, issuer] of require('../../fixtures/urls.json')) {
    test(`${inspect(logtoUrl)} has the issuer ${issuer}`, async () => {
      assert.equal(await verdict(verifyAuth(signToken(key, { iss: issuer }), own({ logtoUrl }))), 'accepted')
      const error = await rejection(verifyAuth(signToken(key, { iss: `${issuer}x` }), own({ logtoUrl })))
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
    ['/oidc/jwks', '/oidc/jwks'],
    ['/oidc/.well-known/openid-configuration', '/oidc/jwks'],
  ]) {
    test(`with the suffix ${inspect(suffix)}, keys are fetched from ${requested}`, async (t) => {
      const { server, asked } = await startKeyServer(t)
      const logtoUrl = server.url.replace('http', 'HTTP') + suffix
      const iss = server.url + requested.replace('/jwks', '')
      assert.equal(await verdict(verifyAuth(signToken(key, { iss }), own({ logtoUrl, jwks: undefined }))), 'accepted')
      assert.deepEqual(asked, [`GET ${requested}`])
    })
  }

  test('fetches from jwksUri exactly as given, and keeps the issuer of logtoUrl', async (t) => {
    const { server, asked } = await startKeyServer(t)
    for (const path of ['/keys', '/oidc/jwks/', '//keys', '/Keys.json']) {
      const options = own({ jwks: undefined, jwksUri: server.url + path })
      assert.equal(await verdict(verifyAuth(signToken(key), options)), 'accepted')
    }
    assert.deepEqual(asked, ['GET /keys', 'GET /oidc/jwks/', 'GET //keys', 'GET /Keys.json'])
  })

  test('invalidateJwksCache rejects every value that is not a valid logtoUrl', () => {
    for (const { value, message } of OPTIONS[0].invalid) {
      // The message for an option that is missing names an environment variable.
      assert.throws(() => invalidateJwksCache(value), invalidOptions(value === undefined ? /"logtoUrl"/ : message))
    }
  })

  async function startKeyServer(t) {
    const asked = []
    const server = await startServer(t, (request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.end(JSON.stringify(jwks))
    })
    return { server, asked }
  }
})

describe('plain http to a host other than loopback causes one warning per process', () => {
  const remote = { logtoUrl: 'http://auth.example.test' }
  const secure = { logtoUrl: 'https://auth.example.test' }

  for (const options of [
    remote,
    { logtoUrl: 'http://192.168.0.1:3001' },
    { ...secure, jwksUri: 'http://logto.internal/oidc/jwks' },
    { logtoUrl: 'http://localhost.attacker.test' },
    { logtoUrl: 'http://127.0.0.1.attacker.test' },
  ]) {
    test(`${JSON.stringify(options)}: one warning`, async () => {
      assert.match(
        await warnings([options, options, options]),
        /^SecurityWarning LOGTO_AUTHKIT_PLAIN_HTTP Keys are fetched from http:\/\/[^/]+ over .*\n$/,
      )
    })
  }

  test('https, loopback and a given key set cause no warning', async () => {
    const hosts = ['localhost:3001', '127.0.0.1:3001', '[::1]:3001', '127.9.9.9']
    const options = [
      { ...remote, jwksUri: 'https://logto.internal/oidc/jwks' },
      { ...remote, jwks },
      secure,
      ...hosts.map((host) => ({ logtoUrl: `http://${host}` })),
    ]
    assert.equal(await warnings(options), '')
  })

  /** Returns the warnings that a new process prints. */
  async function warnings(options) {
    const { stdout } = await inChild((all) => {
      const { createVerifier } = require('logto-authkit')
      process.on('warning', (/** @type {any} */ { name, code, message }) => console.log(name, code, message))
      for (const [n, one] of all.entries()) createVerifier(/** @type {any} */ ({ ...one, audience: `api-${n}` }))
    }, options)
    return stdout
  }
})

// The audience, the issuer and tokenType: contract/attacks.test.js.
describe('an option decides which tokens are accepted', () => {
  /** Options for a time relative to the Unix time 2e9. */
  const at = (milliseconds = 0, clockTolerance = 0) => ({ currentDate: new Date(2e12 + milliseconds), clockTolerance })

  for (const [name, options, claims, wanted] of /** @type {[string, object, object, string][]} */ ([
    ['scopeMode without requiredScope', { scopeMode: 'any' }, { scope: '' }, 'accepted'],
    ['all roles are required', { requiredRole: ['a', 'b'] }, { roles: ['a'] }, 'missing_role'],
    ['roles are collected from both claims', { requiredRole: ['a', 'b'] }, { roles: ['a'], role: 'b' }, 'accepted'],
    ['at exp', at(), { exp: 2e9 }, 'token_expired'],
    ['just before exp', at(-1), { exp: 2e9 }, 'accepted'],
    ['within the tolerance after exp', at(59_999, 60), { exp: 2e9 }, 'accepted'],
    ['at the end of the tolerance after exp', at(60_000, 60), { exp: 2e9 }, 'token_expired'],
    ['within a tolerance of half a second', at(400, 0.5), { exp: 2e9 }, 'accepted'],
    ['at nbf', at(), { nbf: 2e9, exp: 3e9 }, 'accepted'],
    ['just before nbf', at(-1), { nbf: 2e9, exp: 3e9 }, 'token_not_active'],
    ['within the tolerance before nbf', at(-60_000, 60), { nbf: 2e9, exp: 3e9 }, 'accepted'],
    ['before the tolerance before nbf', at(-60_001, 60), { nbf: 2e9, exp: 3e9 }, 'token_not_active'],
  ])) {
    test(`${name}: ${wanted}`, async () => {
      assert.equal(await verdict(verifyAuth(signToken(key, claims), own(options))), wanted)
    })
  }

  test('algorithms rejects every algorithm that it does not name', async () => {
    for (const [algorithms, wanted] of /** @type {[any, string][]} */ ([
      [['EdDSA'], 'accepted'],
      [['ES384', 'EdDSA'], 'accepted'],
      [['ES384', 'PS512'], 'unsupported_algorithm'],
    ])) {
      assert.equal(await verdict(verifyAuth(signToken(key), own({ algorithms }))), wanted)
    }
  })

  const rsa = createKey('RS256')
  const DEFAULTS = ['ES384', 'RS256', 'ES256', 'ES512', 'EdDSA', 'Ed25519']
  for (const alg of [...DEFAULTS, 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']) {
    const isDefault = DEFAULTS.includes(alg)
    test(`${alg} is accepted ${isDefault ? 'by default' : 'only if algorithms names it'}`, async () => {
      const signer = /^[RP]S/.test(alg) ? { ...rsa, alg } : createKey(alg)
      const token = signToken(signer)
      const wanted = isDefault ? 'accepted' : 'unsupported_algorithm'
      assert.equal(await verdict(verifyAuth(token, optionsFor(signer))), wanted)
      assert.equal(await verdict(verifyAuth(token, optionsFor(signer, { algorithms: [alg] }))), 'accepted')
    })
  }
})

describe('a polluted Object.prototype changes nothing', () => {
  /** @type {[name: string, value: unknown][]} */
  const POLLUTION = [
    ['audience', null],
    ['logtoUrl', 'https://attacker.test'],
    ['issuer', 'https://attacker.test/oidc'],
    ['jwksUri', 'https://attacker.test/oidc/jwks'],
    ['jwks', { keys: [createKey('EdDSA').jwk] }],
    ['resourceMetadata', 'https://attacker.test'],
    ['cookieName', 'other'],
    ['tokenSources', ['header']],
    ['getToken', () => signToken(key, { sub: 'attacker' })],
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
    // Names of members in the core's results.
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
    test(`with the member ${name}: ${inspect(value, { depth: 0 })}`, async (t) => {
      const good = signToken(key, { sub: 'alice' })
      const expected = await seen(good)
      pollute(t, name, value)
      assert.deepEqual(await seen(good), expected)
    })
  }

  test('with cookie attributes', (t) => {
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

  async function seen(good) {
    const expired = signToken(key, { exp: 1, nbf: 1, iat: 1, jti: 'expired' })
    const outcomes = []
    for (const input of [
      good,
      bearer(good),
      { headers: { cookie: `logto_authtoken=${good}` } },
      { headers: {} },
      bearer(expired),
    ]) {
      // New options every time, so that they are parsed while the prototype is polluted.
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

describe('options that change after their first use', () => {
  const other = createKey('EdDSA').jwk
  const set = (change) => (options) => Object.assign(options, change)
  class KeyStore {
    keys = [other, key.jwk]
  }
  /** @type {[string, any, (options: any) => unknown, string][]} */
  const CHANGES = [
    ['a scope is added', {}, set({ requiredScope: 'x' }), 'missing_scope'],
    ['a scope is pushed', { requiredScope: ['a'] }, ({ requiredScope }) => requiredScope.push('x'), 'missing_scope'],
    [
      'a scope in the array is replaced',
      { requiredScope: ['a'] },
      ({ requiredScope }) => requiredScope.splice(0, 1, 'x'),
      'missing_scope',
    ],
    ['the audience is replaced', {}, set({ audience: 'https://other.example.test' }), 'invalid_audience'],
    ['the organization is replaced', {}, set({ organizationId: 'mine' }), 'wrong_organization'],
    ['isRevoked is added', {}, set({ isRevoked: () => true }), 'token_revoked'],
    ['isRevoked is replaced', { isRevoked: () => false }, set({ isRevoked: () => true }), 'token_revoked'],
    ['a key is removed', { jwks: { keys: [other, key.jwk] } }, ({ jwks }) => jwks.keys.pop(), 'unknown_key'],
    [
      'a member of a key changes',
      { jwks: { keys: [{ ...key.jwk }, other] } },
      ({ jwks }) => Object.assign(jwks.keys[0], { use: 'enc' }),
      'unknown_key',
    ],
    [
      'key_ops of a key change',
      { jwks: { keys: [{ ...key.jwk, key_ops: ['verify'] }, other] } },
      ({ jwks }) => jwks.keys[0].key_ops.splice(0, 1, 'sign'),
      'unknown_key',
    ],
    ['a date changes', { currentDate: new Date() }, ({ currentDate }) => currentDate.setTime(9e12), 'token_expired'],
    ['an issuer is removed', { issuer: [ISSUER, 'https://a.test'] }, ({ issuer }) => issuer.shift(), 'invalid_issuer'],
    [
      'a key is removed from an instance of a class',
      { jwks: new KeyStore() },
      ({ jwks }) => jwks.keys.pop(),
      'unknown_key',
    ],
  ]

  for (const [name, options, change, wanted] of CHANGES) {
    test(`are noticed by verifyAuth: ${name}`, async () => {
      const given = own(options)
      const token = signToken(key, { scope: 'a' })
      assert.equal(await verdict(verifyAuth(token, given)), 'accepted')
      assert.equal(await verdict(verifyAuth(token, given)), 'accepted')
      change(given)
      assert.equal(await verdict(verifyAuth(token, given)), wanted)
    })
  }

  test('are rejected by verifyAuth if they become invalid', async () => {
    const given = own()
    assert.equal(await verdict(verifyAuth(signToken(key), given)), 'accepted')
    given.requiredScopes = 'x'
    await assert.rejects(verifyAuth(signToken(key), given), { code: 'invalid_options' })
    delete given.requiredScopes
    delete given.audience
    await assert.rejects(verifyAuth(signToken(key), given), { code: 'invalid_options' })
  })

  test('do not change a verifier that was created from them', async () => {
    const given = own({ requiredScope: ['a'], isRevoked: () => false })
    const verifier = createVerifier(given)
    given.requiredScope.push('x')
    given.audience = 'https://other.example.test'
    given.isRevoked = () => true
    assert.equal(await verdict(verifier.verify(signToken(key, { scope: 'a' }))), 'accepted')
  })

  test('take effect again if they are changed back', async () => {
    const given = own()
    const verdicts = []
    for (const requiredScope of [undefined, 'x', undefined, 'a']) {
      if (requiredScope === undefined) delete given.requiredScope
      else given.requiredScope = requiredScope
      verdicts.push(await verdict(verifyAuth(signToken(key, { scope: 'a' }), given)))
    }
    assert.deepEqual(verdicts, ['accepted', 'missing_scope', 'accepted', 'accepted'])
  })

  test('concurrent requests each call their own getToken and isRevoked', async () => {
    const check = (sub) => {
      const seen = /** @type {string[]} */ ([])
      const options = own({
        getToken: () => signToken(key, { sub }),
        isRevoked: (auth) => void seen.push(auth.userId),
      })
      return verifyAuth({ headers: {} }, options).then(({ userId }) => assert.deepEqual([userId, seen], [sub, [sub]]))
    }
    await Promise.all(Array.from({ length: 50 }, (_, n) => check(`user ${n}`)))
  })
})

describe('a new options object for every call', () => {
  /** @type {[string, () => any][]} */
  const LITERALS = [
    ['with the same values', () => own({ requiredScope: ['a'] })],
    ['with functions', () => own({ isRevoked: () => false, getToken: () => undefined })],
    [
      'with members in another order',
      () => Object.fromEntries(Object.entries(own({ clockTolerance: Math.PI })).reverse()),
    ],
    ['with a member that is undefined', () => own({ issuer: undefined })],
    ['with a guest cookie', () => own({ allowGuest: true, guestCookie: { name: 'g', maxAge: undefined } })],
  ]
  for (const [name, literal] of LITERALS) {
    test(`${name} is parsed once`, async (t) => {
      const parse = t.mock.method(native, 'createVerifier')
      for (let call = 0; call < 100; call += 1) await verifyAuth(signToken(key, { scope: 'a' }), literal())
      assert.ok(parse.mock.callCount() <= 1, `parsed ${parse.mock.callCount()} times`)
    })
  }

  test('with ever-changing values keeps a bounded number of verifiers in memory', async (t) => {
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
    // A mock of the test runner would keep every verifier alive.
    binding.createVerifier = (/** @type {unknown[]} */ ...args) => {
      const verifier = create(...args)
      made += 1
      alive += 1
      registry.register(verifier, undefined)
      return verifier
    }
    for (let n = 0; n < 1000; n += 1) {
      await verifyAuth(signToken(key), own({ jwksTimeoutMs: 1 + n }))
      await verifyAuth(signToken(key), own({ currentDate: new Date() }))
    }
    assert.equal(made, 2000)
    for (let round = 0; round < 50 && alive > 100; round += 1) {
      collect()
      await turn()
    }
    assert.ok(alive <= 100, `${alive} verifiers of 2000 are alive`)
  })
})
