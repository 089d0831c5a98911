/** What the request that Next.js is about tells, and what can be told to it. */

const { isNewGuest } = require('../core/context')
const { isSecure } = require('../adapters/guard')
const { header } = require('../core/request')

/**
 * Whether the browser keeps a `Secure` cookie of this host. Next.js says by `X-Forwarded-*` how it was asked where no
 * proxy in front of it has said so.
 *
 * @param {any} headers
 */
function isSecureRequest(headers) {
  const host = header({ headers }, 'x-forwarded-host') ?? header({ headers }, 'host')
  return isSecure(String(header({ headers }, 'x-forwarded-proto')), String(host))
}

/**
 * Throws where a route is rendered once for everybody: there is no request then, and its answer, one guest's id among
 * it, would be everybody's. Next.js shows such a route empty headers; a request has some.
 *
 * @param {Headers} headers
 */
function refuseStatic(headers) {
  if (!headers.keys().next().done || !isInNext()) return
  throw new Error(
    "A static route has no request to verify: remove `dynamic = 'force-static'` from the route that uses logto-authkit",
  )
}

/** Outside, in a test of a handler say, a request may well be without headers. */
const isInNext = () => receivedHeaders() !== undefined

/**
 * The headers that Next.js has received; undefined outside, and where it keeps them to itself: in the proxy, in the Pages
 * Router.
 *
 * @returns {Promise<Headers> | undefined}
 */
function receivedHeaders() {
  try {
    return require('next/headers').headers()
  } catch {
    return undefined
  }
}

/** The id of a guest without a cookie. @type {WeakMap<object, string>} */
const newGuestIds = new WeakMap()

/**
 * Gives a new guest the id that the request has got already: all that is rendered and answered for one request sees one.
 *
 * @param {import('../..').AuthContext} auth
 * @param {{ headers: any }} request
 */
async function keepGuestId(auth, request) {
  if (!auth.isGuest || !isNewGuest(auth)) return
  const key = (await receivedHeaders()) ?? request.headers
  auth.guestId = newGuestIds.get(key) ?? auth.guestId
  newGuestIds.set(key, auth.guestId)
}

/**
 * Sets a cookie through Next.js, where that is possible: in Route Handlers and Server Actions.
 *
 * @param {string} header - As in `Set-Cookie`.
 */
async function setCookie(header) {
  const { cookies } = require('next/headers')
  const { NextResponse } = require('next/server')
  try {
    const jar = await cookies()
    const parsed = new NextResponse(null, { headers: { 'Set-Cookie': header } }).cookies
    for (const cookie of parsed.getAll()) jar.set(cookie)
  } catch {
    // A Server Component cannot set one: the proxy does.
  }
}

module.exports = { isSecureRequest, keepGuestId, refuseStatic, setCookie }
