/** Next.js 15 and 16, App and Pages Router: see index.d.ts for the contract. */

const { Authenticator } = require('../adapters/authenticator')
const { Requirements } = require('../adapters/requirements')
const native = require('../core/addon')
const { AuthError } = require('../core/errors')
const { check } = require('../core/options')
const { wrapApiHandler, wrapHandler } = require('./handlers')
const { createAuthProxy } = require('./proxy')
const { assertDynamicRendering, authenticate, browserOrigin, trySetCookie } = require('./request')

/** @typedef {import('../..').AuthContext} AuthContext */

/** @type {(handler: any, options: any) => any} */
const withAuth = (handler, options) => wrapHandler(handler, new Authenticator('next', options))

/** @type {(handler: any, options: any) => any} */
const withApiAuth = (handler, options) => wrapApiHandler(handler, new Authenticator('next', options))

/** @param {any} options */
function createNextAuth(options) {
  const authenticator = new Authenticator('next', options)
  const guestAuthenticator = authenticator.withGuests(true)
  return {
    /** @type {(handler: any, requirements?: any) => any} */
    withAuth: (handler, ...requirements) => wrapHandler(handler, authenticator, requirementsFrom(requirements)),
    /** @type {(handler: any, requirements?: any) => any} */
    withApiAuth: (handler, ...requirements) => wrapApiHandler(handler, authenticator, requirementsFrom(requirements)),
    /** @param {any} request */
    verify: (request) => tryVerify(request, authenticator),
    /** @param {any} [paths] */
    authProxy: (paths) => createAuthProxy(authenticator, check('proxyExtra', paths)),
    getAuth: () => currentAuth(guestAuthenticator, authenticator.allowsGuests),
  }
}

/** @param {any} requirements */
const requirementsFrom = (requirements) => (requirements.length === 0 ? undefined : new Requirements(...requirements))

/** @type {(request: any, options: any) => Promise<any>} */
const verifyNextAuth = async (request, options) => tryVerify(request, new Authenticator('next', options))

/** @param {any} options */
function authProxy(options) {
  const authenticator = new Authenticator('proxy', options)
  return createAuthProxy(authenticator, authenticator.ownOptions)
}

/** @param {any} options */
async function getAuth(options) {
  const authenticator = new Authenticator('next', options)
  return currentAuth(authenticator.withGuests(true), authenticator.allowsGuests)
}

/** @type {(request: any, authenticator: Authenticator) => Promise<any>} */
async function tryVerify(request, authenticator) {
  try {
    return { success: true, auth: await authenticate(authenticator, request) }
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return { success: false, error: error.message, code: error.code, status: error.status }
  }
}

/**
 * @param {Authenticator} authenticator - An authenticator that allows guests, so that it does not throw for an invalid
 * token.
 * @param {boolean} setsGuestCookie - Whether the application allows guests, whose ids are stored in a cookie.
 * @returns {Promise<AuthContext>}
 */
async function currentAuth(authenticator, setsGuestCookie) {
  const nextHeadersModule = require('next/headers')
  // Next.js may prerender a component, but a token's expiry must be checked at the time of the request.
  await require('next/server').connection()
  const requestHeaders = await nextHeadersModule.headers()
  const jar = await nextHeadersModule.cookies()
  assertDynamicRendering(requestHeaders)
  const headers = withoutOutdatedCookies(requestHeaders, jar, authenticator.cookieNames)
  const auth = await authenticate(authenticator, { headers, cookies: jar }, requestHeaders)
  const cookie = setsGuestCookie ? authenticator.newGuestCookie(auth, browserOrigin(requestHeaders)) : null
  if (cookie !== null) await trySetCookie(cookie)
  return auth
}

/**
 * Drops the received `Cookie` header if the proxy or a Server Action has changed a token cookie. After that change,
 * `cookies()` returns the current value, or none if the cookie was deleted, while the header still contains the old
 * value.
 *
 * @type {(received: Headers, jar: { get(name: string): { value: string } | undefined }, names: string[]) => Headers}
 */
function withoutOutdatedCookies(received, jar, names) {
  const isUnchanged = (/** @type {string} */ name) => {
    const values = native.cookieValues(received.get('cookie') ?? '', name)
    const value = jar.get(name)?.value
    return value === undefined ? values.length === 0 : values.includes(value)
  }
  if (names.every(isUnchanged)) return received
  const headers = new Headers(received)
  headers.delete('cookie')
  return headers
}

module.exports = { authProxy, createNextAuth, getAuth, verifyNextAuth, withApiAuth, withAuth }
