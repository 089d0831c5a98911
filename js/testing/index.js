const { constants, createHash, generateKeyPair, randomBytes, sign } = require('node:crypto')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { inspect, promisify } = require('node:util')

/** @type {typeof import('./index').createTestIssuer} */
const createTestIssuer = async (options = {}) => {
  checkOptions('createTestIssuer', options)
  let keys = [await generateSigningKey(options.alg ?? 'ES384')]
  let rotation = Promise.resolve()
  let jwksRequests = 0
  /** @type {import('./index').OutageMode | null} */
  let outage = null
  const hanging = /** @type {Set<import('node:http').ServerResponse>} */ (new Set())

  const server = createServer((request, response) => {
    const path = String(request.url).split('?')[0]
    // Logto matches letter case and one trailing slash loosely below /oidc, but `/OIDC` and `//oidc` are other pages.
    const route = /^\/oidc(\/|$)/.test(path) ? path.toLowerCase().replace(/\/$/, '') : path
    if (route === '/oidc/jwks') jwksRequests += 1

    if (outage === 'down') return void request.socket.resetAndDestroy()
    if (outage === 'hang') return void hanging.add(response.on('close', () => hanging.delete(response)))
    if (outage && outage !== 'empty') return respond(response, ...OUTAGE_ANSWERS[outage])

    if (route === '/oidc/jwks') return respondWithKeySet(request, response, outage === 'empty' ? [] : keys)
    if (DISCOVERY_ROUTES.includes(route)) {
      // As in Logto, the issuer stays while every address follows the Host header the client sent.
      const base = `http://${request.headers.host ?? `127.0.0.1:${port}`}/oidc`
      return respond(response, 200, JSON_TYPE, JSON.stringify(discoveryDocument(issuer, base, keys)))
    }
    if (route.startsWith('/oidc')) return respond(response, 404, JSON_TYPE, '{"error":"invalid_request"}')
    if (path.startsWith('/.well-known/')) return respond(response, 404, 'text/plain; charset=utf-8', 'Not Found')
    return respond(response, 200, HTML_TYPE, PAGE, { 'Cache-Control': 'no-cache, no-store, must-revalidate' })
  })
  // A client in this process holds its own end of a connection, so its awaited request still keeps the process alive.
  server.on('connection', (socket) => socket.unref())
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()

  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const logtoUrl = `http://127.0.0.1:${port}`
  const issuer = `${logtoUrl}/oidc`
  // A port may come again in the same process: what is known there of a former issuer's keys, and for how long they are not
  // to be asked for, is not true of this one's.
  require('../core/addon').invalidateJwksCache(logtoUrl)

  const closed = once(server, 'close')
  const close = async () => {
    server.close()
    server.closeAllConnections()
    await closed
  }

  return {
    logtoUrl,
    issuer,
    jwksUri: `${issuer}/jwks`,
    get jwksRequests() {
      return jwksRequests
    },
    mint: (claims = {}) => mintToken(issuer, keys[0], claims),
    rotateKeys: async (change = {}) => {
      checkOptions('rotateKeys', change)
      // One after another, because an RSA key takes longer to make than an EC key asked for after it.
      const turn = rotation.then(async () => {
        const key = await generateSigningKey(change.alg ?? keys[0].alg)
        keys = change.keepPrevious === false ? [key] : [key, keys[0]]
      })
      rotation = turn.catch(() => {})
      return turn
    },
    setOutage: (mode) => {
      if (mode !== null && !OUTAGE_MODES.includes(mode)) {
        throw invalidOption('setOutage', '`mode`', mode, `one of ${OUTAGE_MODES.join(', ')}, or null`)
      }
      outage = mode
      for (const response of hanging) response.destroy()
      if (mode === 'down') server.closeAllConnections()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/**
 * @typedef {import('./index').TestAlgorithm} TestAlgorithm
 * @typedef {{ alg: TestAlgorithm, privateKey: import('node:crypto').KeyObject, jwk: { kid: string } }} SigningKey
 */

/** @type {(alg: TestAlgorithm) => Promise<SigningKey>} */
const generateSigningKey = async (alg) => {
  const { type, parameters } = ALGORITHMS[alg]
  /** @type {import('node:crypto').KeyPairKeyObjectResult} */
  const { privateKey, publicKey } = await generateKeys(type, parameters)
  const members = publicKey.export({ format: 'jwk' })
  // RFC 7638: the public members in lexicographic order, without whitespace.
  const canonical = JSON.stringify(members, Object.keys(members).sort())
  const kid = createHash('sha256').update(canonical).digest('base64url')
  const { kty, crv, x, y, e, n } = members
  const jwk = { kty, use: 'sig', kid, alg: kty === 'RSA' ? undefined : alg, crv, x, y, e, n }
  return { alg, privateKey, jwk }
}

/** @type {(issuer: string, key: SigningKey, options: import('./index').MintOptions) => string} */
const mintToken = (issuer, key, options) => {
  checkOptions('mint', options)
  const { sub = 'test-user', clientId = 'test-app', audience = 'https://api.example.com' } = options
  const { organizationId, notBefore, expiresIn = LIFETIME } = options
  const now = Math.floor(Date.now() / 1000)
  const exp = now + expiresIn
  // Without scopes, a machine's token for an API resource has no such claim, any other token an empty one.
  const isOrganizationToken = organizationId !== undefined || audience.startsWith('urn:logto:organization:')
  const scope = options.scope ?? (sub === clientId && !isOrganizationToken ? undefined : '')

  const payload = {
    organization_id: organizationId,
    jti: randomBytes(32).toString('base64url'),
    sub,
    iat: expiresIn > 0 ? now : exp - LIFETIME,
    exp,
    scope: Array.isArray(scope) ? scope.join(' ') : scope,
    client_id: clientId,
    iss: issuer,
    aud: audience,
    nbf: notBefore === undefined ? undefined : now + notBefore,
    ...options.claims,
  }
  const header = { alg: key.alg, typ: 'at+jwt', kid: key.jwk.kid, ...options.header }
  const signed = `${encodeJson('header', header)}.${encodeJson('claims', payload)}`
  const { hash, signing } = ALGORITHMS[key.alg]
  return `${signed}.${sign(hash, Buffer.from(signed), { key: key.privateKey, ...signing }).toString('base64url')}`
}

/** @type {(option: string, value: object) => string} */
const encodeJson = (option, value) => {
  const json = JSON.stringify(value, (name, member) => {
    const isJson = typeof member === 'number' ? Number.isFinite(member) : !/bigint|function|symbol/.test(typeof member)
    if (!isJson) throw invalidOption('mint', `\`${option}.${name}\``, member, 'a JSON value or undefined')
    return member
  })
  return Buffer.from(json).toString('base64url')
}

/** @type {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse, keys: SigningKey[]) => void} */
const respondWithKeySet = (request, response, keys) => {
  const body = JSON.stringify({ keys: keys.map((key) => key.jwk) })
  const digest = createHash('sha1').update(body).digest('base64').slice(0, 27)
  const etag = `"${Buffer.byteLength(body).toString(16)}-${digest}"`
  const headers = { 'Cache-Control': 'no-cache, max-age=0, must-revalidate', ETag: etag }
  const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  if (known.includes(etag) || known.includes('*')) return void response.writeHead(304, headers).end()
  respond(response, 200, JWKS_TYPE, body, headers)
}

/** @type {(response: import('node:http').ServerResponse, status: number, type: string, body: string, headers?: object) => void} */
const respond = (response, status, type, body, headers) => {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...headers }).end(body)
}

/** @type {(issuer: string, base: string, keys: SigningKey[]) => object} */
const discoveryDocument = (issuer, base, keys) => ({
  authorization_endpoint: `${base}/auth`,
  issuer,
  jwks_uri: `${base}/jwks`,
  response_types_supported: ['code id_token', 'code', 'id_token', 'none'],
  subject_types_supported: ['public'],
  token_endpoint: `${base}/token`,
  id_token_signing_alg_values_supported: [...new Set(keys.map((key) => key.alg))],
})

/** @type {(caller: string, options: object) => void} */
const checkOptions = (caller, options) => {
  const known = OPTIONS[caller]
  if (!isObject(options)) throw invalidOption(caller, 'its options', options, 'an object')
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(known, name)) throw invalidOption(caller, 'each option', name, oneOf(known))
    const [isValid, wanted] = known[name]
    if (value !== undefined && !isValid(value)) throw invalidOption(caller, `\`${name}\``, value, wanted)
  }
}

