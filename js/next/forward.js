/** Passes a request on to another proxy, if there is one, and to the page or route. */

const { appendCookie } = require('../adapters/response')

/** @typedef {import('next/server').NextRequest} NextRequest */
/** @typedef {(request: NextRequest, auth: import('../..').AuthContext | undefined) => any} OtherProxy */

/**
 * Returns the response of the other proxy, or a response that passes the request on, with the given cookies added. The
 * cookie of a new guest is also added to the request, so that the other proxy, the page and the browser see the same
 * id. If the client has no access to the page that the `Next-Url` header names, the header is removed, because Next.js
 * would render the layouts of that page around an intercepting route.
 *
 * @param {NextRequest} request
 * @param {import('../..').AuthContext | undefined} auth
 * @param {{
 *   next: OtherProxy | undefined,
 *   guestCookie: string | null,
 *   cookies: string[],
 *   canOpenPage(path: string): boolean | Promise<boolean>,
 * }} options
 * @returns {Promise<any>}
 */
async function forwardRequest(request, auth, { next, guestCookie, cookies, canOpenPage }) {
  const { NextResponse } = require('next/server')
  const cookiePair = guestCookie?.split(';', 1)[0]
  const nextUrl = request.headers.get(NEXT_URL_HEADER)
  const removesNextUrlHeader = nextUrl !== null && !(await canOpenPage(nextUrl))
  if (removesNextUrlHeader) request.headers.delete(NEXT_URL_HEADER)
  if (cookiePair !== undefined) addRequestCookie(request, cookiePair)
  const chainedResponse = (await next?.(request, auth)) ?? NextResponse.next()
  const all = guestCookie === null ? cookies : [guestCookie, ...cookies]
  // If the other proxy has not returned a response, Next.js reports the mistake.
  if (!(chainedResponse instanceof Response)) return chainedResponse
  const changesRequest = (cookiePair !== undefined || removesNextUrlHeader) && forwardsRequest(chainedResponse)
  if (all.length === 0 && !changesRequest && 'cookies' in chainedResponse) return chainedResponse
  // The response is copied, because it may not be a `NextResponse`, and because the headers of `Response.redirect()`
  // are immutable.
  const { body, status, statusText } = chainedResponse
  const response = new NextResponse(body, { status, statusText, headers: chainedResponse.headers })
  if (changesRequest) overrideRequestHeaders(response.headers, request, cookiePair)
  // A route cannot replace a `Cache-Control` header that the proxy has set, so the strictest value is used.
  for (const cookie of all) appendCookie(response.headers, cookie, 'private, no-store')
  return response
}

/**
 * Adds a cookie to a request before the other proxy runs, because that proxy often forwards a changed copy of the
 * request's headers.
 *
 * @type {(request: NextRequest, cookiePair: string) => void}
 */
function addRequestCookie(request, cookiePair) {
  const header = withCookie(request.headers.get('cookie'), cookiePair)
  const [name] = cookiePair.split('=', 1)
  request.cookies.set(name, cookiePair.slice(name.length + 1))
  // `cookies.set` re-encodes the values of all cookies, so the header is set again with the original values.
  request.headers.set('cookie', header)
}

/** @param {Response} response */
const forwardsRequest = ({ headers }) => headers.has('x-middleware-next') || headers.has('x-middleware-rewrite')

/**
 * Makes Next.js pass on the request with the changed headers. If the other proxy has replaced the request's headers,
 * the new cookie is added to the headers that the other proxy has set.
 *
 * @type {(headers: Headers, request: NextRequest, cookiePair: string | undefined) => void}
 */
function overrideRequestHeaders(headers, request, cookiePair) {
  const { NextResponse } = require('next/server')
  const names = headers.get(OVERRIDDEN_HEADERS)
  if (names === null) {
    const overrideHeaders = NextResponse.next({ request: { headers: request.headers } }).headers
    for (const [name, value] of overrideHeaders) if (name !== 'x-middleware-next') headers.set(name, value)
    return
  }
  if (cookiePair === undefined) return
  const cookie = headers.get(OVERRIDDEN_COOKIE_HEADER)
  if (cookie === null) headers.set(OVERRIDDEN_HEADERS, `${names},cookie`.replace(/^,/, ''))
  headers.set(OVERRIDDEN_COOKIE_HEADER, withCookie(cookie, cookiePair))
}

/** @type {(header: string | null, cookiePair: string) => string} */
function withCookie(header, cookiePair) {
  if (header === null || header === '') return cookiePair
  return header.split(/;\s*/).includes(cookiePair) ? header : `${header}; ${cookiePair}`
}

const NEXT_URL_HEADER = 'next-url'
const OVERRIDDEN_HEADERS = 'x-middleware-override-headers'
const OVERRIDDEN_COOKIE_HEADER = 'x-middleware-request-cookie'

module.exports = { forwardRequest }
