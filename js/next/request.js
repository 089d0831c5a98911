/** Reads the request that Next.js is handling, and sets cookies on its response. */

const { isNewGuest } = require('../core/context')
const { readHeader } = require('../core/request')
const { isPromise } = require('../core/settle')

/** @typedef {import('../..').AuthContext} AuthContext */

/**
 * Verifies a request, synchronously if possible. A new guest has the same id in all components rendered for the
 * request.
 *
 * @param {InstanceType<typeof import('../adapters/authenticator').Authenticator>} authenticator
 * @param {any} request
 * @param {any} [headers] - The headers as Next.js received them.
 * @returns {AuthContext | Promise<AuthContext>}
 */
function authenticate(authenticator, request, headers = request.headers) {
  const auth = authenticator.verify(request)
  return isPromise(auth)
    ? auth.then((settled) => withSharedGuestId(settled, headers))
    : isNewGuest(auth)
      ? withSharedGuestId(auth, headers)
      : auth
}

/** The ids of new guests, keyed by the headers object of the request. @type {WeakMap<object, string>} */
const newGuestIds = new WeakMap()

/** @type {(auth: AuthContext, headers: any) => Promise<AuthContext>} */
async function withSharedGuestId(auth, headers) {
  if (!auth.isGuest || !isNewGuest(auth)) return auth
  const key = (await receivedHeaders()) ?? headers
  auth.guestId = newGuestIds.get(key) ?? auth.guestId
  newGuestIds.set(key, auth.guestId)
  return auth
}

/**
 * Returns the protocol and host that the browser used. Next.js sets the `X-Forwarded-*` headers itself unless a proxy
 * has set them.
 *
 * @param {any} headers
 * @returns {() => [protocol: string, host: string]}
 */
const browserOrigin = (headers) => () => {
  const host = readHeader({ headers }, 'x-forwarded-host') ?? readHeader({ headers }, 'host')
  return [String(readHeader({ headers }, 'x-forwarded-proto')), String(host)]
}

/**
 * Throws in a static route, which Next.js renders only once. The response of a static route, including a guest id,
 * would be served to all users. Next.js passes empty headers to static routes, whereas real requests always have
 * headers.
 *
 * @param {Headers} headers
 */
function assertDynamicRendering(headers) {
  // Outside Next.js, for example in a unit test of a handler, a request may have no headers.
  if (!headers.keys().next().done || receivedHeaders() === undefined) return
  throw new Error(
    "A static route has no request to verify: remove `dynamic = 'force-static'` from the route that uses logto-authkit",
  )
}

/**
 * Returns the headers that Next.js has received. In the proxy, in the Pages Router and outside Next.js, returns
 * undefined.
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

/**
 * Sets a cookie through Next.js, if called in a Route Handler or Server Action. Server Components cannot set cookies,
 * so the proxy sets the cookie instead.
 *
 * @param {string} setCookie
 */
async function trySetCookie(setCookie) {
  const { cookies } = require('next/headers')
  const { NextResponse } = require('next/server')
  try {
    const jar = await cookies()
    const parsed = new NextResponse(null, { headers: { 'Set-Cookie': setCookie } }).cookies
    for (const cookie of parsed.getAll()) jar.set(cookie)
  } catch {}
}

module.exports = { assertDynamicRendering, authenticate, browserOrigin, trySetCookie }