/** @type {(caller: string, what: string, given: unknown, wanted: string) => TypeError} */
const invalidOption = (caller, what, given, wanted) => {
  const message = `${caller}: ${what} must be ${wanted}, not ${inspect(given, { depth: 0, maxStringLength: 80 })}`
  return Object.assign(new TypeError(message), { code: 'invalid_options' })
}

/** @type {(record: object) => string} */
const oneOf = (record) => `one of ${Object.keys(record).join(', ')}`
/** @type {(value: unknown) => boolean} */
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
/** @type {(value: unknown) => boolean} */
const isString = (value) => typeof value === 'string'

/** @type {any} */
const generateKeys = promisify(generateKeyPair)

const EC = { type: 'ec', signing: { dsaEncoding: 'ieee-p1363' } }
// Logto's RSA keys have 4096 bits: 1.1 s to make, on average, against 0.2 s for 2048.
const RSA = { type: 'rsa', parameters: { modulusLength: 2048 } }
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
/** @type {Record<TestAlgorithm, { type: string, parameters?: any, hash: string | null, signing?: object }>} */
const ALGORITHMS = {
  ES384: { ...EC, hash: 'sha384', parameters: { namedCurve: 'P-384' } },
  ES256: { ...EC, hash: 'sha256', parameters: { namedCurve: 'P-256' } },
  EdDSA: { type: 'ed25519', hash: null },
  RS256: { ...RSA, hash: 'sha256' },
  RS384: { ...RSA, hash: 'sha384' },
  RS512: { ...RSA, hash: 'sha512' },
  PS256: { ...RSA, hash: 'sha256', signing: PSS },
  PS384: { ...RSA, hash: 'sha384', signing: PSS },
  PS512: { ...RSA, hash: 'sha512', signing: PSS },
}

