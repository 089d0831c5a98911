/** Protection against cross-site request forgery by a double-submitted cookie: see csrf.d.ts for the contract. */

const { randomUUID, timingSafeEqual } = require('node:crypto')
const native = require('./core/addon')
const { orThrow, wrongOption } = require('./core/errors')
const { addCookie, send } = require('./adapters/node-response')
const { own, split } = require('./core/options')
const { credentials, header, parsedCookie } = require('./core/request')

/** @typedef {import('..').RequestLike} RequestLike */
/** @typedef {{ cookieName: string, headerName: string }} Names */

const CSRF_COOKIE_NAME = 'logto_csrf_token'
const CSRF_HEADER_NAME = 'x-csrf-token'

/** Methods that change nothing (RFC 9110 section 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** @type {typeof import('./csrf').generateCsrfToken} */
const generateCsrfToken = () => randomUUID()

/** @type {typeof import('./csrf').buildCsrfCookieHeader} */
const buildCsrfCookieHeader = (token, options) => orThrow(native.csrfCookieHeader(String(token), options))

/** @type {typeof import('./csrf').createCsrfMiddleware} */
function createCsrfMiddleware(options) {
  const { names, cookie } = read(options)

  return function csrf(req, res, next) {
    const tokens = cookieTokens(req, names.cookieName)
    if (!SAFE_METHODS.has(String(req.method))) {
      if (mismatch(req, tokens, names) === undefined) next()
      else send(res, refusal(names))
      return
    }
    if (tokens.length === 0) {
      addCookie(res, buildCsrfCookieHeader(generateCsrfToken(), cookie))
    }
    next()
  }
}

/** @type {typeof import('./csrf').verifyCsrfToken} */
function verifyCsrfToken(request, options) {
  const { names } = read(options)
  const error = mismatch(request, cookieTokens(request, names.cookieName), names)
  return error === undefined ? { valid: true } : { valid: false, error }
}

/**
 * Why the header does not prove that the request is the application's own; undefined if it does.
 *
 * @param {RequestLike} request
 * @param {string[]} tokens
 * @param {Names} names
 */
function mismatch(request, [token, ...others], { cookieName, headerName }) {
  if (token === undefined) {
    return `CSRF cookie '${cookieName}' not found. Ensure GET requests are made first to receive the CSRF cookie.`
  }
  // A sibling domain can plant a second one, of a value that it knows (cookie tossing).
  if (others.length > 0) return `More than one CSRF cookie '${cookieName}' found.`
  const given = [header(request, headerName.toLowerCase()) ?? ''].flat()
  if (given.join('') === '') {
    return `Missing '${headerName}' request header. Read the '${cookieName}' cookie value and send it in this header.`
  }
  if (given.length === 1 && isEqual(given[0], token)) return undefined
  return 'CSRF token mismatch. The header value does not match the cookie value.'
}

/**
 * The different values of the cookie; what a framework parsed counts where there is no header to parse.
 *
 * @param {RequestLike} request
 * @param {string} name
 * @returns {string[]}
 */
function cookieTokens(request, name) {
  const tokens = new Set(native.cookieValues(credentials(request).cookies ?? '', name))
  if (tokens.size > 0) return [...tokens]
  const parsed = parsedCookie(request, name)
  return parsed ? [parsed] : []
}

/**
 * @param {string} a
 * @param {string} b
 */
function isEqual(a, b) {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

/**
 * @param {Names} names
 * @returns {import('./adapters/guard').Answer}
 */
const refusal = ({ cookieName, headerName }) => ({
  status: 403,
  headers: { 'Cache-Control': 'no-store', 'Content-Type': 'application/json; charset=utf-8' },
  body: JSON.stringify({
    error: 'CSRF validation failed',
    message: `Include the '${headerName}' request header with the value from the '${cookieName}' cookie.`,
  }),
})

/**
 * The names to look for, and the options of the cookie; all of them are checked here, before the first visitor comes.
 *
 * @param {any} options
 * @returns {{ names: Names, cookie: import('./csrf').CsrfCookieOptions }}
 */
function read(options) {
  const { taken, rest } = split(options, ['headerName'])
  const { headerName = CSRF_HEADER_NAME } = taken
  // A field name is a token (RFC 9110 section 5.1).
  if (typeof headerName !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(headerName)) {
    throw wrongOption('headerName', 'a header name', headerName)
  }
  buildCsrfCookieHeader('checked', rest)
  const cookie = { ...rest }
  return { names: { cookieName: own(cookie, 'cookieName') ?? CSRF_COOKIE_NAME, headerName }, cookie }
}

module.exports = {
  CSRF_COOKIE_NAME,
  CSRF_HEADER_NAME,
  buildCsrfCookieHeader,
  createCsrfMiddleware,
  generateCsrfToken,
  verifyCsrfToken,
}
