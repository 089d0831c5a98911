/** What the request that Next.js is about tells, and what can be told to it. */

const { isSecure } = require('./guard')
const { header } = require('./request')

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
function isInNext() {
  try {
    require('next/headers').headers()
    return true
  } catch {
    return false
  }
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

module.exports = { isSecureRequest, refuseStatic, setCookie }
