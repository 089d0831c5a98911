/**
 * Determines the URL of the sign-in page, recognizes requests for it, and decides how to redirect other requests to it.
 */

const { check } = require('../core/options')
const { isPublicPath, readPath } = require('./public-paths')

/** @typedef {import('next/server').NextRequest} NextRequest */
/**
 * @typedef {{ url: URL, isPath: boolean }} Page - With `isPath`, only the path, the query and the hash of the URL are
 * known.
 */

class SignIn {
  #signInUrl

  /**
   * @param {string | ((request: NextRequest) => string)} signInUrl - The core has already checked a string, but not the
   * results of a function.
   */
  constructor(signInUrl) {
    this.#signInUrl = signInUrl
  }

  /** @type {(request: NextRequest) => Page} */
  #page(request) {
    let signInUrl = this.#signInUrl
    if (typeof signInUrl === 'function') {
      signInUrl = signInUrl(request)
      check('proxyExtra', { signInUrl: signInUrl ?? null })
    }
    return { url: new URL(signInUrl, PLACEHOLDER_ORIGIN), isPath: signInUrl.startsWith('/') }
  }

  /**
   * Returns whether a request is for the sign-in page or a path below it. A locale may precede the path, because a
   * proxy for localization redirects `/sign-in` to `/de/sign-in`, which must not be redirected back.
   *
   * @param {NextRequest} request
   * @param {string} pathname - The path of the request, or of another page.
   */
  isPage(request, pathname = request.nextUrl.pathname) {
    const { url, isPath } = this.#page(request)
    // The sign-in page may be the home page of another host. A client can send that host in the `Host` header, which
    // must not make this application's home page public.
    if (!isPath && (url.host !== request.headers.get('host') || url.pathname === '/')) return false
    const page = readPath(isPath ? url.pathname : withoutBasePath(url.pathname, request))
    if (page === undefined) return false
    // A sign-in path of `/` does not accept a locale prefix, because pages such as `/de` would then be public.
    const patterns = page === '/' ? [page] : [page, new RegExp(`^${LOCALE_PATTERN}${escapePattern(page)}(?:/|$)`)]
    return isPublicPath(pathname, patterns)
  }

  /**
   * Returns the URL of the sign-in page, with the requested path and query in `redirect_to`.
   *
   * @type {(request: NextRequest) => URL}
   */
  url(request) {
    const { url, isPath } = this.#page(request)
    if (!isPath) return withReturnTarget(url, request)
    const { pathname, search, hash } = url
    return withReturnTarget(Object.assign(request.nextUrl.clone(), { pathname, search, hash }), request)
  }

  /**
   * Returns the URL of the sign-in page for the `x-action-redirect` header. When the Next.js client reads this header,
   * it adds the base path to a path, and splits the value of the header at semicolons.
   *
   * @type {(request: NextRequest) => string}
   */
  actionRedirect(request) {
    const { url, isPath } = this.#page(request)
    const { href, pathname, search, hash } = withReturnTarget(url, request)
    return `${(isPath ? pathname + search + hash : href).replaceAll(';', '%3B')};push`
  }
}

/**
 * Returns what kind of redirect to the sign-in page a request without a session gets, or undefined if the request must
 * not be redirected. Page requests and form posts get a redirect. For a Server Action, a header contains the URL,
 * because the client code of the action would follow a redirect and then fail to read the page.
 *
 * @param {Request} request
 * @returns {'page' | 'form' | 'action' | undefined}
 */
function redirectKind({ method, headers }) {
  if (method === 'POST' && headers.has('next-action')) return 'action'
  if (!/\btext\/html\b/i.test(headers.get('accept') ?? '')) return undefined
  return method === 'GET' ? 'page' : method === 'POST' ? 'form' : undefined
}

/** @type {<T extends URL>(url: T, request: NextRequest) => T} */
function withReturnTarget(url, request) {
  const { pathname, search } = new URL(request.url)
  // A path that starts with two slashes would be a URL on another host.
  const target = withoutBasePath(pathname, request).replace(/^[/\\]*/, '/') + search
  url.searchParams.set(RETURN_TARGET_PARAMETER, target)
  return url
}

/**
 * Removes the base path, which Next.js adds to every path that the application redirects or links to.
 *
 * @type {(pathname: string, request: NextRequest) => string}
 */
function withoutBasePath(pathname, { nextUrl: { basePath } }) {
  const isBelowBasePath = basePath !== '' && (pathname === basePath || pathname.startsWith(`${basePath}/`))
  return isBelowBasePath ? pathname.slice(basePath.length) || '/' : pathname
}

/** @param {string} text */
const escapePattern = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/**
 * A path segment with a two-letter language code, optionally followed by a script and a region, such as `/de` and
 * `/zh-Hant-TW`, but not `/api`.
 */
const LOCALE_PATTERN = '/[A-Za-z]{2}(?:-[A-Za-z]{2,4}){0,2}'

const RETURN_TARGET_PARAMETER = 'redirect_to'

const PLACEHOLDER_ORIGIN = 'http://localhost'

module.exports = { SignIn, redirectKind }