/** @typedef {[(value: any) => boolean, string]} Rule @type {Rule} */
const ALG = [(value) => isString(value) && Object.hasOwn(ALGORITHMS, value), oneOf(ALGORITHMS)]
/** @type {Record<string, Record<string, Rule>>} */
const OPTIONS = {
  createTestIssuer: {
    alg: ALG,
    port: [(value) => Number.isInteger(value) && value >= 0 && value <= 65535, 'an integer from 0 to 65535'],
  },
  rotateKeys: { alg: ALG, keepPrevious: [(value) => typeof value === 'boolean', 'a boolean'] },
  mint: {
    sub: [isString, 'a string'],
    clientId: [isString, 'a string'],
    scope: [(value) => [value].flat().every(isString), 'a string or an array of strings'],
    audience: [isString, 'a string'],
    organizationId: [isString, 'a string'],
    expiresIn: [Number.isFinite, 'a finite number of seconds'],
    notBefore: [Number.isFinite, 'a finite number of seconds'],
    claims: [isObject, 'an object'],
    header: [isObject, 'an object'],
  },
}

const LIFETIME = 3600
const JSON_TYPE = 'application/json; charset=utf-8'
const JWKS_TYPE = 'application/jwk-set+json; charset=utf-8'
const HTML_TYPE = 'text/html; charset=utf-8'
const PAGE = '<!doctype html><html><head><title>Test issuer</title></head><body></body></html>'
const DISCOVERY_ROUTES = ['/oidc/.well-known/openid-configuration', '/oidc/.well-known/oauth-authorization-server']
/** @type {Record<'error' | 'html' | 'garbage', [number, string, string]>} */
const OUTAGE_ANSWERS = {
  error: [500, JSON_TYPE, '{"message":"Internal server error."}'],
  html: [200, HTML_TYPE, PAGE],
  garbage: [200, JWKS_TYPE, '{"keys":[{"kty":"EC","use":'],
}
const OUTAGE_MODES = ['down', 'error', 'hang', 'html', 'garbage', 'empty']

module.exports = { createTestIssuer }
