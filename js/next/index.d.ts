/**
 * The adapter for Next.js 15 and 16, with the App Router and the Pages Router. `next.config` needs `withLogtoAuth` from
 * `logto-authkit/next/config`.
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
 * Wraps a Route Handler so that it is called only for requests with a valid token, and sets `request.auth`.
 *
 * A rejected request gets a response with the status and headers of the error and the JSON `{ error, code, message }`. If the
 * handler throws an `AuthError`, the response is the same as for a rejected request. All other errors, including the errors of
 * `redirect()` and `notFound()`, are passed on to Next.js.
 *
 * CORS preflights (`OPTIONS`) are verified like any other request, unless `allowPreflight` is set. If the route does not export
 * `OPTIONS`, Next.js itself responds to preflights.
 *
 * With `allowGuest`, the response to a new guest sets the guest cookie. Within a request, {@link getAuth} and
 * {@link verifyNextAuth} return the guest id that this cookie contains.
 *
 * If a request has two `Authorization` headers, Next.js passes only the first header to Route Handlers and to the proxy, so only
 * the first header is verified. In the Pages Router, a request with two `Authorization` headers is rejected with `ambiguous_token`.
 * A request with two different token cookies, or with two values in one `Authorization` header, is rejected everywhere.
 *
 * @param handler - A Route Handler, `(request, context) => Response`.
 * @param options - The options: see {@link NextAuthOptions}.
 * @returns The handler to export. The handler runs for each request, even in a route with `revalidate`. In a `force-static` route,
 * there is no request to verify, so the handler throws, like {@link getAuth} in a static page.
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
 * Wraps an API handler of the Pages Router so that it is called only for requests with a valid token. In `withAuth`,
 * the parameters of the handler need type annotations, whereas {@link withApiAuth} infers their types.
 *
 * @param handler - An API handler, `(req, res) => …`, which reads the context from `req.auth`.
 * @param options - The options: see {@link NextAuthOptions}.
 * @returns The handler to export.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
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
 * Wraps an API handler of the Pages Router so that it is called only for requests with a valid token, and sets `req.auth`.
 * Rejections, guests and preflights are handled as in {@link withAuth}.
 *
 * @param handler - An API handler, `(req, res) => …`, whose parameters need no type annotations. The handler may return any value,
 * and a promise is awaited.
 * @param options - The options: see {@link NextAuthOptions}.
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
 * @param options - See {@link NextAuthOptions}. Without options, `LOGTO_URL` and `LOGTO_AUDIENCE` are read from the environment.
 * @returns The functions, which you export from one file of the application.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
 *
 * @example
 * ```ts
 * export const { withAuth, verify, authProxy, getAuth } = createNextAuth({
 *   logtoUrl: 'https://auth.example.com',
 *   audience: 'https://api.example.com',
 * })
 * ```
 */
export function createNextAuth<const Guests extends AllowGuest = false, Claims = unknown>(
  options?: OneOrMore<OptionsWith<Guests, Claims>>,
): NextAuth<ContextOf<Guests, Claims>>

/**
 * The functions that {@link createNextAuth} returns. They do not use `this`. `Auth` is the context type when no
 * additional requirements are set.
 */
export interface NextAuth<Auth extends AuthContext = AuthContext> {
  /**
   * Calls {@link withAuth} with the options of `createNextAuth` and optional requirements for the route. With requirements, even an
   * empty object, guests are rejected with the code in `guestReason`. Without requirements, only the options apply, and guests are
   * accepted if `allowGuest` is set.
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

  /** Calls {@link withApiAuth} with the options of `createNextAuth` and optional requirements for the route. */
  withApiAuth<Data = unknown>(
    handler: ApiHandler<Data, Auth>,
  ): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>
  withApiAuth<Data = unknown>(
    handler: ApiHandler<Data, Exclude<Auth, GuestContext>>,
    requirements: RouteRequirements,
  ): (req: NextApiRequest, res: NextApiResponse<Data>) => Promise<void>

