/** Protects whole applications: `proxy.ts`, or a `middleware.ts` in the Node.js runtime. */

import type { NextRequest, NextResponse } from 'next/server'
import type { AuthContext, OneOrMore } from '../../index.js'
import type { NextAuthOptions } from './index.js'

/**
 * The default export of `proxy.ts` (Next.js 16), or of a `middleware.ts` with `runtime: 'nodejs'` in its `config` (15.5).
 *
 * A page request (GET, `Accept: text/html`) that would get a 401 is redirected to `signInUrl`, and a form post too, with 303. A
 * Server Action gets the 401, with a header that makes its client open `signInUrl`. All other rejected requests get the same
 * response as from `withAuth`, including page requests with a 403 or 503, which signing in again would not solve.
 *
 * Requests for `/_next/static`, `/_next/image`, `/favicon.ico`, `/robots.txt`, `/sitemap.xml`, `/manifest.json` and
 * `/manifest.webmanifest` are let through, and CORS preflights only with `allowPreflight`. Exclude the files in `public/` with
 * `config.matcher`.
 *
 * A redirect records itself in the cookie `logto_authkit_sign_in`, for ten minutes. If the browser returns with another token that
 * is rejected too, or returns again and again, the proxy responds with an error page that says what is wrong, and emits the
 * warning `LOGTO_AUTHKIT_SIGN_IN_LOOP`.
 *
 * A response that sets a new guest cookie carries `Cache-Control: private, no-store`, because in Next.js the proxy's header
 * takes precedence over the route's.
 *
 * Do not rely on the proxy alone: requests have bypassed proxies before. It does not forward identity headers. Routes and
 * pages verify the token again, which costs a cache lookup. Only the id of a new guest is forwarded, as the cookie that the response sets.
 *
 * @param options - See {@link NextAuthOptions} and {@link AuthProxyPaths}. In an array, all entries have the same paths.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
 *
 * @example `proxy.ts`
 * ```ts
 * export default authProxy({
 *   logtoUrl: 'https://auth.example.com',
 *   audience: 'https://api.example.com',
 *   publicPaths: ['/', '/sign-in', '/callback', /\.(?:ico|png)$/],
 *   signInUrl: '/sign-in',
 * })
 * ```
 */
export function authProxy<Claims = unknown>(
  options: OneOrMore<NextAuthOptions<Claims> & AuthProxyPaths>,
): (request: NextRequest) => Promise<NextResponse>

/** Where {@link authProxy} requires a session, and where it redirects to. */
export interface AuthProxyPaths {
  /**
   * Paths that need no session. A string matches its path and everything below it (`'/docs'` matches `/docs` and
   * `/docs/a/b`, but not `/docs-internal`), and `'/'` matches only the home page. A regular expression is tested against the path.
   *
   * The path is that of the page, decoded and without base path, locale and trailing slash. Matching is case-sensitive. A
   * path that two parsers could read differently (`//`, `..`, `%2f`, `;`, a percent-encoded letter) is never public. The flags
   * of a regular expression keep their meaning: with `y`, it matches only at the start of the path.
   *
   * With `allowGuest`, guests may visit only these paths, and the others require a session. If omitted, guests may visit
   * all paths with `allowGuest`; without it, only the path of `signInUrl` is public.
   *
   * @defaultValue none
   * @throws `TypeError` for values that are not paths, such as the pattern `'/docs/:path*'`.
   */
  publicPaths?: readonly (string | RegExp)[]

  /**
   * The sign-in page: a path of this application, without base path, or a URL, or a function of the request that returns either.
   * The query parameter `redirect_to` contains the requested path and query, without base path.
   *
   * If the page is part of this application, its path and everything below it are public, with or without a locale in front
   * (`/sign-in`, `/de/sign-in`), and never redirected. A function is called for every request except those for files of Next.js.
   *
   * Check `redirect_to` where you use it: anyone can create a link to your sign-in page.
   *
   * @defaultValue none: all rejected requests get a JSON response
   * @throws `TypeError` with `code: 'invalid_options'` for anything else, also if the function returns it.
   *
   * @example
   * ```ts
   * signInUrl: ({ nextUrl }) => (nextUrl.pathname.startsWith('/admin') ? '/admin/sign-in' : '/sign-in')
   * ```
   */
  signInUrl?: string | ((request: NextRequest) => string)

  /**
   * Continues with another proxy, such as next-intl's, for requests that are let through. The cookies and headers of both
   * responses are kept. An `AuthError` that it throws becomes the response.
   *
   * `auth` is undefined for requests that are not verified: those for public paths without `allowGuest`, and preflights.
   *
   * @defaultValue none
   *
   * @example
   * ```ts
   * next: createMiddleware(routing)
   * ```
   */
  next?: NextProxy

  /** As in {@link NextAuthOptions}, for the proxy only. */
  allowPreflight?: boolean
}

/** Another proxy, to which {@link authProxy} passes a request. Returning nothing lets the request pass. */
export type NextProxy = (
  request: NextRequest,
  auth: AuthContext | undefined,
) => NextProxyResult | Promise<NextProxyResult>

/** A response, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing lets requests pass
export type NextProxyResult = Response | null | undefined | void
