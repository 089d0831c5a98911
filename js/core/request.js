/** Reads the headers and cookies that the core needs from any kind of request. */

const { isMap } = require('node:util/types')
const native = require('./addon')
const { ownProperty } = require('./plain')

/** @typedef {import('../..').RequestLike} RequestLike */
/** @typedef {{ authorization: string | string[] | undefined, cookies: string | undefined }} Credentials */

/**
 * Returns every value of the `Authorization` header, and the `Cookie` header.
 *
 * @param {RequestLike} request
 * @returns {Credentials}
 */
function readCredentials(request) {
  const headers = request?.headers
  if (typeof headers !== 'object' || headers === null) {
    const actualType = request === null ? 'null' : Array.isArray(request) ? 'an array' : typeof request
    throw new TypeError(`Expected a token (a string) or a request (an object with headers), got ${actualType}`)
  }
  checkHeaders(headers)
  const raw = rawHeaders(request)
  return {
    authorization: authorizationValues(headers, raw),
    cookies: joinCookies(headerValue(headers, raw, 'cookie'), lambdaCookies(request)),
  }
}

/**
 * Joins the values of the `Cookie` header and the cookies of a Lambda event. A single value, the usual case, is
 * returned as it is, because creating an array would make the verification of a cached token 10 % slower.
 *
 * @type {(header: string | string[] | undefined, listed: string[] | undefined) => string | undefined}
 */
function joinCookies(header, listed) {
  if (listed === undefined && !Array.isArray(header)) return header
  return [header ?? [], listed ?? []].flat().join('; ')
}

/**
 * Throws for headers in a form that cannot be read. Otherwise, the request would seem to have no token, and with
 * `allowGuest` every visitor would silently become a guest.
 *
 * @param {any} headers
 */
function checkHeaders(headers) {
  if (typeof headers.then === 'function') throw new TypeError('Expected headers, got a promise: await it')
  // A Map's keys are case-sensitive, unlike header names.
  const isReadable =
    typeof headers.get === 'function' ? !isMap(headers) : typeof headers[Symbol.iterator] !== 'function'
  if (isReadable) return
  const actualType = Array.isArray(headers) ? 'an array' : isMap(headers) ? 'a Map' : 'a list'
  throw new TypeError(
    `Expected headers as an object by name or an object with a get method, got ${actualType}: pass new Headers(headers), or an object with lower-case names`,
  )
}

/**
 * Returns the cookies of a Lambda event, which are a list of `name=value` strings.
 *
 * @param {any} request
 * @returns {string[] | undefined}
 */
function lambdaCookies(request) {
  const cookies = cookiesOf(request)
  if (!Array.isArray(cookies)) return undefined
  if (cookies.every((cookie) => typeof cookie === 'string')) return cookies
  throw new TypeError('Expected cookies as an array of strings, an object by name, or an object with a get method')
}

/**
 * Returns the cookies that the framework has parsed.
 *
 * @param {any} request
 */
function cookiesOf(request) {
  // Frameworks define `cookies` on the prototypes of their request objects. A `cookies` property on Object.prototype is
  // prototype pollution.
  if ('cookies' in Object.prototype && !Object.hasOwn(request, 'cookies')) return undefined
  const { cookies } = request
  if (typeof cookies?.then === 'function') throw new TypeError('Expected cookies, got a promise: await it')
  return cookies
}

/**
 * Returns the values of the `Authorization` header, including those in the raw headers, because Node keeps only the
 * first value in `headers`.
 *
 * @type {(headers: object, raw: string[] | undefined) => string | string[] | undefined}
 */
function authorizationValues(headers, raw) {
  const firstValue = headerValue(headers, raw, 'authorization')
  if (raw === undefined) return firstValue
  const values = []
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i].length === 13 && raw[i].toLowerCase() === 'authorization') values.push(raw[i + 1])
  }
  // If the application has replaced the header since the request was received, the new value takes precedence.
  return values.length > 1 && values[0] === firstValue ? values : firstValue
}

/**
 * Returns a cookie that the framework has parsed. Ignores values that are not strings, such as the objects that
 * cookie-parser creates from `j:` values.
 *
 * @type {(request: RequestLike, name: string) => string | undefined}
 */
function parsedCookie(request, name) {
  const cookies = cookiesOf(request)
  if (typeof cookies !== 'object' || cookies === null) return undefined
  const hasGetFunction = typeof cookies.get === 'function'
  const cookie = hasGetFunction ? cookies.get(name) : ownProperty(cookies, name)
  const value = hasGetFunction && typeof cookie === 'object' && cookie !== null ? cookie.value : cookie
  return typeof value === 'string' ? value : undefined
}

/**
 * Returns the distinct values of a cookie from the `Cookie` header, or the value that the framework has parsed.
 *
 * @type {(request: RequestLike, name: string) => string[]}
 */
function cookieValues(request, name) {
  const values = new Set(native.cookieValues(readCredentials(request).cookies ?? '', name))
  if (values.size > 0) return [...values]
  const parsed = parsedCookie(request, name)
  return parsed ? [parsed] : []
}

/** @type {(request: RequestLike, lowercaseName: string) => string | string[] | undefined} */
const readHeader = (request, name) => headerValue(request.headers, rawHeaders(request), name)

/** @type {(headers: any, raw: string[] | undefined, lowercaseName: string) => string | string[] | undefined} */
function headerValue(headers, raw, name) {
  const hasGetFunction = typeof headers.get === 'function'
  let value = hasGetFunction ? headers.get(name) : ownProperty(headers, name)
  if (typeof value === 'string') return value
  if (value === undefined && raw === undefined && !hasGetFunction) {
    // Node's header names are lowercase, but those in Lambda events and hand-written objects may not be.
    const values = Object.keys(headers)
      .filter((key) => key.length === name.length && key.toLowerCase() === name)
      .map((key) => headers[key])
      .filter((value) => value !== undefined && value !== null)
    value = values.length > 1 ? values.flat() : values[0]
  }
  if (value === undefined || value === null || typeof value === 'string') return value ?? undefined
  // gRPC's `Metadata` returns an array instead of a string.
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  const isCloudFrontHeader = Array.isArray(value) && value.every((item) => typeof item?.value === 'string')
  throw new TypeError(
    `Expected the header ${name} as a string or an array of strings, got ${
      isCloudFrontHeader
        ? 'an array of { key, value }: pass only the values'
        : Array.isArray(value)
          ? 'another array'
          : typeof value
    }`,
  )
}

/**
 * Returns Node's raw headers, which Fastify (`raw`), Hapi (`raw.req`) and Koa (`req`) keep on an inner request object.
 *
 * @param {any} request
 * @returns {string[] | undefined}
 */
function rawHeaders(request) {
  const raw = request.rawHeaders ?? request.raw?.rawHeaders ?? request.raw?.req?.rawHeaders ?? request.req?.rawHeaders
  return Array.isArray(raw) ? raw : undefined
}

module.exports = { cookieValues, readCredentials, readHeader, parsedCookie }
