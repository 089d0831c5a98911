/**
 * Breaks redirect loops between the proxy and the sign-in page. Logto immediately sends a signed-in browser back, so a
 * browser whose token is always rejected, for example because of a wrong audience, would be redirected forever.
 */

const { createHash } = require('node:crypto')
const { contract } = require('../core/contract')
const { cookieValues, readHeader } = require('../core/request')
const { browserOrigin } = require('./request')

/** @typedef {import('next/server').NextRequest} NextRequest */
/** @typedef {import('../..').AuthError} AuthError */

/**
 * The cookie that records redirects: digests of the rejected token (empty if there was none) and of the requested path,
 * the number of consecutive redirects from that path, and the time of the last redirect.
 *
 * @typedef {{ token: string, target: string, count: number, time: number }} RedirectMarker
 */

/**
 * Returns why a redirect to the sign-in page would not help, or undefined if a redirect may help.
 *
 * - `nested`: `redirect_to` contains another `redirect_to`, because the application redirects the sign-in page to a
 *   path that requires a session.
 * - `token`: since the last redirect, the browser has received a different token, which is also rejected.
 * - `repeated`: the same path was requested again and again, each time shortly after the redirect.
 * - `callback`: that path is the one to which Logto sends the browser after the sign-in.
 *
 * @type {(request: NextRequest, error: AuthError, cookieName: string) => 'nested' | 'token' | 'repeated' | 'callback' | undefined}
 */
function signInLoopReason(request, error, cookieName) {
  const redirectTarget = request.nextUrl.searchParams.get('redirect_to')
  if (redirectTarget !== null && /[?&]redirect_to=/.test(redirectTarget)) return 'nested'
  const marker = readRedirectMarker(request)
  if (marker === undefined) return undefined
  const token = tokenDigest(request, cookieName)
  if (token !== '' && token !== marker.token && !SIGN_IN_RECOVERABLE_CODES.has(error.code)) return 'token'
  const isRepeated = marker.count >= MAX_REDIRECTS && hasRecentRedirect(marker, request)
  if (!isRepeated) return undefined
  return AUTHORIZATION_PARAMETERS.some((name) => request.nextUrl.searchParams.has(name)) ? 'callback' : 'repeated'
}

/**
 * Returns the `Set-Cookie` header that records a redirect. Returns null for clients that send neither cookies nor
 * browser headers, such as crawlers.
 *
 * @type {(request: NextRequest, cookieName: string) => string | null}
 */
function redirectMarkerCookie(request, cookieName) {
  if (readHeader(request, 'cookie') === undefined && readHeader(request, 'sec-fetch-site') === undefined) return null
  const marker = readRedirectMarker(request)
  const count = marker !== undefined && hasRecentRedirect(marker, request) ? marker.count + 1 : 1
  const value = [tokenDigest(request, cookieName), targetDigest(request), count, Date.now()].join('.')
  return buildRedirectMarkerCookie(request, value, REDIRECT_MARKER_MAX_AGE_SECONDS)
}

/**
 * Returns the `Set-Cookie` header that removes the record of redirects, or null if the request has no such record.
 *
 * @type {(request: NextRequest) => string | null}
 */
const clearRedirectMarkerCookie = (request) =>
  cookieValues(request, contract().cookies.signIn).length > 0 ? buildRedirectMarkerCookie(request, '', 0) : null

/** @type {(request: NextRequest, value: string, maxAge: number) => string} */
function buildRedirectMarkerCookie(request, value, maxAge) {
  const [protocol] = browserOrigin(request.headers)()
  // SameSite=Strict cookies are not sent when the browser returns from Logto.
  const attributes = `Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${protocol?.startsWith('https') ? '; Secure' : ''}`
  return `${contract().cookies.signIn}=${value}; ${attributes}`
}

/** @type {(request: NextRequest) => RedirectMarker | undefined} */
function readRedirectMarker(request) {
  const [value = ''] = cookieValues(request, contract().cookies.signIn)
  const fields = /^([\w-]*)\.([\w-]+)\.(\d{1,3})\.(\d{1,15})$/.exec(value)
  if (fields === null) return undefined
  const [, token, target, count, time] = fields
  return { token, target, count: Number(count), time: Number(time) }
}

/** @type {(marker: RedirectMarker, request: NextRequest) => boolean} */
const hasRecentRedirect = ({ target, time }, request) =>
  target === targetDigest(request) && Math.abs(Date.now() - time) < MAX_REDIRECT_INTERVAL_MS

/** @type {(request: NextRequest, cookieName: string) => string} */
function tokenDigest(request, cookieName) {
  const tokens = [cookieValues(request, cookieName), readHeader(request, 'authorization') ?? []].flat()
  return tokens.length === 0 ? '' : digest(tokens.join(' '))
}

/** @param {NextRequest} request */
function targetDigest(request) {
  const url = new URL(request.url)
  for (const name of AUTHORIZATION_PARAMETERS) url.searchParams.delete(name)
  return digest(url.href)
}

/** The parameters that differ in each response of the authorization endpoint (RFC 6749 section 4.1.2). */
const AUTHORIZATION_PARAMETERS = ['code', 'state']

/** @param {string} text */
const digest = (text) => createHash('sha256').update(text).digest('base64url').slice(0, 16)

/** The error codes that a new sign-in can resolve: the token is missing, or was valid until recently. */
const SIGN_IN_RECOVERABLE_CODES = new Set(['missing_token', 'token_expired', 'token_revoked'])

/**
 * Maximum number of redirects from one path. Each cycle takes about four HTTP redirects, and browsers give up after 20.
 */
const MAX_REDIRECTS = 3

/**
 * The maximum time between two redirects of a loop, in milliseconds. A loop takes less than a second per redirect, and
 * a user who has to confirm each sign-in takes longer.
 */
const MAX_REDIRECT_INTERVAL_MS = 30_000

/** How long signing in may take, in seconds. */
const REDIRECT_MARKER_MAX_AGE_SECONDS = 600

module.exports = { SIGN_IN_RECOVERABLE_CODES, signInLoopReason, redirectMarkerCookie, clearRedirectMarkerCookie }
