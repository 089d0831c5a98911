/** Lets a request pass: to another proxy, if there is one, and to the page or route. */

const { appendCookie } = require('../adapters/response')

/** @typedef {import('next/server').NextRequest} NextRequest */
/** @typedef {(request: NextRequest, auth: import('../..').AuthContext | undefined) => any} NextProxy */

/**
 * Returns the response of the other proxy, or one that lets the request pass, with the cookies in `cookies` added. The cookie of
 * a new guest is also added to the request, so that the other proxy, the page and the browser see the same id.
 *
 * @param {NextRequest} request
 * @param {import('../..').AuthContext | undefined} auth
 * @param {{ next: NextProxy | undefined, guestCookie: string | null, cookies: string[] }} options
 * @returns {Promise<any>}
 */
async function letPass(request, auth, { next, guestCookie, cookies }) {
  const { NextResponse } = require('next/server')
  const pair = guestCookie?.split(';', 1)[0]
  if (pair !== undefined) addRequestCookie(request, pair)
  const received = (await next?.(request, auth)) ?? NextResponse.next()
  const all = guestCookie === null ? cookies : [guestCookie, ...cookies]
  // If it is not a response, Next.js reports the mistake.
  if (!(received instanceof Response)) return received
  if (all.length === 0 && 'cookies' in received) return received
  // Copy the response: it may not be a `NextResponse`, and the headers of `Response.redirect()` are immutable.
  const { body, status, statusText } = received
  const response = new NextResponse(body, { status, statusText, headers: received.headers })
  if (pair !== undefined && letsRequestPass(received)) overrideRequestCookie(response.headers, request, pair)
  // A route cannot replace a `Cache-Control` header set by the proxy, so use the strictest value.
  for (const cookie of all) appendCookie(response.headers, cookie, 'private, no-store')
  return response
}

/**
 * Adds a cookie to a request, for the other proxy, which often forwards a changed copy of the request's headers.
 *
 * @type {(request: NextRequest, pair: string) => void}
 */
function addRequestCookie(request, pair) {
  const header = withCookie(request.headers.get('cookie'), pair)
  const [name] = pair.split('=', 1)
  request.cookies.set(name, pair.slice(name.length + 1))
  // `cookies.set` encodes the values of all cookies again.
  request.headers.set('cookie', header)
}

/** @param {Response} response */
const letsRequestPass = ({ headers }) => headers.has('x-middleware-next') || headers.has('x-middleware-rewrite')

/**
 * Makes Next.js pass the request on with the new cookie. If the other proxy has replaced the request's headers, only the cookie is
 * added to its headers.
 *
 * @type {(headers: Headers, request: NextRequest, pair: string) => void}
 */
function overrideRequestCookie(headers, request, pair) {
  const { NextResponse } = require('next/server')
  const names = headers.get(OVERRIDDEN)
  if (names === null) {
    const overriding = NextResponse.next({ request: { headers: request.headers } }).headers
    for (const [name, value] of overriding) if (name !== 'x-middleware-next') headers.set(name, value)
    return
  }
  const cookie = headers.get(OVERRIDDEN_COOKIE)
  if (cookie === null) headers.set(OVERRIDDEN, `${names},cookie`.replace(/^,/, ''))
  headers.set(OVERRIDDEN_COOKIE, withCookie(cookie, pair))
}

/** @type {(header: string | null, pair: string) => string} */
function withCookie(header, pair) {
  if (header === null || header === '') return pair
  return header.split(/;\s*/).includes(pair) ? header : `${header}; ${pair}`
}

const OVERRIDDEN = 'x-middleware-override-headers'
const OVERRIDDEN_COOKIE = 'x-middleware-request-cookie'

module.exports = { letPass }
