/** Protected resource metadata (RFC 9728): see resource-metadata.d.ts for the contract. */

const { sendResponse } = require('./adapters/response')
const native = require('./core/addon')
const { NO_VARIABLES, environmentFor, withMissingOptionHint } = require('./core/environment')
const { valueOrThrow } = require('./core/errors')
const { snapshot } = require('./core/options')

const WELL_KNOWN_PATH = '/.well-known/oauth-protected-resource'

/** @type {typeof import('./resource-metadata').createResourceMetadata} */
function createResourceMetadata(options) {
  const optionsSnapshot = snapshot(options)
  const environment = environmentFor('resourceMetadata', optionsSnapshot) ?? NO_VARIABLES
  /** @type {import('./resource-metadata').ResourceMetadataDocument} */
  const document = JSON.parse(
    valueOrThrow(
      withMissingOptionHint(native.resourceMetadata(optionsSnapshot, environment), 'resourceMetadata', optionsSnapshot),
    ),
  )
  const { origin, pathname } = new URL(document.resource)
  // According to RFC 9728 section 3.1, the well-known part goes between the host and the path of the resource, and a
  // path of `/` is dropped.
  const path = pathname === '/' ? WELL_KNOWN_PATH : WELL_KNOWN_PATH + pathname
  const body = JSON.stringify(document)
  const headers = {
    // The document is public, so browser-based clients on any origin may read it.
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
      const requestedUrl = /** @type {any} */ (req).originalUrl ?? req.url
      const matches = (req.method === 'GET' || req.method === 'HEAD') && requestedUrl.split('?', 1)[0] === path
      if (matches) sendResponse(res, { status: 200, headers, body })
      else next()
    },
  }
}

module.exports = { createResourceMetadata }
