/** Authorization for MCP servers: see mcp.d.ts for the contract. */

const { contextOf } = require('./adapters/authenticator')
const { logtoAuth } = require('./adapters/express')
const { isContext, tokenOf } = require('./core/context')
const { contract } = require('./core/contract')
const { check } = require('./core/options')
const { createResourceMetadata } = require('./resource-metadata')

/** @typedef {import('..').AuthContext} AuthContext */
/** @typedef {import('./mcp').AuthInfo} AuthInfo */

/** @type {typeof import('./mcp').mcpAuth} */
function mcpAuth(options) {
  const checkedOptions = check('mcp', options)
  // If the `issuer` option is set, clients must get their tokens from the issuers in this option.
  const servers = checkedOptions.issuer === undefined ? {} : { authorizationServers: [checkedOptions.issuer].flat() }
  const metadata = createResourceMetadata({ ...servers, ...pickOptions(checkedOptions, 'resourceMetadata') })
  const authenticate = logtoAuth({
    audience: checkedOptions.resource,
    ...pickOptions(checkedOptions, 'adapter'),
    // The MCP specification allows tokens only in the header. Browsers would send a cookie even with cross-site
    // requests.
    tokenSources: ['header'],
    resourceMetadata: metadata.url,
    // The MCP SDK reads `req.auth`.
    property: 'logto',
  })

  return function mcpAuth(req, res, next) {
    metadata.handler(req, res, () => {
      authenticate(req, res, (/** @type {unknown[]} */ ...error) => {
        const auth = contextOf(req)
        const value = auth === undefined ? undefined : toAuthInfo(auth)
        try {
          // If other middleware has made `req.auth` read-only, an assignment would fail.
          Object.defineProperty(req, 'auth', { value, writable: true, configurable: true, enumerable: true })
        } catch (fault) {
          return next(fault)
        }
        next(...error)
      })
    })
  }
}

/**
 * Returns the options of `mcpAuth` that are set and that the given option set also contains.
 *
 * @param {Record<string, any>} members
 * @param {'adapter' | 'resourceMetadata'} optionSet
 * @returns {any}
 */
const pickOptions = (members, optionSet) =>
  Object.fromEntries(
    contract()
      .options[optionSet].filter(({ name }) => members[name] !== undefined)
      .map(({ name }) => [name, members[name]]),
  )

/** @type {typeof import('./mcp').toAuthInfo} */
function toAuthInfo(auth) {
  if (!isContext(auth) || auth.isGuest) throw new TypeError('Expected the context of an authenticated request')
  const { clientId, organizationId, payload, scopes, subjectType, userId } = auth
  const resource = [payload.aud].flat().find((audience) => audience !== undefined && URL.canParse(audience))
  return {
    token: tokenOf(auth) ?? '',
    clientId: clientId ?? '',
    scopes,
    extra: { userId, organizationId, subjectType, payload },
    ...(payload.exp === undefined ? {} : { expiresAt: payload.exp }),
    ...(resource === undefined ? {} : { resource: new URL(resource) }),
  }
}

module.exports = { mcpAuth, toAuthInfo }
