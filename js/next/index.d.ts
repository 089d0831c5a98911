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
import type {
  AuthContext,
  AuthErrorCode,
  AuthenticatedContext,
  RequestLike,
  ScopeMode,
  VerifyAuthOptions,
} from '../../index.js'
import type { AuthProxyPaths } from './auth-proxy.js'

export * from './auth-proxy.js'

/**
 * Calls a handler only for requests with a valid token, and sets `request.auth`.
 *
 * A rejected request gets a response with the error's status and headers and the JSON `{ error, code, message }`. So does an
 * `AuthError` thrown by the handler; other errors, including those of `redirect()` and `notFound()`, are left to Next.js. A
 * CORS preflight (`OPTIONS`) is verified like any other request, unless `allowPreflight` is set; Next.js itself responds to it if
 * the route does not export `OPTIONS`.
 *
 * With `allowGuest`, the response to a new guest sets the guest cookie. {@link getAuth} and {@link verifyNextAuth} return the
 * same guest id during that request.
 *
 * If a request has two `Authorization` headers, Next.js passes only the first one to Route Handlers and to the proxy, so
 * only that one is verified. In the Pages Router such a request is rejected (`ambiguous_token`). Two different cookies, and
 * two values in one header, are rejected everywhere.
 *
 * @param handler - A Route Handler, `(request, context) => Response`.
 * @param options - See {@link NextAuthOptions}.
 * @returns The handler to export. It runs for each request, even in a route with `revalidate`. In a `force-static` route
 * there is no request to verify, so it throws, as {@link getAuth} does in a static page.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
 *
 * @example
 * ```ts
 * export const GET = withAuth(async (request) => Response.json({ hello: request.auth.userId }), options)
 * ```
 */
export function withAuth<Context = RouteContext, const Guests extends AllowGuest = false>(
  handler: RouteHandler<Context, ContextOf<Guests>>,
  options: OptionsWith<Guests>,
): (request: NextRequest, context: Context) => Promise<Response>

/**
 * Wraps an API handler of the Pages Router in the same way. {@link withApiAuth} does the same and infers the parameters of the
 * handler, which must be annotated here.
 *
 * @param handler - An API handler, `(req, res) => …`, which reads the context from `req.auth`.
 * @param options - See {@link NextAuthOptions}.
 *
 * @example
 * ```ts
 * export default withAuth((req: AuthApiRequest, res: NextApiResponse) => res.json({ hello: req.auth.userId }), options)
 * ```
 */
export function withAuth<Data = unknown, const Guests extends AllowGuest = false>(
  handler: ApiHandler<Data, ContextOf<Guests>>,
  options: OptionsWith<Guests>,
): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

/**
 * Calls an API handler of the Pages Router only for requests with a valid token, and sets `req.auth`. Rejections, guests and
 * preflights are handled as in {@link withAuth}.
 *
 * @param handler - An API handler, `(req, res) => …`. Its parameters need no types. It may return anything, and a promise is
 * awaited.
 * @param options - See {@link NextAuthOptions}.
 * @returns The handler to export.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
 *
 * @example `pages/api/hello.ts`
 * ```ts
 * export default withApiAuth((req, res) => res.json({ hello: req.auth.userId }), options)
 * ```
 */
export function withApiAuth<Data = unknown, const Guests extends AllowGuest = false>(
  handler: ApiHandler<Data, ContextOf<Guests>>,
  options: OptionsWith<Guests>,
): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

/**
 * Binds all functions of this entry point to one set of options, which is parsed once.
 *
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
 */
export function createNextAuth<const Guests extends AllowGuest = false>(
  options?: OptionsWith<Guests>,
): NextAuth<ContextOf<Guests>>

/** Created by {@link createNextAuth}. Its functions do not use `this`. `Auth` is the context without further requirements. */
export interface NextAuth<Auth extends AuthContext = AuthContext> {
  /**
   * {@link withAuth} with these options and optional requirements for this route. With requirements, even empty ones
   * (`{}`), guests are rejected with their `guestReason`. Without requirements, only the options apply, and `allowGuest` lets guests
   * through.
   */
  withAuth<Context = RouteContext, const Requirements extends RouteRequirements = never>(
    handler: RouteHandler<Context, RequiredContext<Auth, Requirements>>,
    requirements?: Requirements,
  ): (request: NextRequest, context: Context) => Promise<Response>
  withAuth<Data = unknown, const Requirements extends RouteRequirements = never>(
    handler: ApiHandler<Data, RequiredContext<Auth, Requirements>>,
    requirements?: Requirements,
  ): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

  /** {@link withApiAuth} with these options and optional requirements, as in `withAuth`. */
  withApiAuth<Data = unknown, const Requirements extends RouteRequirements = never>(
    handler: ApiHandler<Data, RequiredContext<Auth, Requirements>>,
    requirements?: Requirements,
  ): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

  /** {@link verifyNextAuth} with these options. */
  verify(request: RequestLike): Promise<NextAuthResult<Auth>>

  /** {@link authProxy} with these options. */
  authProxy(paths?: AuthProxyPaths): (request: NextRequest) => Promise<NextResponse>

