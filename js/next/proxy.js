/** Protects whole applications: `proxy.ts`, or a `middleware.ts` in the Node.js runtime. */

const { errorResponse } = require('../adapters/response')
const { AuthError } = require('../core/errors')
const { errorPage, warnAboutSignInLoop } = require('./error-page')
const { forwardRequest } = require('./forward')
const { isPublicAtEveryLevel, isPublicPath, normalizePublicPath } = require('./public-paths')
const { browserOrigin } = require('./request')
const { keepCookies } = require('./response-cookies')
const { SignIn, redirectKind } = require('./sign-in')
const { signInLoopReason, redirectMarkerCookie, clearRedirectMarkerCookie } = require('./sign-in-loop')

/** @typedef {InstanceType<typeof import('../adapters/authenticator').Authenticator>} Authenticator */
/** @typedef {import('next/server').NextRequest} NextRequest */

/**
 * @param {Authenticator} authenticator
 * @param {Readonly<Record<string, any>>} options - The options, which the core has checked.
 */
function createAuthProxy(authenticator, { publicPaths, signInUrl, allowPreflight, next }) {
  const signIn = signInUrl === undefined ? undefined : new SignIn(signInUrl)
  const paths = (publicPaths ?? []).map(normalizePublicPath)
  const { allowsGuests } = authenticator
  // Outside the public paths, a request without a valid session is not treated as a guest's request, but rejected with
  // the error from the verification. This error shows whether the session is invalid or could not be checked, so that
  // an outage does not redirect users to the sign-in page. Without `publicPaths`, guests are allowed everywhere.
  const userAuthenticator = publicPaths === undefined || !allowsGuests ? authenticator : authenticator.withGuests(false)
  // The sign-in page rejects nobody, even with `allowGuest: 'no-token'`, which rejects invalid tokens everywhere else.
  const signInAuthenticator = authenticator.withGuests(true)
  // Checks whether the client has a session. An invalid token does not cause a rejection here, so `onRefused` is not
  // called.
  const sessionAuthenticator = authenticator.withGuests(true, { onRefused: undefined })

  /** @type {Set<string>} */
  const reportedErrorCodes = new Set()

  /** @type {(request: NextRequest, isSignIn: boolean) => Promise<any>} */
  async function verifyAndForward(request, isSignIn) {
    const isPublic = isSignIn || isPublicPath(request.nextUrl.pathname, paths)
    const skipsVerification = (isPublic && !allowsGuests) || authenticator.passesPreflight(request, allowPreflight)
    const selectedAuthenticator = isSignIn ? signInAuthenticator : isPublic ? authenticator : userAuthenticator
    const auth = skipsVerification ? undefined : await selectedAuthenticator.verify(request)
    const guestCookie = authenticator.newGuestCookie(auth, browserOrigin(request.headers))
    const cookie = auth?.isAuthenticated ? clearRedirectMarkerCookie(request) : null
    const canOpenPage = (/** @type {string} */ path) => isPublicPage(request, path) || hasSession(request, auth)
    return forwardRequest(request, auth, { next, guestCookie, cookies: cookie === null ? [] : [cookie], canOpenPage })
  }

  /** @type {(request: NextRequest, path: string) => boolean} */
  const isPublicPage = (request, path) =>
    (publicPaths === undefined && allowsGuests) ||
    isPublicAtEveryLevel(path, (one) => isPublicPath(one, paths) || signIn?.isPage(request, one) === true)

  /**
   * Returns whether the client has a session. No token has been verified if the request is for a public page. If the
   * verification fails with an error, the client is treated as having no session, because a public page must always be
   * shown.
   *
   * @type {(request: NextRequest, auth: import('../..').AuthContext | undefined) => Promise<boolean>}
   */
  async function hasSession(request, auth) {
    try {
      return (auth ?? (await sessionAuthenticator.verify(request))).isAuthenticated
    } catch {
      return false
    }
  }

  /**
   * Redirects a request without a session to the sign-in page, unless earlier redirects did not help.
   *
   * @type {(request: NextRequest, signIn: InstanceType<typeof SignIn>, error: import('../..').AuthError) => any}
   */
  function redirect(request, signIn, error) {
    const { NextResponse } = require('next/server')
    const { cookieName } = authenticator
    const url = signIn.url(request)
    const reason = signInLoopReason(request, error, cookieName)
    if (reason !== undefined) {
      const readCookie = authenticator.sessionCookies(true).includes(cookieName) ? cookieName : null
      warnAboutSignInLoop(reportedErrorCodes, error, reason, readCookie)
      // Behind a reverse proxy, the host in the request's URL may be an internal one, so the link to a sign-in page on
      // the same host is relative.
      const { origin } = request.nextUrl
      const signInUrl = url.origin === origin ? url.href.slice(origin.length) : url.href
      const { headers, body } = errorPage(error, reason, { cookieName: readCookie, signInUrl })
      return withCookie(new NextResponse(body, { status: error.status, headers }), clearRedirectMarkerCookie(request))
    }
    // After a 303, the browser requests the sign-in page with GET. After a 307, it would post the form to that page.
    const responseInit = { status: request.method === 'POST' ? 303 : 307, headers: { 'Cache-Control': 'no-store' } }
    return withCookie(NextResponse.redirect(url, responseInit), redirectMarkerCookie(request, cookieName))
  }

  /** @param {NextRequest} request */
  async function respond(request) {
    const { NextResponse } = require('next/server')
    if (isPublicPath(request.nextUrl.pathname, ASSET_PATHS)) return NextResponse.next()
    const isSignIn = signIn?.isPage(request) ?? false
    try {
      return await verifyAndForward(request, isSignIn)
    } catch (thrown) {
      if (!(thrown instanceof AuthError)) throw thrown
      const error = authenticator.withResourceMetadata(thrown)
      const { status, headers, body } = errorResponse(error)
      if (signIn !== undefined && !isSignIn && status === 401) {
        const kind = redirectKind(request)
        if (kind === 'page' || kind === 'form') return redirect(request, signIn, error)
        if (kind === 'action') headers['x-action-redirect'] = signIn.actionRedirect(request)
      }
      return new NextResponse(body, { status, headers })
    }
  }

  return async function proxy(/** @type {NextRequest} */ request) {
    return keepCookies(await respond(request))
  }
}

/** @type {<T extends Response>(response: T, cookie: string | null) => T} */
function withCookie(response, cookie) {
  if (cookie !== null) response.headers.append('Set-Cookie', cookie)
  return response
}

/**
 * Files that the sign-in page and all other pages need, and files that browsers and crawlers request. Because these
 * files are the same for all users, the proxy passes on requests for them without verifying a token.
 */
const ASSET_PATHS = [
  '/_next/static',
  /^\/_next\/image$/,
  /^\/(?:favicon\.ico|robots\.txt|sitemap\.xml|manifest\.(?:json|webmanifest))$/,
]

module.exports = { createAuthProxy }
