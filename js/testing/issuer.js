/** A Logto-like issuer for tests and for `logto-authkit dev`: see index.d.ts for the contract. */

const { constants, createHash, generateKeyPair, randomBytes, sign } = require('node:crypto')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { promisify } = require('node:util')

/**
 * @typedef {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse, route: string,
 *   issuer: import('./index').TestIssuer) => boolean} RequestHandler - Returns whether it responds to the request.
 */

/**
 * @param {import('./index').TestIssuerOptions} [options]
 * @param {RequestHandler} [handleSignIn] - The endpoints for signing in. Without them, the issuer responds
 *   to their paths as Logto does to unknown paths.
 * @returns {Promise<import('./index').TestIssuer>}
 */
const startIssuer = async (options, handleSignIn) => {
  const { alg, port: requestedPort } = readOptions('testIssuer', options)
  let keys = [await generateSigningKey(alg)]
  let lastRotation = Promise.resolve()
  let jwksRequests = 0
  /** @type {import('./index').OutageMode | null} */
  let outage = null
  const hangingResponses = /** @type {Set<import('node:http').ServerResponse>} */ (new Set())

  const server = createServer((request, response) => {
    const path = String(request.url).split('?')[0]
    // In paths below `/oidc`, Logto ignores case and one trailing slash. `/OIDC` and `//oidc` are not the same page as
    // `/oidc`.
    const route = /^\/oidc(\/|$)/.test(path) ? path.toLowerCase().replace(/\/$/, '') : path
    if (route === '/oidc/jwks') jwksRequests += 1

    if (outage === 'down') return void request.socket.resetAndDestroy()
    if (outage === 'hang')
      return void hangingResponses.add(response.on('close', () => hangingResponses.delete(response)))
    if (outage && outage !== 'empty') return sendResponse(response, ...OUTAGE_RESPONSES[outage])

    if (handleSignIn?.(request, response, route, testIssuer)) return
    if (route === '/oidc/jwks') return respondWithKeySet(request, response, outage === 'empty' ? [] : keys)
    if (DISCOVERY_ROUTES.includes(route)) {
      // Logto also derives all URLs except the issuer from the request's Host header.
      const base = `http://${request.headers.host ?? `127.0.0.1:${port}`}/oidc`
      return sendResponse(response, 200, JSON_CONTENT_TYPE, JSON.stringify(discoveryDocument(issuer, base, keys)))
    }
    if (route.startsWith('/oidc')) return sendResponse(response, 404, JSON_CONTENT_TYPE, '{"error":"invalid_request"}')
    if (path.startsWith('/.well-known/')) return sendResponse(response, 404, TEXT_CONTENT_TYPE, 'Not Found')
    return sendResponse(response, 200, HTML_CONTENT_TYPE, HTML_PAGE, {
      'Cache-Control': 'no-cache, no-store, must-revalidate',
    })
  })
  // A client in this process still keeps the process alive while waiting for a response, because the client has its own
  // socket.
  server.on('connection', (socket) => socket.unref())
  server.listen(requestedPort, '127.0.0.1')
  await once(server, 'listening')
  server.unref()

  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const logtoUrl = `http://127.0.0.1:${port}`
  const issuer = `${logtoUrl}/oidc`
  // This process may have used the port for an earlier issuer, so the earlier issuer's cached keys and cooldown are
  // dropped.
  require('../core/addon').invalidateJwksCache(logtoUrl)

  const closed = once(server, 'close')
  const close = async () => {
    server.close()
    server.closeAllConnections()
    await closed
  }

  /** @type {import('./index').TestIssuer} */
  const testIssuer = {
    logtoUrl,
    issuer,
    jwksUri: `${issuer}/jwks`,
    get jwksRequests() {
      return jwksRequests
    },
    mint: (options) => mintToken(issuer, keys[0], options),
    rotateKeys: async (options) => {
      const { alg, keepPrevious } = readOptions('rotateKeys', options)
      // Rotations run one at a time. Otherwise, a later rotation could finish first, because an EC key is generated
      // faster than an RSA key.
      const currentRotation = lastRotation.then(async () => {
        const key = await generateSigningKey(alg ?? keys[0].alg)
        keys = keepPrevious ? [key, keys[0]] : [key]
      })
      lastRotation = currentRotation.catch(() => {})
      return currentRotation
    },
    setOutage: (mode) => {
      if (mode !== null && !OUTAGE_MODES.includes(mode)) {
        throw invalidOption('mode', `one of ${OUTAGE_MODES.join(', ')}, or null`, mode)
      }
      outage = mode
      for (const response of hangingResponses) response.destroy()
      if (mode === 'down') server.closeAllConnections()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
  return testIssuer
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
  // The JWK thumbprint (RFC 7638) covers the public members in lexicographic order, without whitespace.
  const canonicalJwk = JSON.stringify(members, Object.keys(members).sort())
  const kid = createHash('sha256').update(canonicalJwk).digest('base64url')
  const { kty, crv, x, y, e, n } = members
  const jwk = { kty, use: 'sig', kid, alg: kty === 'RSA' ? undefined : alg, crv, x, y, e, n }
  return { alg, privateKey, jwk }
}

/** @type {(issuer: string, key: SigningKey, mintOptions?: import('./index').MintOptions) => string} */
const mintToken = (issuer, key, mintOptions) => {
  const options = readOptions('mint', mintOptions)
  const { sub, clientId, audience, organizationId, notBefore, expiresIn } = options
  const now = Math.floor(Date.now() / 1000)
  const exp = now + expiresIn
  // Without scopes, Logto omits the `scope` claim from machine-to-machine tokens for API resources, and leaves the
  // claim empty in all other tokens.
  const isOrganizationToken = organizationId !== undefined || audience.startsWith('urn:logto:organization:')
  const scope = options.scope ?? (sub === clientId && !isOrganizationToken ? undefined : '')

  const payload = {
    organization_id: organizationId,
    jti: randomBytes(32).toString('base64url'),
    sub,
    iat: expiresIn > 0 ? now : exp - ORIGINAL_LIFETIME_SECONDS,
    exp,
    scope: Array.isArray(scope) ? scope.join(' ') : scope,
    client_id: clientId,
    iss: issuer,
    aud: audience,
    nbf: notBefore === undefined ? undefined : now + notBefore,
    ...options.claims,
  }
  const header = { alg: key.alg, typ: 'at+jwt', kid: key.jwk.kid, ...options.header }
  const signingInput = `${encodeJson('header', header)}.${encodeJson('claims', payload)}`
  const { hash, signingOptions } = ALGORITHMS[key.alg]
  const signature = sign(hash, Buffer.from(signingInput), { key: key.privateKey, ...signingOptions })
  return `${signingInput}.${signature.toString('base64url')}`
}

/** @type {(option: string, value: object) => string} */
const encodeJson = (option, value) => {
  const json = JSON.stringify(value, (name, member) => {
    const isJson = typeof member === 'number' ? Number.isFinite(member) : !/bigint|function|symbol/.test(typeof member)
    if (!isJson) throw invalidOption(`${option}.${name}`, 'a JSON value or undefined', member)
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
  const cachedETags = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? []
  if (cachedETags.includes(etag) || cachedETags.includes('*')) return void response.writeHead(304, headers).end()
  sendResponse(response, 200, JWKS_CONTENT_TYPE, body, headers)
}

/** @type {(response: import('node:http').ServerResponse, status: number, type: string, body: string, headers?: object) => void} */
const sendResponse = (response, status, type, body, headers) => {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...headers }).end(body)
}

/** @type {(issuer: string, base: string, keys: SigningKey[]) => object} */
const discoveryDocument = (issuer, base, keys) => ({
  authorization_endpoint: `${base}/auth`,
  authorization_response_iss_parameter_supported: true,
  code_challenge_methods_supported: ['S256'],
  end_session_endpoint: `${base}/session/end`,
  issuer,
  jwks_uri: `${base}/jwks`,
  response_types_supported: ['code id_token', 'code', 'id_token', 'none'],
  subject_types_supported: ['public'],
  token_endpoint: `${base}/token`,
  userinfo_endpoint: `${base}/me`,
  revocation_endpoint: `${base}/token/revocation`,
  id_token_signing_alg_values_supported: [...new Set(keys.map((key) => key.alg))],
})

/**
 * Adds the defaults to the given options. Loads the core on first use, so importing this module requires only Node.
 *
 * @type {(set: string, options: unknown) => Record<string, any>}
 */
const readOptions = (set, options) => {
  const { defaultOptions } = require('../core/contract')
  const { check } = require('../core/options')
  const definedOptions = Object.entries(check(set, options)).filter(([, value]) => value !== undefined)
  return { ...defaultOptions(set), ...Object.fromEntries(definedOptions) }
}

/** @type {typeof import('../core/errors').invalidOption} */
const invalidOption = (...args) => require('../core/errors').invalidOption(...args)

/** @type {any} */
const generateKeys = promisify(generateKeyPair)

const EC = { type: 'ec', signingOptions: { dsaEncoding: 'ieee-p1363' } }
// Logto's RSA keys have 4096 bits, which take 1.1 s to generate on average, compared to 0.2 s for 2048 bits.
const RSA_KEY = { type: 'rsa', parameters: { modulusLength: 2048 } }
const PSS_SIGNING_OPTIONS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
/** @type {Record<TestAlgorithm, { type: string, parameters?: any, hash: string | null, signingOptions?: object }>} */
const ALGORITHMS = {
  ES384: { ...EC, hash: 'sha384', parameters: { namedCurve: 'P-384' } },
  ES256: { ...EC, hash: 'sha256', parameters: { namedCurve: 'P-256' } },
  ES512: { ...EC, hash: 'sha512', parameters: { namedCurve: 'P-521' } },
  EdDSA: { type: 'ed25519', hash: null },
  Ed25519: { type: 'ed25519', hash: null },
  RS256: { ...RSA_KEY, hash: 'sha256' },
  RS384: { ...RSA_KEY, hash: 'sha384' },
  RS512: { ...RSA_KEY, hash: 'sha512' },
  PS256: { ...RSA_KEY, hash: 'sha256', signingOptions: PSS_SIGNING_OPTIONS },
  PS384: { ...RSA_KEY, hash: 'sha384', signingOptions: PSS_SIGNING_OPTIONS },
  PS512: { ...RSA_KEY, hash: 'sha512', signingOptions: PSS_SIGNING_OPTIONS },
}

/** For a token that has already expired when it is minted, how long before `exp` its `iat` is. */
const ORIGINAL_LIFETIME_SECONDS = 3600
const JSON_CONTENT_TYPE = 'application/json; charset=utf-8'
const JWKS_CONTENT_TYPE = 'application/jwk-set+json; charset=utf-8'
const TEXT_CONTENT_TYPE = 'text/plain; charset=utf-8'
const HTML_CONTENT_TYPE = 'text/html; charset=utf-8'
const HTML_PAGE = '<!doctype html><html><head><title>Test issuer</title></head><body></body></html>'
const DISCOVERY_ROUTES = ['/oidc/.well-known/openid-configuration', '/oidc/.well-known/oauth-authorization-server']
/** @type {Record<'error' | 'html' | 'garbage', [number, string, string]>} */
const OUTAGE_RESPONSES = {
  error: [500, JSON_CONTENT_TYPE, '{"message":"Internal server error."}'],
  html: [200, HTML_CONTENT_TYPE, HTML_PAGE],
  garbage: [200, JWKS_CONTENT_TYPE, '{"keys":[{"kty":"EC","use":'],
}
const OUTAGE_MODES = ['down', 'error', 'hang', 'html', 'garbage', 'empty']

module.exports = { startIssuer }
