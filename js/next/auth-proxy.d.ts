/** Protects whole applications: `proxy.ts`, or a `middleware.ts` in the Node.js runtime. */

import type { NextRequest, NextResponse } from 'next/server'
import type { AuthContext, OneOrMore } from '../../index.js'
import type { NextAuthOptions } from './index.js'

/**
 * Creates the default export of `proxy.ts` (Next.js 16), or of a `middleware.ts` with `runtime: 'nodejs'` in its
 * `config` (Next.js 15.5).
 *
 * If a page request (GET, `Accept: text/html`) or a form post would get a 401, the proxy redirects the browser to
 * `signInUrl`. If a call to a Server Action gets a 401, the response has a header that makes the Next.js client open
 * `signInUrl`. The response to any other rejected request is the same as in `withAuth`. A page request that gets a 403
 * or 503 is not redirected, because signing in again would not help.
 *
 * Requests for `/_next/static`, `/_next/image`, `/favicon.ico`, `/robots.txt`, `/sitemap.xml`, `/manifest.json` and
 * `/manifest.webmanifest` pass without a session. CORS preflights pass only with `allowPreflight`. Exclude the files in
 * `public/` with `config.matcher`.
 *
 * The `logto_authkit_sign_in` cookie records redirects to the sign-in page for ten minutes. If the browser returns from
 * the sign-in page repeatedly, or with a different token that is also rejected, the proxy ends the loop. The response
 * is an error page that states the cause, and the process emits the warning `LOGTO_AUTHKIT_SIGN_IN_LOOP`.
 *
 * A response that sets a new guest cookie always has the `Cache-Control: private, no-store` header, even if the route
 * sets another `Cache-Control` header, because in Next.js, the proxy's headers take precedence over the route's
 * headers.
 *
 * The proxy must not be the only check, because requests have bypassed Next.js proxies before (CVE-2025-29927). The
 * proxy forwards no identity headers. Routes and pages verify the token again, which costs a cache lookup. Only the id
 * of a new guest is forwarded, in the cookie.
 *
 * @param options - The options: see {@link NextAuthOptions} and {@link AuthProxyPaths}. In an array, all options
 * objects must have the same paths.
 * @returns The proxy, which you export.
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

/** The options of {@link authProxy} for public paths, the sign-in page, another proxy and CORS preflights. */
export interface AuthProxyPaths {
  /**
   * Paths that require no session. A string matches the given path and all paths below it (`'/docs'` matches `/docs`
   * and `/docs/a/b`, but not `/docs-internal`), and `'/'` matches only the home page. A regular expression is tested
   * against the path.
   *
   * Strings and regular expressions are matched against the decoded path of the page, without the base path, locale or
   * trailing slash. Matching is case-sensitive. A path that two parsers could read differently (with `//`, `..`, `%2f`,
   * `;` or a percent-encoded letter) is never public. Regular expressions keep their flags: with `y`, for example, they
   * match only at the start of the path.
   *
   * With `allowGuest`, guests may visit only these paths, and all other paths require a session. If you omit
   * `publicPaths`, guests may visit all paths. If you omit both `publicPaths` and `allowGuest`, only the path of
   * `signInUrl` is public.
   *
   * @defaultValue none
   * @throws `TypeError` for values that are not paths, such as the pattern `'/docs/:path*'`.
   */
  publicPaths?: readonly (string | RegExp)[]

  /**
   * The sign-in page: a path in this application without the base path, a URL, or a function that takes the request and
   * returns a path or URL. The query parameter `redirect_to` contains the requested path and query, without the base
   * path.
   *
   * If the sign-in page is part of this application, its path and all paths below it are public and never redirected. A
   * locale prefix, for example in `/de/sign-in`, makes no difference. If `signInUrl` is a function, it is called for
   * every request except requests for the files listed at {@link authProxy}.
   *
   * Validate `redirect_to` before you use it, because anyone can create a link to your sign-in page.
   *
   * @defaultValue none. All rejected requests get a JSON response
   * @throws `TypeError` with `code: 'invalid_options'` if the option, or the result of the function, is not a path or
   * URL.
   *
   * @example
   * ```ts
   * signInUrl: ({ nextUrl }) => (nextUrl.pathname.startsWith('/admin') ? '/admin/sign-in' : '/sign-in')
   * ```
   */
  signInUrl?: string | ((request: NextRequest) => string)

  /**
   * Calls another proxy, such as next-intl's, for requests that `authProxy` lets through. The response has the cookies
   * and headers of both proxies. If the other proxy throws an `AuthError`, that error becomes the response.
   *
   * `auth` is `undefined` for requests that are not verified: requests for public paths without `allowGuest`, and
   * preflights.
   *
   * @defaultValue none
   *
   * @example
   * ```ts
   * next: createMiddleware(routing)
   * ```
   */
  next?: NextProxy

  /** Like `allowPreflight` in {@link NextAuthOptions}, but only for the proxy. */
  allowPreflight?: boolean
}

/** Another proxy, to which {@link authProxy} passes requests. If the other proxy returns nothing, the request passes. */
export type NextProxy = (
  request: NextRequest,
  auth: AuthContext | undefined,
) => NextProxyResult | Promise<NextProxyResult>

/** A response, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing lets requests pass
export type NextProxyResult = Response | null | undefined | void