  /** Calls {@link verifyNextAuth} with the options of `createNextAuth`. */
  verify(request: RequestLike): Promise<NextAuthResult<Auth>>

  /** Calls {@link authProxy} with the options of `createNextAuth`. */
  authProxy(paths?: AuthProxyPaths): (request: NextRequest) => Promise<NextResponse>

  /** Calls {@link getAuth} with the options of `createNextAuth`. */
  getAuth(): Promise<Auth | GuestContext>
}

/**
 * Verifies a request without throwing for invalid tokens. Use `verifyNextAuth` in middleware, in `getServerSideProps`, and in other
 * code that has a request.
 *
 * @param request - A `NextRequest`, a `Request`, the request of the Pages Router, or any object with headers.
 * @param options - The options: see {@link NextAuthOptions}.
 * @returns The context, or the reason for the rejection. With `allowGuest`, a guest counts as a success.
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
      /** The error message, which is safe to send to clients. */
      error: string
      code: AuthErrorCode
      status: 400 | 401 | 403 | 503
    }

/**
 * Returns the context of the current request in Server Components and Server Actions. With `cacheComponents`, call `getAuth` in
 * a component inside a `<Suspense>` boundary.
 *
 * A new guest has the same id throughout the request. With `allowGuest`, `getAuth` sets the guest cookie in Server Actions. For
 * pages, the proxy sets the guest cookie.
 *
 * @param options - The options: see {@link NextAuthOptions}.
 * @returns The context. If the token is missing or invalid, the result is a {@link GuestContext}, even without `allowGuest`, and
 * `guestReason` contains the error code.
 * @throws `TypeError` with `code: 'invalid_options'` if an option is unknown, missing or invalid.
 * @throws `Error` in a `force-static` page, which has no request to verify, and in functions with `'use cache'`.
 *
 * @example
 * ```tsx
 * export default async function Page() {
 *   const auth = await getAuth(options)
 *   if (!auth.isAuthenticated) return <a href="/sign-in">Sign in</a>
 *   return <h1>Hello {auth.userId}</h1>
 * }
 * ```
 */
export function getAuth<Claims = unknown>(
  options: OneOrMore<NextAuthOptions<Claims>>,
): Promise<ContextWith<Claims> | GuestContext>

/**
 * `VerifyAuthOptions`, whose functions are called with the request: a `NextRequest`, a `NextApiRequest`, or `{ headers, cookies }`
 * in {@link getAuth}. `organizationId` may also be a function that takes the request. `allowPreflight` lets CORS preflights pass
 * without `request.auth` in {@link withAuth} and {@link authProxy}.
 *
 * To accept tokens of several Logto servers, pass an array of options.
 */
export interface NextAuthOptions<Claims = unknown> extends AdapterOptions<Claims> {}

/** The requirements of a route, besides a valid token. */
export type RouteRequirements = Requirements

/**
 * A function that returns the organization of a request. You can declare the function's parameter with the route's
 * request type.
 */
export type OrganizationOf = Extract<NextAuthOptions['organizationId'], (...args: never) => unknown>

/** The `allowGuest` option. */
export type AllowGuest = NextAuthOptions['allowGuest']

/** {@link NextAuthOptions} with the type parameter `Guests` as the type of `allowGuest`. */
export type OptionsWith<Guests extends AllowGuest, Claims = unknown> = NextAuthOptions<Claims> & { allowGuest?: Guests }

/** The type of the context in handlers, which includes guests only with `allowGuest`. */
export type ContextOf<Guests extends AllowGuest, Claims = unknown> = [Guests] extends [false | undefined]
  ? ContextWith<Claims>
  : ContextWith<Claims> | GuestContext

/** The request of a Route Handler in {@link withAuth}. */
export type AuthRequest<Auth = AuthContext> = NextRequest & { auth: Auth }

/** The request of an API handler in {@link withApiAuth}. */
export type AuthApiRequest<Auth = AuthContext> = NextApiRequest & { auth: Auth }

/** The second argument of a Route Handler that does not declare the types of its route parameters. */
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
