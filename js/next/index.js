/** Next.js 15 and 16, App and Pages Router: see next.d.ts for the contract. */

const native = require('../core/addon')
const { AuthError, Guard, Requirements } = require('../adapters/guard')
const { guarded } = require('./handlers')
const { createProxy } = require('./proxy')
const { isSecureRequest, keepGuestId, refuseStatic, setCookie } = require('./request')
const { split } = require('../core/options')

/** @typedef {import('../..').AuthContext} AuthContext */

/**
 * @param {any} handler
 * @param {any} options
 */
function withAuth(handler, options) {
  return guarded(handler, new Guard(options))
}

/** @param {any} options */
function createNextAuth(options) {
  const guard = new Guard(options)
  const [visitors, members] = [guardOf(options, true), guardOf(options, false)]
  return {
    /**
     * @param {any} handler
     * @param {any} [requirements]
     */
    withAuth: (handler, requirements) =>
      guarded(handler, guard, requirements === undefined ? undefined : new Requirements(requirements)),
    /** @param {any} request */
    verify: (request) => verify(request, guard),
    /** @param {any} [extra] */
    authProxy: (extra) => createProxy(guard, members, extra),
    getAuth: () => currentAuth(visitors, guard.allowsGuests),
  }
}

/**
 * @param {any} request
 * @param {any} options
 */
async function verifyNextAuth(request, options) {
  return verify(request, new Guard(options))
}

/** @param {any} options */
function authProxy(options) {
  const { taken, rest } = split(options, ['publicPaths', 'signInUrl'])
  return createProxy(new Guard(rest), guardOf(rest, false), taken)
}

/** @param {any} options */
async function getAuth(options) {
  const guard = new Guard(options)
  return currentAuth(guardOf(options, true), guard.allowsGuests)
}

/**
 * @param {any} request
 * @param {Guard} guard
 */
async function verify(request, guard) {
  try {
    const auth = await guard.authenticate(request)
    await keepGuestId(auth, request)
    return { success: true, auth }
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return { success: false, error: error.message, code: error.code, status: error.status }
  }
}

/**
 * A guard of the same options: to ask who is there, not whether somebody may be, or the other way round.
 *
 * @param {any} options - That have been found right.
 * @param {boolean} allowGuest
 */
const guardOf = (options, allowGuest) => new Guard({ ...options, allowGuest })

/**
 * @param {Guard} guard
 * @param {boolean} allowsGuests - Whether the application has guests, who keep their id.
 * @returns {Promise<AuthContext>}
 */
async function currentAuth(guard, allowsGuests) {
  const next = require('next/headers')
  const received = await next.headers()
  const jar = await next.cookies()
  refuseStatic(received)
  const auth = await guard.authenticate({ headers: withoutChanged(received, jar, guard.cookieName), cookies: jar })
  await keepGuestId(auth, { headers: received })
  const cookie = allowsGuests ? guard.guestCookie(auth, isSecureRequest(received)) : null
  if (cookie !== null) await setCookie(cookie)
  return auth
}

/**
 * The headers, without the cookies where the token's has been set or deleted since they came: by a Server Action, by the
 * proxy. What `cookies()` says counts then, a deleted one included, of which nothing but the header is left.
 *
 * @param {Headers} received
 * @param {{ get(name: string): { value: string } | undefined }} jar
 * @param {string} name
 */
function withoutChanged(received, jar, name) {
  const values = native.cookieValues(received.get('cookie') ?? '', name)
  const value = jar.get(name)?.value
  if (value === undefined ? values.length === 0 : values.includes(value)) return received
  const headers = new Headers(received)
  headers.delete('cookie')
  return headers
}

module.exports = { authProxy, createNextAuth, getAuth, verifyNextAuth, withAuth }
