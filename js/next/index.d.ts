/**
 * Next.js 15 and 16, App and Pages Router. The configuration needs `withLogtoAuth` from `logto-authkit/next/config`.
 *
 * @example `lib/auth.ts`: the options, parsed once
 * ```ts
 * import { createNextAuth } from 'logto-authkit/next'
 *
 * export const { withAuth, verify, authProxy, getAuth } = createNextAuth({
 *   logtoUrl: 'https://auth.example.com',
 *   audience: 'https://api.example.com',
 *   allowGuest: true,
 * })
 * ```
 *
 * @example `app/orders/[id]/route.ts`
 * ```ts
 * import { withAuth } from '@/lib/auth'
 *
 * export const GET = withAuth(
 *   async (request, { params }: { params: Promise<{ id: string }> }) => {
 *     const { id } = await params
 *     return Response.json({ id, owner: request.auth.userId })
 *   },
 *   { requiredScope: 'read:orders' },
 * )
 * ```
 *
 * @packageDocumentation
 */

import type { NextApiRequest, NextApiResponse } from 'next'
import type { NextRequest, NextResponse } from 'next/server'
import type { AuthContext, AuthErrorCode, RequestLike, ScopeMode, VerifyAuthOptions } from '../../index.js'

/**
 * Lets a handler see only requests that verify, and tells it by `request.auth` who is asking.
 *
 * A refusal is answered with the error's status and headers and the JSON `{ error, code, message }`. An `AuthError` that
 * the handler throws becomes its answer too; everything else that it throws, `redirect()` and `notFound()` among it, is
 * for Next.js. A preflight (`OPTIONS`) is a request like any other: Next.js answers it by itself where a route exports no
 * `OPTIONS`.
 *
 * With `allowGuest`, the response to a new guest sets the guest's cookie. {@link getAuth} and {@link verifyNextAuth} see the
 * same guest in that request.
 *
 * Of two `Authorization` headers Next.js shows a Route Handler, and a proxy, the first one alone: it is the one that is
 * verified, the second gets nobody in. In the Pages Router both are seen and refused (`ambiguous_token`), as are two
 * different cookies, and two values in one header, everywhere.
 *
 * @param handler - A Route Handler, `(request, context) => Response`.
 * @param options - What to accept.
 * @returns The handler to export. It runs for each request, also in a route with `revalidate`. In one that is
 * `force-static` there is no request to verify: it throws, as {@link getAuth} does in such a page.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or wrong.
 *
 * @example
 * ```ts
 * export const GET = withAuth(async (request) => Response.json({ hello: request.auth.userId }), options)
 * ```
 */
export function withAuth<Context = RouteContext>(
  handler: RouteHandler<Context>,
  options: NextAuthOptions,
): (request: NextRequest, context: Context) => Promise<Response>

/**
 * The same for a handler of the Pages Router.
 *
 * @param handler - An API handler, `(req, res) => …`, which finds who is asking in `req.auth`.
 * @param options - What to accept.
 *
 * @example
 * ```ts
 * export default withAuth((req: AuthApiRequest, res: NextApiResponse) => res.json({ hello: req.auth.userId }), options)
 * ```
 */
export function withAuth<Data = unknown>(
  handler: ApiHandler<Data>,
  options: NextAuthOptions,
): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

/**
 * Everything here, bound to one set of options that is parsed once.
 *
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or wrong.
 */
export function createNextAuth(options: NextAuthOptions): NextAuth

/** Made by {@link createNextAuth}. Its functions need no `this`. */
export interface NextAuth {
  /**
   * {@link withAuth} with these options and, if they are given, requirements of this route. These are for users and
   * machines: also with none, `{}`, a guest is refused (`missing_token`). Without them the options decide alone, and with
   * `allowGuest` a guest is let in.
   */
  withAuth<Context = RouteContext>(
    handler: RouteHandler<Context>,
    requirements?: RouteRequirements,
  ): (request: NextRequest, context: Context) => Promise<Response>
  withAuth<Data = unknown>(
    handler: ApiHandler<Data>,
    requirements?: RouteRequirements,
  ): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

  /** {@link verifyNextAuth} with these options. */
  verify(request: RequestLike): Promise<NextAuthResult>

  /** {@link authProxy} with these options. */
  authProxy(extra?: AuthProxyPaths): (request: NextRequest) => Promise<NextResponse>

  /** {@link getAuth} with these options. */
  getAuth(): Promise<AuthContext>
}

/**
 * Verifies a request, and throws nothing for a bad token: for middleware, `getServerSideProps` and whatever has a request
 * in its hands.
 *
 * @param request - A `NextRequest`, a `Request`, the request of the Pages Router, or anything with headers.
 * @param options - What to accept.
 * @returns Who is asking (with `allowGuest`, a guest is a success), or why not.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or wrong.
 *
 * @example
 * ```ts
 * const result = await verifyNextAuth(request, options)
 * if (!result.success) return new Response(result.error, { status: result.status })
 * ```
 */
export function verifyNextAuth(request: RequestLike, options: NextAuthOptions): Promise<NextAuthResult>

/** What {@link verifyNextAuth} finds. */
export type NextAuthResult =
  | { success: true; auth: AuthContext }
  | {
      success: false
      /** A sentence that may be shown to a client. */
      error: string
      code: AuthErrorCode
      status: 400 | 401 | 403 | 503
    }

