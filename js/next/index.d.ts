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
import type { AuthContext, AuthErrorCode, ContextWith, GuestContext, OneOrMore, RequestLike } from '../../index.js'
import type { AdapterOptions, Requirements } from '../adapters/options.js'
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
export function withAuth<Context = RouteContext, const Guests extends AllowGuest = false, Claims = unknown>(
  handler: RouteHandler<Context, ContextOf<Guests, Claims>>,
  options: OneOrMore<OptionsWith<Guests, Claims>>,
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
export function withAuth<Data = unknown, const Guests extends AllowGuest = false, Claims = unknown>(
  handler: ApiHandler<Data, ContextOf<Guests, Claims>>,
  options: OneOrMore<OptionsWith<Guests, Claims>>,
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
export function withApiAuth<Data = unknown, const Guests extends AllowGuest = false, Claims = unknown>(
  handler: ApiHandler<Data, ContextOf<Guests, Claims>>,
  options: OneOrMore<OptionsWith<Guests, Claims>>,
): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

/**
 * Binds all functions of this entry point to one set of options, which is parsed once.
 *
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
 */
export function createNextAuth<const Guests extends AllowGuest = false, Claims = unknown>(
  options?: OneOrMore<OptionsWith<Guests, Claims>>,
): NextAuth<ContextOf<Guests, Claims>>

/** Created by {@link createNextAuth}. Its functions do not use `this`. `Auth` is the context without further requirements. */
export interface NextAuth<Auth extends AuthContext = AuthContext> {
  /**
   * {@link withAuth} with these options and optional requirements for this route. With requirements, even empty ones
   * (`{}`), guests are rejected with their `guestReason`. Without requirements, only the options apply, and `allowGuest` lets guests
   * through.
   */
  withAuth<Context = RouteContext>(
    handler: RouteHandler<Context, Auth>,
  ): (request: NextRequest, context: Context) => Promise<Response>
  withAuth<Context = RouteContext>(
    handler: RouteHandler<Context, Exclude<Auth, GuestContext>>,
    requirements: RouteRequirements,
  ): (request: NextRequest, context: Context) => Promise<Response>
  withAuth<Data = unknown>(
    handler: ApiHandler<Data, Auth>,
  ): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>
  withAuth<Data = unknown>(
    handler: ApiHandler<Data, Exclude<Auth, GuestContext>>,
    requirements: RouteRequirements,
  ): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

  /** {@link withApiAuth} with these options and optional requirements, as in `withAuth`. */
  withApiAuth<Data = unknown>(
    handler: ApiHandler<Data, Auth>,
  ): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>
  withApiAuth<Data = unknown>(
    handler: ApiHandler<Data, Exclude<Auth, GuestContext>>,
    requirements: RouteRequirements,
  ): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

  /** {@link verifyNextAuth} with these options. */
  verify(request: RequestLike): Promise<NextAuthResult<Auth>>

  /** {@link authProxy} with these options. */
  authProxy(paths?: AuthProxyPaths): (request: NextRequest) => Promise<NextResponse>

  /** {@link getAuth} with these options. */
  getAuth(): Promise<Auth | GuestContext>
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
export function verifyNextAuth<const Guests extends AllowGuest = false, Claims = unknown>(
  request: RequestLike,
  options: OneOrMore<OptionsWith<Guests, Claims>>,
): Promise<NextAuthResult<ContextOf<Guests, Claims>>>

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
export function getAuth<Claims = unknown>(
  options: OneOrMore<NextAuthOptions<Claims>>,
): Promise<ContextWith<Claims> | GuestContext>

/**
 * `VerifyAuthOptions`, whose functions are called with the request: a `NextRequest`, a `NextApiRequest`, or `{ headers, cookies }`
 * in {@link getAuth}. `organizationId` may also be a function of the request, and `allowPreflight` lets CORS preflights pass
 * without `request.auth` in {@link withAuth} and {@link authProxy}.
 *
 * An array has the options for each of several Logto servers.
 */
export type NextAuthOptions<Claims = unknown> = AdapterOptions<Claims>

/** The requirements of a route, besides a valid token. */
export type RouteRequirements = Requirements

/** Returns the organization of a request. The parameter may be declared as the route's own request type. */
export type OrganizationOf = Extract<AdapterOptions['organizationId'], (...args: never) => unknown>

/** The option `allowGuest`. */
export type AllowGuest = NextAuthOptions['allowGuest']

/** {@link NextAuthOptions} with this `allowGuest`. */
export type OptionsWith<Guests extends AllowGuest, Claims = unknown> = NextAuthOptions<Claims> & { allowGuest?: Guests }

/** The context that handlers get: a guest is possible only with `allowGuest`. */
export type ContextOf<Guests extends AllowGuest, Claims = unknown> = [Guests] extends [false | undefined]
  ? ContextWith<Claims>
  : ContextWith<Claims> | GuestContext

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
