/** Protects whole applications: `proxy.ts`, or a `middleware.ts` in the Node.js runtime. */

const { appendCookie, errorResponse } = require('../adapters/response')
const { AuthError } = require('../core/errors')
const { isPublicPath, readPath, normalizePublicPath } = require('./public-paths')
const { originOf } = require('./request')

/** @typedef {InstanceType<typeof import('../adapters/authenticator').Authenticator>} Authenticator */
/** @typedef {import('next/server').NextRequest} NextRequest */
/** @typedef {{ url: URL, path: string | undefined }} SignIn - `path` is set if the page is part of this application. */

/**
 * @param {Authenticator} authenticator
 * @param {Authenticator} guestsRejected - The same authenticator without guests. Outside the public paths, it rejects a
 *   failed session with the actual error, so that an outage does not redirect users to the sign-in page.
 * @param {Readonly<Record<string, any>>} options - Checked by the core.
 */
function createProxy(authenticator, guestsRejected, { publicPaths, signInUrl, allowPreflight }) {
  const signIn = signInUrl === undefined ? undefined : signInPage(signInUrl)
  const paths = (publicPaths ?? []).map(normalizePublicPath)
  if (signIn?.path !== undefined) paths.push(signIn.path)
  const { allowsGuests } = authenticator
  // Without `publicPaths`, guests are allowed everywhere.
  const nonPublicAuthenticator = publicPaths === undefined || !allowsGuests ? authenticator : guestsRejected

  /** @param {NextRequest} request */
  return async function proxy(request) {
    const { NextResponse } = require('next/server')
    const { pathname } = request.nextUrl
    const isPublic = isPublicPath(pathname, paths)
    if (isPublicPath(pathname, ASSETS) || (isPublic && !allowsGuests)) return NextResponse.next()
    if (authenticator.passesPreflight(request, allowPreflight)) return NextResponse.next()
    /** @type {string | null} */
    let cookie = null
    let response
    try {
      const auth = await (isPublic ? authenticator : nonPublicAuthenticator).verify(request)
      cookie = authenticator.newGuestCookie(auth, originOf(request.headers))
      response = NextResponse.next(cookie === null ? undefined : { request: { headers: withCookie(request, cookie) } })
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      const { status, headers, body } = errorResponse(authenticator.withResourceMetadata(error))
      response =
        signIn !== undefined && status === 401 && isPageRequest(request)
          ? NextResponse.redirect(redirectUrl(signIn, request), { headers: { 'Cache-Control': 'no-store' } })
          : new NextResponse(body, { status, headers })
    }
    // A route cannot replace a `Cache-Control` header set by the proxy, so use the strictest value.
    if (cookie !== null) appendCookie(response.headers, cookie, 'private, no-store')
    return response
  }
}

/**
 * Returns the request's headers with the cookie that the response will set, so that the route can read it too.
 *
 * @type {(request: Request, setCookie: string) => Headers}
 */
function withCookie(request, setCookie) {
  const headers = new Headers(request.headers)
  const cookies = [headers.get('cookie'), setCookie.split(';', 1)[0]]
  headers.set('cookie', cookies.filter(Boolean).join('; '))
  return headers
}

/** @param {Request} request */
const isPageRequest = ({ method, headers }) => method === 'GET' && /\btext\/html\b/i.test(headers.get('accept') ?? '')

/**
 * Returns the URL of the sign-in page, with the requested path and query in `redirect_to`.
 *
 * @type {(signIn: SignIn, request: NextRequest) => URL}
 */
function redirectUrl({ url, path }, request) {
  const target = path === undefined ? new URL(url) : request.nextUrl.clone()
  if (path !== undefined) Object.assign(target, { pathname: url.pathname, search: url.search, hash: url.hash })
  const { pathname, search } = new URL(request.url)
  // A path that starts with two slashes would be a URL on another host.
  target.searchParams.set('redirect_to', pathname.replace(/^[/\\]+/, '/') + search)
  return target
}

/**
 * @param {string} signInUrl
 * @returns {SignIn}
 */
function signInPage(signInUrl) {
  const url = new URL(signInUrl, PLACEHOLDER_ORIGIN)
  return { url, path: signInUrl.startsWith('/') ? readPath(url.pathname) : undefined }
}

/** Assets that every page needs, including the sign-in page. They are the same for all users. */
const ASSETS = ['/_next/static']

const PLACEHOLDER_ORIGIN = 'http://localhost'

module.exports = { createProxy }
