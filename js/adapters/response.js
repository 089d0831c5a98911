/**
 * HTTP responses for all frameworks: sends errors, and adds cookies without overwriting the application's cookies.
 */

const { inspect } = require('node:util')
const { errorTitle } = require('../core/contract')
const { AuthError, asError } = require('../core/errors')

/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {(error?: unknown) => void} Next */
/** @typedef {{ status: number, headers: Record<string, string>, body: string }} ErrorResponse */

/** @type {typeof import('../..').errorResponse} */
function errorResponse(error) {
  if (!(error instanceof AuthError)) throw new TypeError(`Expected an AuthError, got ${inspect(error, { depth: 0 })}`)
  const { code, status, message, headers } = error
  return /** @type {any} */ (jsonResponse(status, { error: errorTitle(code), code, message }, headers))
}

/** @type {(status: number, body: object, headers?: Record<string, string>) => ErrorResponse} */
const jsonResponse = (status, body, headers = { 'Cache-Control': 'no-store' }) => ({
  status,
  headers: { ...headers, 'Content-Type': 'application/json; charset=utf-8' },
  body: JSON.stringify(body),
})

/**
 * Sends a response. The headers are set one by one instead of being passed to `writeHead`, because other middleware may
 * have replaced `writeHead` to add headers, and may not expect any arguments other than the status.
 *
 * @type {(res: Response, response: ErrorResponse) => void}
 */
function sendResponse(res, { status, headers, body }) {
  res.statusCode = status
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
  res.setHeader('Content-Length', Buffer.byteLength(body))
  res.end(body)
}

/**
 * Sends a JSON response through the application's `res.status` and `res.json` if they exist, because the application
 * may have wrapped both functions, and because a minimal response object may have no other functions.
 *
 * @type {(res: any, response: ErrorResponse) => void}
 */
function sendJson(res, response) {
  if (typeof res.status !== 'function' || typeof res.json !== 'function') return sendResponse(res, response)
  const { 'Content-Type': _, ...headers } = response.headers
  if (typeof res.setHeader === 'function') {
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
  }
  res.status(response.status).json(JSON.parse(response.body))
}

/**
 * Passes an error other than a rejection to the next error handler.
 *
 * @type {(thrown: unknown, res: Response, next: Next) => void}
 */
function passToErrorHandler(thrown, res, next) {
  const error = asError(thrown)
  if (!res.headersSent) next(error)
  // An error handler cannot respond to a request whose response has already started.
  else process.emitWarning(error instanceof Error ? error : inspect(error))
}

/** The cookies to add to each response, by name. @type {WeakMap<Response, Map<string, string>>} */
const pendingCookies = new WeakMap()

/**
 * Adds a cookie immediately before the headers are sent, so that the application cannot replace the cookie by accident.
 * A cookie replaces an earlier cookie with the same name.
 *
 * @type {(res: Response, setCookie: string) => void}
 */
function addCookie(res, setCookie) {
  // A minimal response object, which a test may pass, has no `writeHead` to replace.
  if (typeof res.writeHead !== 'function') {
    return void (
      /** @type {any} */ (res).setHeader?.('Set-Cookie', [res.getHeader?.('Set-Cookie') ?? [], setCookie].flat())
    )
  }
  let cookies = pendingCookies.get(res)
  if (cookies === undefined) {
    cookies = new Map()
    pendingCookies.set(res, cookies)
    addCookiesBeforeHeaders(res, cookies)
  }
  cookies.set(setCookie.split('=', 1)[0], setCookie)
}

/**
 * Replaces `writeHead`, which Node calls even if the headers are sent implicitly.
 *
 * @type {(res: Response, cookies: Map<string, string>) => void}
 */
function addCookiesBeforeHeaders(res, cookies) {
  const { writeHead } = res
  /** @type {(status: number, ...rest: any[]) => Response} */
  res.writeHead = (status, ...rest) => {
    // Wrappers of `writeHead` may forward three arguments even if the last one is undefined.
    setHeaders(res, rest.findLast((item) => typeof item === 'object' && item !== null) ?? {})
    res.writeHead = writeHead
    // `appendHeader` would add the cookie to the application's own array, which other responses may share.
    res.setHeader('Set-Cookie', [res.getHeader('Set-Cookie') ?? [], ...cookies.values()].flat().map(String))
    res.setHeader('Vary', varyByCookie(String(res.getHeader('Vary') ?? '')))
    res.setHeader('Cache-Control', privateCacheControl(String(res.getHeader('Cache-Control') ?? '')))
    for (const name of res.getHeaderNames().filter(isSharedCacheHeader)) res.removeHeader(name)
    const message = /** @type {[]} */ (rest.filter((item) => typeof item === 'string'))
    return writeHead.call(res, status, ...message)
  }
}

/**
 * Sets the headers that were passed to `writeHead` as an object, a flat list, or a list of pairs. Otherwise, Node would
 * replace our own headers with the passed headers.
 *
 * @type {(res: Response, headers: any) => void}
 */
function setHeaders(res, headers) {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
    return
  }
  const flatHeaders = Array.isArray(headers[0]) ? headers.flat() : headers
  for (let i = 0; i < flatHeaders.length; i += 2) res.removeHeader(flatHeaders[i])
  for (let i = 0; i < flatHeaders.length; i += 2) res.appendHeader(flatHeaders[i], [flatHeaders[i + 1]].flat())
}

/**
 * Adds a cookie to the `Headers` of a fetch response.
 *
 * @param {Headers} headers
 * @param {string} setCookie
 * @param {string} [cacheControl] - The value of `Cache-Control` to set, unless the response already has one that keeps
 * it out of shared caches.
 */
function appendCookie(headers, setCookie, cacheControl) {
  headers.append('Set-Cookie', setCookie)
  headers.set('Vary', varyByCookie(headers.get('Vary') ?? ''))
  headers.set('Cache-Control', privateCacheControl(headers.get('Cache-Control') ?? '', cacheControl))
  for (const name of [...headers.keys()].filter(isSharedCacheHeader)) headers.delete(name)
}

/**
 * Returns the `Cache-Control` header of a response that sets a cookie. The application's own `Cache-Control` is kept
 * only if it contains `private` or `no-store`, because a shared cache would give the first visitor's cookie to all
 * other visitors.
 *
 * @param {string} given
 * @param {string} [replacement]
 */
function privateCacheControl(given, replacement = 'private') {
  const directives = given.split(',').map((directive) => directive.trim().toLowerCase())
  if (directives.includes('private') || directives.includes('no-store')) return given
  return directives.includes('no-cache') ? `${replacement}, no-cache` : replacement
}

/**
 * Returns whether a header, such as `CDN-Cache-Control`, applies only to shared caches and overrides `Cache-Control`
 * there (RFC 9213).
 *
 * @param {string} name
 */
const isSharedCacheHeader = (name) => /-cache-control$|^(surrogate|edge)-control$/i.test(name)

/** @param {string} vary */
function varyByCookie(vary) {
  if (vary === '') return 'Cookie'
  const names = vary.split(',').map((name) => name.trim().toLowerCase())
  return names.includes('*') || names.includes('cookie') ? vary : `${vary}, Cookie`
}

module.exports = { addCookie, appendCookie, errorResponse, passToErrorHandler, jsonResponse, sendResponse, sendJson }
