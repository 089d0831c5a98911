const { generateKeyPair } = require('node:crypto')
const { createServer } = require('node:http')
const { promisify } = require('node:util')

/**
 * A real OpenID Connect server in this process: `oidc-provider`, the library that Logto is built on, configured like
 * Logto (mounted at `/oidc`, API resources, JWT access tokens, ES384).
 *
 * @typedef {object} IdentityServer
 * @property {string} logtoUrl the base URL, without `/oidc`
 * @property {(resource: string, scope: string) => Promise<string>} requestToken requests an access token over HTTP
 * @property {() => Promise<void>} rotateKey starts signing with a new ES384 key; the previous one stays in the key set
 * @property {() => void} dropPreviousKey removes all ES384 keys except the newest from the key set
 * @property {() => number} jwksRequests number of requests for the key set
 * @property {(isDown: boolean) => void} setDown resets all connections, or responds again
 * @property {() => Promise<void>} close
 */

/**
 * @param {Record<string, { parameters: string[], handle: (context: any, provider: any) => Promise<void> }>} [grantTypes]
 *   Additional grant types, by name.
 * @returns {Promise<IdentityServer>} listening on a free port of 127.0.0.1
 */
async function startIdentityServer(grantTypes = {}) {
  const { Provider, errors } = await importProvider()
  const rsaKey = await generateJwk('rsa', { modulusLength: 2048 })
  let ecKeys = [await generateJwk('ec', { namedCurve: 'P-384' })]
  let jwksRequests = 0
  let isDown = false

  /** @type {import('node:http').RequestListener} */
  let provider
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    if (isDown) return void request.socket.resetAndDestroy()
    if (!path.startsWith(`${MOUNT}/`)) return void response.writeHead(404).end()
    if (path === `${MOUNT}/jwks`) jwksRequests += 1
    // A mounted provider expects Express's convention: `url` relative to the mount point, `originalUrl` as requested.
    provider(Object.assign(request, { originalUrl: path, url: path.slice(MOUNT.length) }), response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const logtoUrl = `http://127.0.0.1:${port}`
  const issuer = `${logtoUrl}${MOUNT}`

  // The provider reads its keys only once, so new keys require a new provider behind the same socket.
  const mount = () => {
    const configuration = providerConfiguration([...ecKeys, rsaKey], Object.keys(grantTypes), errors)
    const created = new Provider(issuer, configuration)
    for (const [name, { parameters, handle }] of Object.entries(grantTypes)) {
      created.registerGrantType(name, (/** @type {any} */ context) => handle(context, created), parameters)
    }
    provider = created.callback()
  }
  mount()

  return {
    logtoUrl,
    requestToken: (resource, scope) => requestToken(issuer, resource, scope),
    async rotateKey() {
      ecKeys = [await generateJwk('ec', { namedCurve: 'P-384' }), ...ecKeys]
      mount()
    },
    dropPreviousKey() {
      ecKeys = ecKeys.slice(0, 1)
      mount()
    },
    jwksRequests: () => jwksRequests,
    setDown(value) {
      isDown = value
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

/**
 * @param {import('node:crypto').JsonWebKey[]} keys - The first key of each type signs tokens. The provider uses RFC
 *   7638 thumbprints as `kid`.
 * @param {string[]} grantTypes
 * @param {any} errors
 */
function providerConfiguration(keys, grantTypes, errors) {
  return {
    jwks: { keys },
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        grant_types: ['client_credentials', ...grantTypes],
        redirect_uris: [],
        response_types: [],
      },
    ],
    ttl: { ClientCredentials: 3600 },
    // JWT access tokens are not stored and the client is configured above, so the adapter is never used.
    adapter: class NoStorage {},
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        /** @param {unknown} _context @param {string} resource */
        getResourceServerInfo(_context, resource) {
          const known = RESOURCES.get(resource)
          if (!known) throw new errors.InvalidTarget()
          return { scope: known.scope, accessTokenFormat: 'jwt', jwt: { sign: { alg: known.alg } } }
        },
      },
    },
  }
}

/**
 * The client credentials grant (RFC 6749 section 4.4) for an API resource (RFC 8707).
 *
 * @param {string} issuer
 * @param {string} resource
 * @param {string} scope
 * @returns {Promise<string>}
 */
async function requestToken(issuer, resource, scope) {
  const credentials = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }),
  })
  const body = /** @type {any} */ (await response.json())
  if (!response.ok) throw new Error(`The token endpoint responded with ${response.status}: ${JSON.stringify(body)}`)
  return body.access_token
}

/**
 * @param {'ec' | 'rsa'} type
 * @param {object} options
 * @returns {Promise<import('node:crypto').JsonWebKey>}
 */
async function generateJwk(type, options) {
  const { privateKey } = await promisify(/** @type {any} */ (generateKeyPair))(type, options)
  return privateKey.export({ format: 'jwk' })
}

async function importProvider() {
  // `oidc-provider` 9 targets Node 22 and warns on Node 20, where the only missing API is `URL.parse`.
  const url = /** @type {any} */ (URL)
  url.parse ??= (/** @type {string} */ input) => (URL.canParse(input) ? new URL(input) : null)
  const { warn } = console
  console.warn = () => {}
  try {
    // @ts-expect-error: the package ships no types
    return await import('oidc-provider')
  } finally {
    console.warn = warn
  }
}

const MOUNT = '/oidc'
const CLIENT_ID = 'orders-importer'
const CLIENT_SECRET = 'a-secret-of-the-demo'
const ORDERS = 'https://orders.example.test'
const REPORTS = 'https://reports.example.test'
const RESOURCES = new Map([
  [ORDERS, { scope: 'read:orders write:orders', alg: 'ES384' }],
  [REPORTS, { scope: 'read:reports', alg: 'RS256' }],
])

module.exports = { startIdentityServer, CLIENT_ID, CLIENT_SECRET, ORDERS, REPORTS, RESOURCES }
