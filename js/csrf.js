/** CSRF protection with the double-submit cookie pattern: see csrf.d.ts for the contract. */

const { randomUUID, timingSafeEqual } = require('node:crypto')
const { requestOrigin } = require('./adapters/origin')
const { addCookie, jsonResponse, sendJson } = require('./adapters/response')
const native = require('./core/addon')
const { contract } = require('./core/contract')
const { valueOrThrow } = require('./core/errors')
const { check, snapshot } = require('./core/options')
const { cookieValues, readHeader } = require('./core/request')
const { printRejection } = require('./core/warnings')

/** @typedef {import('..').RequestLike} RequestLike */
/** @typedef {{ cookieName: string, headerName: string }} Names */

const CSRF_COOKIE_NAME = contract().cookies.csrf
const CSRF_HEADER_NAME = contract().headers.csrf

/** Safe methods (RFC 9110 section 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** @type {typeof import('./csrf').generateCsrfToken} */
const generateCsrfToken = () => randomUUID()

/** @type {typeof import('./csrf').buildCsrfCookieHeader} */
const buildCsrfCookieHeader = (token, options) =>
  valueOrThrow(native.csrfCookieHeader(String(token), snapshot(options)))

/** @type {typeof import('./csrf').createCsrfMiddleware} */
function createCsrfMiddleware(options) {
  const { names, cookie } = readOptions(options)

  return function csrf(req, res, next) {
    const tokens = cookieValues(req, names.cookieName)
    if (SAFE_METHODS.has(String(req.method))) {
      if (tokens.length === 0)
        addCookie(res, valueOrThrow(native.csrfCookieHeader(generateCsrfToken(), cookie, ...requestOrigin(req))))
      next()
      return
    }
    const reason = mismatchReason(req, tokens, names)
    if (reason === undefined) next()
    else {
      const { cookieName, headerName } = names
      printRejection({ code: 'csrf', status: 403, message: reason, details: '{}', cause: null }, req)
      const message = `Include the '${headerName}' request header with the value from the '${cookieName}' cookie.`
      sendJson(res, jsonResponse(403, { error: 'CSRF validation failed', message }))
    }
  }
}

/** @type {typeof import('./csrf').verifyCsrfToken} */
function verifyCsrfToken(request, options) {
  const { names } = readOptions(options)
  const error = mismatchReason(request, cookieValues(request, names.cookieName), names)
  return error === undefined ? { valid: true } : { valid: false, error }
}

/**
 * Returns the reason for rejecting the request, or undefined if the header matches the cookie.
 *
 * @type {(request: RequestLike, tokens: string[], names: Names) => string | undefined}
 */
function mismatchReason(request, [token, ...otherTokens], { cookieName, headerName }) {
  if (token === undefined) {
    return `CSRF cookie '${cookieName}' not found. Ensure GET requests are made first to receive the CSRF cookie.`
  }
  // A sibling domain can set a second cookie with a value that it knows (cookie tossing).
  if (otherTokens.length > 0) return `More than one CSRF cookie '${cookieName}' found.`
  const headerValues = [readHeader(request, headerName.toLowerCase()) ?? ''].flat()
  if (headerValues.join('') === '') {
    return `Missing '${headerName}' request header. Read the '${cookieName}' cookie value and send it in this header.`
  }
  if (headerValues.length === 1 && isEqual(headerValues[0], token)) return undefined
  return 'CSRF token mismatch. The header value does not match the cookie value.'
}

/** @type {(a: string, b: string) => boolean} */
function isEqual(a, b) {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

/**
 * Returns the names of the cookie and header to compare, and the options of the cookie.
 *
 * @type {(options: any) => { names: Names, cookie: import('./csrf').CsrfCookieOptions }}
 */
function readOptions(options) {
  const { headerName = CSRF_HEADER_NAME, ...cookie } = check('csrf', options)
  return { names: { cookieName: cookie.cookieName ?? CSRF_COOKIE_NAME, headerName }, cookie }
}

module.exports = {
  CSRF_COOKIE_NAME,
  CSRF_HEADER_NAME,
  buildCsrfCookieHeader,
  createCsrfMiddleware,
  generateCsrfToken,
  verifyCsrfToken,
}
