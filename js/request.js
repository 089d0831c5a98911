/** What the core needs of a request: a few strings. */

const { own } = require('./parsed-options')

/** @typedef {import('..').RequestLike} RequestLike */

/** @param {RequestLike} input */
function assertRequest(input) {
  const headers = input?.headers
  if (typeof headers === 'object' && headers !== null) return
  const given = input === null ? 'null' : Array.isArray(input) ? 'an array' : typeof input
  throw new TypeError(`Expected a token (a string) or a request (an object with headers), got ${given}`)
}

/**
 * Every value of `Authorization`. Node keeps the first of several without a word, so the raw headers are asked too.
 *
 * @param {RequestLike} request
 * @returns {string | string[] | undefined}
 */
function authorization(request) {
  const value = header(request, 'authorization')
  const raw = rawHeaders(request)
  if (raw === undefined) return value
  const values = []
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i].length === 13 && raw[i].toLowerCase() === 'authorization') values.push(raw[i + 1])
  }
  // A header that the application has changed since counts as it is now.
  return values.length > 1 && values[0] === value ? values : value
}

/**
 * The `Cookie` header.
 *
 * @param {RequestLike} request
 * @returns {string | undefined}
 */
function cookieHeader(request) {
  const value = header(request, 'cookie')
  return Array.isArray(value) ? value.join('; ') : value
}

/**
 * The cookie of that name as the framework parsed it. What is not a string (cookie-parser makes objects of `j:` values)
 * does not count.
 *
 * @param {RequestLike} request
 * @param {string} name
 * @returns {string | undefined}
 */
function parsedCookie(request, name) {
  const cookies = /** @type {any} */ (request.cookies)
  if (typeof cookies !== 'object' || cookies === null) return undefined
  const found = typeof cookies.get === 'function' ? cookies.get(name) : Object.hasOwn(cookies, name) && cookies[name]
  const value = typeof found === 'object' && found !== null && typeof cookies.get === 'function' ? found.value : found
  return typeof value === 'string' ? value : undefined
}

/**
 * @param {RequestLike} request
 * @param {string} name - In lower case.
 * @returns {string | string[] | undefined}
 */
function header(request, name) {
  const headers = /** @type {any} */ (request.headers)
  let value = typeof headers.get === 'function' ? headers.get(name) : own(headers, name)
  if (typeof value === 'string') return value
  if (typeof headers.get === 'function') return undefined
  if (value === undefined && rawHeaders(request) === undefined) {
    // Node's names are lower-case; those in events of cloud functions and in objects written by hand may not be.
    const values = Object.keys(headers)
      .filter((key) => key.length === name.length && key.toLowerCase() === name)
      .flatMap((key) => headers[key])
    value = values.length > 1 ? values : values[0]
  }
  if (Array.isArray(value)) return value.filter((item) => typeof item === 'string')
  return typeof value === 'string' ? value : undefined
}

/**
 * Node's raw headers, also behind the request objects of Fastify (`raw`) and Koa (`req`).
 *
 * @param {any} request
 * @returns {string[] | undefined}
 */
function rawHeaders(request) {
  const raw = request.rawHeaders ?? request.raw?.rawHeaders ?? request.req?.rawHeaders
  return Array.isArray(raw) ? raw : undefined
}

module.exports = { assertRequest, authorization, cookieHeader, header, parsedCookie }
