/** What middleware for Node's `http` does to a request and its response, whatever framework it runs in. */

const { inspect } = require('node:util')
const { addVary } = require('./guard')

/** @typedef {import('node:http').IncomingMessage & { auth?: unknown }} Request */
/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {(error?: unknown) => void} Next */

/**
 * Puts `req.auth` in place of whatever was there, also of what a prototype offers. Throws where another middleware has
 * locked the name: an assignment would fail without a word, and what stands there would be taken for ours.
 *
 * @param {Request} req
 * @param {unknown} auth
 */
function setAuth(req, auth) {
  if (!('auth' in req) && Object.isExtensible(req)) {
    // Where nothing stands, an assignment makes the same member in a tenth of the time.
    if (auth !== undefined) req.auth = auth
    return
  }
  Object.defineProperty(req, 'auth', { value: auth, writable: true, configurable: true, enumerable: true })
}

/**
 * Answers. Not with `writeHead`: what other middleware has hooked into that may want to add its own.
 *
 * @param {Response} res
 * @param {import('./guard').Answer} answer
 */
function send(res, { status, headers, body }) {
  res.statusCode = status
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
  res.setHeader('Content-Length', Buffer.byteLength(body))
  res.end(body)
}

/**
 * Hands on what is no refusal but a fault, the application's or ours.
 *
 * @param {unknown} fault
 * @param {Response} res
 * @param {Next} next
 */
function fail(fault, res, next) {
  const error = asError(fault)
  if (!res.headersSent) next(error)
  // Where the response has begun, all that could come of it is a second one.
  else process.emitWarning(error instanceof Error ? error : inspect(error))
}

/**
 * What was thrown, as something that is an error to every framework: to Express and Koa nothing at all is success, and the
 * strings 'route' and 'router' lead around Express's handlers.
 *
 * @param {unknown} thrown
 */
const asError = (thrown) =>
  typeof thrown === 'object' && thrown !== null ? thrown : new Error(`Thrown: ${String(thrown)}`)

/** By name. @type {WeakMap<Response, Map<string, string>>} */
const cookiesOf = new WeakMap()

/**
 * Adds a cookie to the application's own, when these have been set: what is set later would replace it. Of two with one
 * name the later one counts.
 *
 * @param {Response} res
 * @param {string} setCookie
 */
function addCookie(res, setCookie) {
  let cookies = cookiesOf.get(res)
  if (cookies === undefined) {
    cookies = new Map()
    cookiesOf.set(res, cookies)
    beforeHeaders(res, cookies)
  }
  cookies.set(setCookie.split('=', 1)[0], setCookie)
}

/**
 * Every way to send headers, also the implicit one, goes through `writeHead`.
 *
 * @param {Response} res
 * @param {Map<string, string>} cookies
 */
function beforeHeaders(res, cookies) {
  const { writeHead } = res
  /** @type {(status: number, ...rest: any[]) => Response} */
  res.writeHead = (status, ...rest) => {
    if (typeof rest.at(-1) === 'object') setHeaders(res, rest.pop())
    res.writeHead = writeHead
    // Not appended: Node would push into the application's own list, which other responses may share.
    res.setHeader('Set-Cookie', [res.getHeader('Set-Cookie') ?? [], ...cookies.values()].flat().map(String))
    res.setHeader('Vary', addVary(String(res.getHeader('Vary') ?? ''), 'Cookie'))
    if (!res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'private')
    return writeHead.call(res, status, ...rest)
  }
}

/**
 * Sets what was given to `writeHead`, which would replace ours: an object, a flat list, or a list of pairs.
 *
 * @param {Response} res
 * @param {any} headers
 */
function setHeaders(res, headers) {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) res.setHeader(name, value)
    return
  }
  const flat = Array.isArray(headers[0]) ? headers.flat() : headers
  for (let i = 0; i < flat.length; i += 2) res.removeHeader(flat[i])
  for (let i = 0; i < flat.length; i += 2) res.appendHeader(flat[i], [flat[i + 1]].flat())
}

module.exports = { addCookie, asError, fail, send, setAuth }