/**
 * The default export of `proxy.ts` (Next.js 16), or of a `middleware.ts` whose `config` says `runtime: 'nodejs'` (15.5).
 *
 * A page request (GET, `Accept: text/html`) without a session is redirected to `signInUrl` where the status would be 401. A
 * 403, which another sign-in would not change, and a 503 are answered as by {@link withAuth}, and so is every other request.
 * CORS preflights and `/_next/static` pass.
 *
 * The response that makes a new guest known carries `Cache-Control: private, no-store`: Next.js prefers a proxy's header to
 * the one of the route behind it.
 *
 * It is never the only gate: requests have found ways around proxies. Nothing that it found out is forwarded; routes and
 * pages verify again, which costs a look-up. Only the id of a new guest goes on, as the cookie that the response sets.
 *
 * @param options - What to accept, and which paths need no session.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or wrong.
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
export function authProxy(options: NextAuthOptions & AuthProxyPaths): (request: NextRequest) => Promise<NextResponse>

/** Where {@link authProxy} demands a session, and where it sends whoever has none. */
export interface AuthProxyPaths {
  /**
   * Paths that need no session: a string stands for itself and everything below it (`'/docs'` for `/docs` and
   * `/docs/a/b`, but not for `/docs-internal`), `'/'` for the start page alone; an expression is tested against the path.
   *
   * A path is the one of the page, decoded, without base path, locale and trailing slash; letter case counts. One that two
   * readers could read in two ways (`//`, `..`, `%2f`, a letter percent-encoded) is not public.
   *
   * With `allowGuest`, this is where guests are welcome: elsewhere a session is demanded as without `allowGuest`. Left out,
   * they are welcome everywhere; without `allowGuest`, no path is public then but that of `signInUrl`.
   *
   * @defaultValue none
   * @throws `TypeError` for what is no path, a pattern such as `'/docs/:path*'` for instance.
   */
  publicPaths?: readonly (string | RegExp)[]

  /**
   * The sign-in page: a path of this application, without base path, or an address. It gets the parameter `redirect_to`,
   * the path and query that were asked for. A path is public by itself, with everything below it.
   *
   * Check `redirect_to` where you use it: anybody can make a link to your sign-in page.
   *
   * @defaultValue none: everything is answered with JSON
   */
  signInUrl?: string
}

/**
 * Who is asking, in Server Components and Server Actions.
 *
 * @param options - What to accept.
 * @returns A {@link GuestContext} where the token is missing or fails, whatever `allowGuest` says; its `guestReason` says
 * why. A new guest's id is the same throughout the request. With `allowGuest` it is kept in the cookie where Next.js lets
 * that be set, in Server Actions; in pages the proxy does it.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or wrong.
 *
 * @example
 * ```tsx
 * export default async function Page() {
 *   const auth = await getAuth(options)
 *   if (!auth.isAuthenticated) redirect('/sign-in')
 *   return <h1>Hello {auth.userId}</h1>
 * }
 * ```
 */
export function getAuth(options: NextAuthOptions): Promise<AuthContext>

/** {@link VerifyAuthOptions}, with the organization also as a function of the request. */
export interface NextAuthOptions extends Omit<VerifyAuthOptions, 'organizationId'> {
  /**
   * The organization that the token must be of, or a function that finds it in the request: a `NextRequest`, a
   * `NextApiRequest`, or `{ headers, cookies }` in {@link getAuth}. `null`: it must be of none.
   *
   * @defaultValue not checked
   * @throws `TypeError` if the function returns neither an id nor `null`; `AuthError` `wrong_organization` (403).
   */
  organizationId?: string | null | OrganizationOf
}

/** What one route demands, beyond a valid token. */
export interface RouteRequirements {
  /** Scopes that the token must have, space separated or as a list. */
  requiredScope?: string | readonly string[]
  /** Whether all of `requiredScope` are needed (the default), or one of them. */
  scopeMode?: ScopeMode
  /** Roles that the token must have, all of them. */
  requiredRole?: string | readonly string[]
  /** Claims that hold roles, `['roles', 'role']` by default, whatever the options say. */
  roleClaims?: string | readonly string[]
  /** The organization that the token must be of; `null`: of none. */
  organizationId?: string | null | OrganizationOf
  /** Who must be asking: a person, or an application by itself. */
  subjectType?: 'user' | 'machine'
}

/** Finds the organization that a request is about. The parameter may be declared as the request type at hand. */
// biome-ignore lint/suspicious/noExplicitAny: whichever request the route has
export type OrganizationOf = (request: any) => string | null

/** The request of a Route Handler in {@link withAuth}. */
export type AuthRequest = NextRequest & { auth: AuthContext }

/** The request of an API handler in {@link withAuth}. */
export type AuthApiRequest = NextApiRequest & { auth: AuthContext }

/** The second argument of a Route Handler, where its parameters are not declared. */
export interface RouteContext {
  // biome-ignore lint/suspicious/noExplicitAny: as Next.js has it
  params: Promise<any>
}

/** A Route Handler of the App Router. */
export type RouteHandler<Context = RouteContext> = (
  request: AuthRequest,
  context: Context,
) => Response | Promise<Response>

/** A handler of the Pages Router. */
export type ApiHandler<Data = unknown> = (req: AuthApiRequest, res: NextApiResponse<Data>) => unknown
