/** Reads the headers and cookies that the core needs from any kind of request. */

const native = require('./addon')
const { own } = require('./options')

/** @typedef {import('../..').RequestLike} RequestLike */

/**
 * Returns every value of the `Authorization` header, and the `Cookie` header.
 *
 * @param {RequestLike} request
 * @returns {{ authorization: string | string[] | undefined, cookies: string | undefined }}
 */
function credentials(request) {
  const headers = request?.headers
  if (typeof headers !== 'object' || headers === null) {
    const actual = request === null ? 'null' : Array.isArray(request) ? 'an array' : typeof request
    throw new TypeError(`Expected a token (a string) or a request (an object with headers), got ${actual}`)
  }
  const raw = rawHeaders(request)
  const cookies = headerValue(headers, raw, 'cookie')
  return {
    authorization: authorizationValues(headers, raw),
    cookies: Array.isArray(cookies) ? cookies.join('; ') : cookies,
  }
}

/**
 * Reads the raw headers too, because Node keeps only the first of several `Authorization` headers in `headers`.
 *
 * @type {(headers: object, raw: string[] | undefined) => string | string[] | undefined}
 */
function authorizationValues(headers, raw) {
  const first = headerValue(headers, raw, 'authorization')
  if (raw === undefined) return first
  const values = []
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i].length === 13 && raw[i].toLowerCase() === 'authorization') values.push(raw[i + 1])
  }
  // If the application has replaced the header since it was received, the new value takes precedence.
  return values.length > 1 && values[0] === first ? values : first
}

/**
 * Returns a cookie that the framework has parsed. Ignores values that are not strings, such as the objects that
 * cookie-parser creates from `j:` values.
 *
 * @type {(request: RequestLike, name: string) => string | undefined}
 */
function parsedCookie(request, name) {
  // Frameworks define `cookies` on their own prototypes. On Object.prototype, it is prototype pollution.
  if ('cookies' in Object.prototype && !Object.hasOwn(request, 'cookies')) return undefined
  const cookies = /** @type {any} */ (request.cookies)
  if (typeof cookies !== 'object' || cookies === null) return undefined
  const isJar = typeof cookies.get === 'function'
  const cookie = isJar ? cookies.get(name) : own(cookies, name)
  const value = isJar && typeof cookie === 'object' && cookie !== null ? cookie.value : cookie
  return typeof value === 'string' ? value : undefined
}

/**
 * Returns the distinct values of a cookie from the `Cookie` header, or the value that the framework has parsed.
 *
 * @type {(request: RequestLike, name: string) => string[]}
 */
function cookieValues(request, name) {
  const values = new Set(native.cookieValues(credentials(request).cookies ?? '', name))
  if (values.size > 0) return [...values]
  const parsed = parsedCookie(request, name)
  return parsed ? [parsed] : []
}

/** @type {(request: RequestLike, lowercaseName: string) => string | string[] | undefined} */
const header = (request, name) => headerValue(request.headers, rawHeaders(request), name)

/** @type {(headers: any, raw: string[] | undefined, lowercaseName: string) => string | string[] | undefined} */
function headerValue(headers, raw, name) {
  const isFetch = typeof headers.get === 'function'
  let value = isFetch ? headers.get(name) : own(headers, name)
  if (typeof value === 'string') return value
  if (isFetch) return undefined
  if (value === undefined && raw === undefined) {
    // Node's header names are lowercase, but those in Lambda events and hand-written objects may not be.
    const values = Object.keys(headers)
      .filter((key) => key.length === name.length && key.toLowerCase() === name)
      .flatMap((key) => headers[key])
    value = values.length > 1 ? values : values[0]
  }
  if (Array.isArray(value)) return value.filter((item) => typeof item === 'string')
  return typeof value === 'string' ? value : undefined
}

/**
 * Returns Node's raw headers, which Fastify (`raw`) and Koa (`req`) keep on an inner request object.
 *
 * @param {any} request
 * @returns {string[] | undefined}
 */
function rawHeaders(request) {
  const raw = request.rawHeaders ?? request.raw?.rawHeaders ?? request.req?.rawHeaders
  return Array.isArray(raw) ? raw : undefined
}

module.exports = { cookieValues, credentials, header, parsedCookie }
