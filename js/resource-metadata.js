/** Protected resource metadata (RFC 9728): see resource-metadata.d.ts for the contract. */

const native = require('./core/addon')
const { orThrow, unknownOption, wrongOption } = require('./core/errors')
const { send } = require('./adapters/node-response')
const { ownMembers } = require('./core/options')

/** The members of the document that applications may fill (RFC 9728 section 2), by the options that do. */
const OPTIONAL = {
  resourceName: 'resource_name',
  resourceDocumentation: 'resource_documentation',
  resourcePolicyUri: 'resource_policy_uri',
  resourceTosUri: 'resource_tos_uri',
}

const KNOWN = ['authorizationServers', 'bearerMethodsSupported', 'logtoUrl', 'resource', 'scopesSupported']

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** @type {typeof import('./resource-metadata').createResourceMetadata} */
function createResourceMetadata(options) {
  const document = documentOf(ownMembers(options))
  const { origin, pathname } = new URL(document.resource)
  // Section 3.1: the well-known part comes between host and path, and a path that is a slash alone goes.
  const path = pathname === '/' ? WELL_KNOWN : WELL_KNOWN + pathname
  const body = JSON.stringify(document)
  const headers = {
    // Clients that run in a page of anywhere read it too; there is nothing in it that is not public.
    'Access-Control-Allow-Origin': '*',
    'Cache-Control': 'public, max-age=300',
    'Content-Type': 'application/json',
  }
  return {
    document,
    path,
    url: origin + path,
    response: () => new Response(body, { headers }),
    handler(req, res, next) {
      const asked = /** @type {any} */ (req).originalUrl ?? req.url
      const isAsked = (req.method === 'GET' || req.method === 'HEAD') && asked.split('?', 1)[0] === path
      if (isAsked) send(res, { status: 200, headers, body })
      else next()
    },
  }
}

/** @param {any} options */
function documentOf(options) {
  const names = [...KNOWN, ...Object.keys(OPTIONAL)].sort()
  for (const option of Object.keys(options)) if (!names.includes(option)) throw unknownOption(option, names)
  const { resource, logtoUrl, authorizationServers, scopesSupported, bearerMethodsSupported = ['header'] } = options
  const servers = authorizationServers ?? [orThrow(native.issuer(logtoUrl))]
  /** @type {import('./resource-metadata').ResourceMetadataDocument} */
  const document = {
    resource: checked('resource', resource, isAddress, ADDRESS),
    authorization_servers: checked(
      'authorizationServers',
      servers,
      listOf(isAddress),
      `a non-empty array, each ${ADDRESS}`,
    ),
    bearer_methods_supported: checked('bearerMethodsSupported', bearerMethodsSupported, listOf(isMethod), METHODS),
  }
  if (scopesSupported !== undefined) {
    document.scopes_supported = checked(
      'scopesSupported',
      scopesSupported,
      listOf(isScope),
      'a non-empty array of scopes',
    )
  }
  for (const [option, member] of Object.entries(OPTIONAL)) {
    if (options[option] === undefined) continue
    const [valid, wanted] = option === 'resourceName' ? [isText, 'a non-empty string'] : [isPage, PAGE]
    Object.assign(document, { [member]: checked(option, options[option], valid, wanted) })
  }
  return document
}

/**
 * @param {string} option
 * @param {any} value
 * @param {(value: any) => boolean} isValid
 * @param {string} wanted
 */
function checked(option, value, isValid, wanted) {
  if (isValid(value)) return Array.isArray(value) ? [...value] : value
  throw wrongOption(option, wanted, value)
}

/** @type {(isValid: (item: any) => boolean) => (value: any) => boolean} */
const listOf = (isValid) => (value) => Array.isArray(value) && value.length > 0 && value.every(isValid)

/** @param {unknown} value */
const isText = (value) => typeof value === 'string' && value !== ''

/** @param {any} value */
const isPage = (value) => isText(value) && /^https?:\/\//.test(value) && URL.canParse(value)

/** @param {any} value - An identifier, which is compared to the letter: one that a parser would write otherwise is none. */
function isAddress(value) {
  if (!isPage(value) || /[?#]/.test(value)) return false
  const { href, username, password } = new URL(value)
  return (href === value || href === `${value}/`) && username === '' && password === ''
}

/** @param {any} value - RFC 6750 section 2. */
const isMethod = (value) => ['header', 'body', 'query'].includes(value)

/** @param {any} value - RFC 6749 section 3.3. */
const isScope = (value) => typeof value === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)

const ADDRESS = 'an absolute http or https address in its normal form, without user name, query and fragment'
const PAGE = 'an absolute http or https address'
const METHODS = "a non-empty array of 'header', 'body' and 'query'"

module.exports = { createResourceMetadata }