  /** {@link getAuth} with these options. */
  getAuth(): Promise<AuthContext>
}

/**
 * Verifies a request without throwing for invalid tokens, for middleware, `getServerSideProps` and other code that has a
 * request.
 *
 * @param request - A `NextRequest`, a `Request`, the request of the Pages Router, or any object with headers.
 * @param options - See {@link NextAuthOptions}.
 * @returns The context, or the reason for rejection. With `allowGuest`, a guest is a success.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
 *
 * @example
 * ```ts
 * const result = await verifyNextAuth(request, options)
 * if (!result.success) return new Response(result.error, { status: result.status })
 * ```
 */
export function verifyNextAuth<const Guests extends AllowGuest = false>(
  request: RequestLike,
  options: OptionsWith<Guests>,
): Promise<NextAuthResult<ContextOf<Guests>>>

/** The result of {@link verifyNextAuth}. */
export type NextAuthResult<Auth extends AuthContext = AuthContext> =
  | { success: true; auth: Auth }
  | {
      success: false
      /** The error message; it may be shown to clients. */
      error: string
      code: AuthErrorCode
      status: 400 | 401 | 403 | 503
    }

/**
 * Returns the context of the current request in Server Components and Server Actions. With `cacheComponents`, call it in a
 * component inside a `<Suspense>` boundary.
 *
 * @param options - See {@link NextAuthOptions}.
 * @returns The context. If the token is missing or invalid, a {@link GuestContext}, even without `allowGuest`. Its
 * `guestReason` is the error code. A new guest has the same id throughout the request. With `allowGuest`, the guest cookie is set where Next.js allows
 * it (in Server Actions); for pages, the proxy sets it.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
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

/** {@link VerifyAuthOptions}; `organizationId` may also be a function of the request. */
export interface NextAuthOptions extends Omit<VerifyAuthOptions, 'organizationId'> {
  /**
   * The organization that the token must belong to, `null` for none, or a function of the request that returns either. The
   * request is a `NextRequest`, a `NextApiRequest`, or `{ headers, cookies }` in {@link getAuth}.
   *
   * If the function returns `undefined` or `''`, the request names no organization and is rejected.
   *
   * @defaultValue not checked
   * @throws `AuthError` `wrong_organization` (403).
   */
  organizationId?: string | null | OrganizationOf

  /**
   * Lets CORS preflights (`OPTIONS` with `Access-Control-Request-Method`) pass without `request.auth` in {@link withAuth} and
   * {@link authProxy}. By default, they are verified like any other request and, since they carry no token, rejected.
   *
   * @defaultValue `false`
   */
  allowPreflight?: boolean
}

/** The requirements of a route, besides a valid token. */
export interface RouteRequirements {
  /** Required scopes, as a space-separated string or an array. */
  requiredScope?: string | readonly string[]
  /** Whether all of `requiredScope` are required (the default), or one of them. */
  scopeMode?: ScopeMode
  /** Roles that the token must have. All of them are required. */
  requiredRole?: string | readonly string[]
  /** Claims that contain roles: `['roles', 'role']` by default, even if the options have other `roleClaims`. */
  roleClaims?: string | readonly string[]
  /** The organization that the token must belong to, or `null` for none. */
  organizationId?: string | null | OrganizationOf
  /** Whether the token must belong to a user, or to a machine-to-machine application. */
  subjectType?: 'user' | 'machine'
}

/** Returns the organization of a request. The parameter may be declared as the route's own request type. */
// biome-ignore lint/suspicious/noExplicitAny: the type depends on the route
export type OrganizationOf = (request: any) => string | null | undefined

/** The option `allowGuest`. */
export type AllowGuest = NextAuthOptions['allowGuest']

/** {@link NextAuthOptions} with this `allowGuest`. */
export type OptionsWith<Guests extends AllowGuest> = NextAuthOptions & { allowGuest?: Guests }

/** The context that handlers get: a guest is possible only with `allowGuest`. */
export type ContextOf<Guests extends AllowGuest> = [Guests] extends [false | undefined]
  ? AuthenticatedContext
  : AuthContext

/** The context that handlers get with these requirements, which reject guests. */
export type RequiredContext<Auth, Requirements> = [Requirements] extends [never] ? Auth : AuthenticatedContext

/** The request of a Route Handler in {@link withAuth}. */
export type AuthRequest<Auth = AuthContext> = NextRequest & { auth: Auth }

/** The request of an API handler in {@link withApiAuth}. */
export type AuthApiRequest<Auth = AuthContext> = NextApiRequest & { auth: Auth }

/** The second argument of a Route Handler that does not declare its parameters. */
export interface RouteContext {
  // biome-ignore lint/suspicious/noExplicitAny: as in Next.js
  params: Promise<any>
}

/** A Route Handler of the App Router. */
export type RouteHandler<Context = RouteContext, Auth = AuthContext> = (
  request: AuthRequest<Auth>,
  context: Context,
) => Response | Promise<Response>

/** A handler of the Pages Router. */
export type ApiHandler<Data = unknown, Auth = AuthContext> = (
  req: AuthApiRequest<Auth>,
  res: NextApiResponse<Data>,
) => unknown
