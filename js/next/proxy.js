/** The gate in front of an application: `proxy.ts`, or a `middleware.ts` in the Node.js runtime. */

const { unknownOption, wrongOption } = require('../core/errors')
const { isPreflight } = require('../adapters/gate')
const { AuthError, answer, introduce } = require('../adapters/guard')
const { isSecureRequest } = require('./request')
const { ownMembers } = require('../core/options')
const { isPublicPath, publicPathsOption, readPath } = require('./public-paths')

/** @typedef {InstanceType<typeof import('../adapters/guard').Guard>} Guard */
/** @typedef {import('next/server').NextRequest} NextRequest */
/** @typedef {{ url: URL, path: string | undefined }} SignIn - The path, where it is one of this application. */

/**
 * @param {Guard} guard
 * @param {Guard} members - The same, without guests: a session that fails where they are not welcome is refused for its own
 * reason, and an outage sends nobody to sign in once more.
 * @param {any} [extra]
 */
function createProxy(guard, members, extra) {
  const { publicPaths, signInUrl, ...unknown } = ownMembers(extra)
  for (const option of Object.keys(unknown)) throw unknownOption(option, ['publicPaths', 'signInUrl'])
  const signIn = signInOption(signInUrl)
  const paths = publicPathsOption(publicPaths)
  if (signIn?.path !== undefined) paths.push(signIn.path)
  // Where the application tells no public paths from others, its guests are welcome everywhere.
  const others = publicPaths === undefined || !guard.allowsGuests ? guard : members

  /** @param {NextRequest} request */
  return async function proxy(request) {
    const { NextResponse } = require('next/server')
    const { pathname } = request.nextUrl
    const isPublic = isPublicPath(pathname, paths)
    const isOpen =
      isPreflight(request, request.method) || isPublicPath(pathname, ASSETS) || (isPublic && !guard.allowsGuests)
    if (isOpen) return NextResponse.next()
    /** @type {string | null} */
    let cookie = null
    let response
    try {
      const auth = await (isPublic ? guard : others).authenticate(request)
      cookie = guard.guestCookie(auth, isSecureRequest(request.headers))
      response = NextResponse.next(cookie === null ? undefined : { request: { headers: withCookie(request, cookie) } })
    } catch (error) {
      if (!(error instanceof AuthError)) throw error
      const { status, headers, body } = answer(guard.challenged(error))
      response =
        signIn !== undefined && status === 401 && isPageRequest(request)
          ? NextResponse.redirect(signInAddress(signIn, request), { headers: { 'Cache-Control': 'no-store' } })
          : new NextResponse(body, { status, headers })
    }
    // Next.js lets a route set no `Cache-Control` where its proxy has: this one must not be weaker than the route's.
    if (cookie !== null) introduce(response.headers, cookie, 'private, no-store')
    return response
  }
}

/**
 * The request's headers with the cookie that its response will set, so that what is behind the proxy sees it already.
 *
 * @param {Request} request
 * @param {string} setCookie
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
 * @param {SignIn} signIn
 * @param {NextRequest} request
 */
function signInAddress({ url, path }, request) {
  const target = path === undefined ? new URL(url) : request.nextUrl.clone()
  if (path !== undefined) Object.assign(target, { pathname: url.pathname, search: url.search, hash: url.hash })
  const { pathname, search } = new URL(request.url)
  // Two slashes at the start would make the address of another host of it.
  target.searchParams.set('redirect_to', pathname.replace(/^[/\\]+/, '/') + search)
  return target
}

/**
 * @param {unknown} given
 * @returns {SignIn | undefined}
 */
function signInOption(given) {
  if (given === undefined) return undefined
  if (typeof given === 'string' && URL.canParse(given, HERE)) {
    const url = new URL(given, HERE)
    const path = given.startsWith('/') && url.origin === HERE ? readPath(url.pathname) : undefined
    if (path !== undefined || /^https?:\/\//i.test(given)) return { url, path }
  }
  throw wrongOption('signInUrl', "a path such as '/sign-in' or an absolute http or https address", given)
}

/** What pages are made of, the sign-in page among them; it tells nothing about anybody. */
const ASSETS = ['/_next/static']

const HERE = 'http://localhost'

module.exports = { createProxy }
