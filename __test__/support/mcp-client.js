/** Clients of both versions of the MCP SDK, and a user who signs in when they open a browser. */

const { freePort } = require('./servers')

/** Loads the SDK without its types, which need the types of a browser. */
const load = (name) => require(`@modelcontextprotocol/${name}`)
const SDKS = {
  1: { ...load('sdk/client/auth.js'), ...load('sdk/client/index.js'), ...load('sdk/client/streamableHttp.js') },
  2: load('client'),
}

const APP_URL = 'http://localhost/app'
const CLIENT_ID = 'mcp-client'

/**
 * Starts an authorization server for a resource, with a registered client.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} resource
 */
async function startAuthorizationServer(t, resource) {
  const { startIdentityServer } = await import('../../examples/next/identity-server.mjs')
  const options = { port: await freePort(), appUrl: APP_URL, appId: CLIENT_ID, audience: resource }
  const server = await startIdentityServer(options)
  t.after(() => server.close())
  return server
}

/** The state that the SDK asks an application to store, and the page that it asks the application to open. */
class Provider {
  redirectUrl = `${APP_URL}/callback`
  clientMetadata = { redirect_uris: [this.redirectUrl] }
  /** @type {any} */
  stored = {}
  clientInformation = () => ({ client_id: CLIENT_ID })
  tokens = () => this.stored.tokens
  saveTokens = (tokens) => void Object.assign(this.stored, { tokens })
  codeVerifier = () => this.stored.verifier
  saveCodeVerifier = (verifier) => void Object.assign(this.stored, { verifier })
  redirectToAuthorization = (url) => void Object.assign(this.stored, { url })
}

/**
 * Connects a client that has no token: the SDK discovers the authorization server, and the user signs in.
 *
 * @param {import('node:test').TestContext} t
 * @param {string} resource
 * @param {1 | 2} version - The version of the SDK.
 */
async function connectClient(t, resource, version = 1) {
  const { Client, StreamableHTTPClientTransport, UnauthorizedError } = SDKS[version]
  const provider = new Provider()
  const connect = async () => {
    const transport = new StreamableHTTPClientTransport(new URL(resource), { authProvider: provider })
    const client = new Client({ name: 'test', version: '1.0.0' })
    /** @type {Error[]} */
    const errors = []
    client.onerror = (error) => errors.push(error)
    t.after(() => client.close())
    return { transport, client, errors, connected: client.connect(transport) }
  }
  const { transport, connected } = await connect()
  await connected.then(
    () => Promise.reject(new Error('connected without a token')),
    (error) => error instanceof UnauthorizedError || Promise.reject(error),
  )
  const params = await signIn(provider.stored.url)
  // Version 2 also checks the issuer (RFC 9207).
  await transport.finishAuth(params.get('code'), params.get('iss'))
  const { client, errors, connected: again } = await connect()
  await again
  return { client, errors, url: provider.stored.url }
}

/** Signs in as alice, and returns the parameters of the authorization response. */
async function signIn(url) {
  const cookies = new Map()
  let request = {}
  for (let hop = url; ; ) {
    const headers = { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') }
    const response = await fetch(hop, { redirect: 'manual', headers, ...request })
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      cookies.set(name, value)
    }
    request = {}
    const location = response.headers.get('location')
    if (location?.startsWith(APP_URL)) return new URL(location).searchParams
    if (location !== null) hop = new URL(location, hop)
    else if (response.ok) {
      request = { method: 'POST', body: new URLSearchParams({ name: 'alice', password: 'wonderland' }) }
    } else throw new Error(`${response.status} ${await response.text()}`)
  }
}

module.exports = { connectClient, freePort, startAuthorizationServer }
