/** What the core needs of a request: a few strings. */

const { own } = require('./options')

/** @typedef {import('../..').RequestLike} RequestLike */

/**
 * Every value of `Authorization`, and the `Cookie` header.
 *
 * @param {RequestLike} request
 * @returns {{ values: string | string[] | undefined, cookies: string | undefined }}
 */
function credentials(request) {
  const headers = assertHeaders(request)
  const raw = rawHeaders(request)
  const cookies = headerValue(headers, raw, 'cookie')
  return { values: authorization(headers, raw), cookies: Array.isArray(cookies) ? cookies.join('; ') : cookies }
}

/** @param {RequestLike} request */
function assertHeaders(request) {
  const headers = request?.headers
  if (typeof headers === 'object' && headers !== null) return headers
  const given = request === null ? 'null' : Array.isArray(request) ? 'an array' : typeof request
  throw new TypeError(`Expected a token (a string) or a request (an object with headers), got ${given}`)
}

/**
 * Node keeps the first of several without a word, so the raw headers are asked too.
 *
 * @param {object} headers
 * @param {string[] | undefined} raw
 */
function authorization(headers, raw) {
  const first = headerValue(headers, raw, 'authorization')
  if (raw === undefined) return first
  const values = []
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i].length === 13 && raw[i].toLowerCase() === 'authorization') values.push(raw[i + 1])
  }
  // A header that the application has changed since counts as it is now.
  return values.length > 1 && values[0] === first ? values : first
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
  // Frameworks have them on a prototype of theirs; what a polluted one offers was not sent.
  if ('cookies' in Object.prototype && !Object.hasOwn(request, 'cookies')) return undefined
  const cookies = /** @type {any} */ (request.cookies)
  if (typeof cookies !== 'object' || cookies === null) return undefined
  const found = typeof cookies.get === 'function' ? cookies.get(name) : Object.hasOwn(cookies, name) && cookies[name]
  const value = typeof found === 'object' && found !== null && typeof cookies.get === 'function' ? found.value : found
  return typeof value === 'string' ? value : undefined
}

/**
 * @param {RequestLike} request
 * @param {string} name - In lower case.
 */
const header = (request, name) => headerValue(request.headers, rawHeaders(request), name)

/**
 * @param {any} headers
 * @param {string[] | undefined} raw
 * @param {string} name - In lower case.
 * @returns {string | string[] | undefined}
 */
function headerValue(headers, raw, name) {
  let value = typeof headers.get === 'function' ? headers.get(name) : own(headers, name)
  if (typeof value === 'string') return value
  if (typeof headers.get === 'function') return undefined
  if (value === undefined && raw === undefined) {
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

module.exports = { credentials, header, parsedCookie }
