/**
 * Double-submit protection against cross-site request forgery: scripts on your pages repeat a cookie's value in a
 * header. Pages on other sites can neither read the cookie nor send the header without a CORS preflight.
 *
 * You need CSRF protection if browsers send the access token in a cookie. An API that accepts only the `Authorization` header
 * (`tokenSources: ['header']`) does not need CSRF protection.
 *
 * @example In the server
 * ```ts
 * import express from 'express'
 * import { createCsrfMiddleware } from 'logto-authkit/csrf'
 *
 * const app = express()
 * app.use(createCsrfMiddleware())
 * ```
 *
 * @example In the browser
 * ```ts
 * const token = /(?:^|; )logto_csrf_token=([^;]*)/.exec(document.cookie)?.[1] ?? ''
 * await fetch('/orders', { method: 'POST', headers: { 'x-csrf-token': token } })
 * ```
 *
 * @packageDocumentation
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestLike } from '..'

/** Default name of the cookie. */
export const CSRF_COOKIE_NAME = 'logto_csrf_token'

/** Default name of the header. */
export const CSRF_HEADER_NAME = 'x-csrf-token'

/**
 * Creates middleware for Express, Connect and plain `http`. The middleware needs no cookie parser.
 *
 * Requests with safe methods (RFC 9110 section 9.2.1: GET, HEAD, OPTIONS and TRACE) pass, and the response sets the CSRF cookie
 * if the request had none. A response that sets the cookie gets `Vary: Cookie`, and `Cache-Control: private` unless the
 * application's own header contains `private` or `no-store`. For all other methods, the header must equal the cookie, and
 * requests with two different cookies of the same name are rejected. A rejected request gets status 403 with
 * `{ "error": "CSRF validation failed", "message": "Include the 'x-csrf-token' request header with the value from the
 * 'logto_csrf_token' cookie." }`.
 *
 * @param options - See {@link CsrfMiddlewareOptions}.
 * @returns The middleware, which you register before the routes that change data.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
 *
 * @example
 * ```ts
 * app.use('/api', createCsrfMiddleware({ sameSite: 'Lax' }))
 * ```
 */
export function createCsrfMiddleware(
  options?: CsrfMiddlewareOptions,
): (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/** Options of {@link createCsrfMiddleware}. */
export interface CsrfMiddlewareOptions extends CsrfCookieOptions {
  /**
   * Name of the header that repeats the cookie's value.
   * @defaultValue `'x-csrf-token'`
   */
  headerName?: string
}

/**
 * Checks that the CSRF header of a request equals its CSRF cookie. The request may be any object with headers, such as
 * a fetch `Request`, a `NextRequest` or a Node.js request. `verifyCsrfToken` ignores the method, so call it only for
 * unsafe methods.
 *
 * @param request - Any object with headers.
 * @param options - The names of the cookie and the header: see {@link CsrfMiddlewareOptions}.
 * @returns The result of the check. If the check fails, `error` is a sentence that is safe to send to clients.
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
 *
 * @example A Next.js Route Handler
 * ```ts
 * export async function POST(request: Request) {
 *   const csrf = verifyCsrfToken(request)
 *   if (!csrf.valid) return Response.json({ error: csrf.error }, { status: 403 })
 *   return Response.json(await order(request))
 * }
 * ```
 */
export function verifyCsrfToken(
  request: RequestLike,
  options?: { cookieName?: string; headerName?: string },
): CsrfVerifyResult

/** Result of {@link verifyCsrfToken}. */
export interface CsrfVerifyResult {
  /** Whether the header and the cookie are present and equal. */
  valid: boolean
  /** The reason why the check failed, if `valid` is `false`. */
  error?: string
}

/**
 * Creates a CSRF token: a random UUID (RFC 9562 section 5.4) with 122 bits from the system's random number generator.
 *
 * @returns The token.
 *
 * @example
 * ```ts
 * const token = generateCsrfToken()
 * ```
 */
export function generateCsrfToken(): string

/**
 * Builds the `Set-Cookie` value for a CSRF token: `logto_csrf_token=<token>; Max-Age=86400; Path=/; Secure;
 * SameSite=Strict`. The cookie is not `HttpOnly`, because scripts on the page must read it.
 *
 * @param token - A token from {@link generateCsrfToken}.
 * @param options - The attributes of the cookie.
 * @returns The value of a `Set-Cookie` header.
 * @throws `TypeError` with `code: 'invalid_options'` if a value contains characters that cookies must not contain, or
 *   if browsers would drop the cookie.
 *
 * @example
 * ```ts
 * const token = generateCsrfToken()
 * return Response.json({ token }, { headers: { 'Set-Cookie': buildCsrfCookieHeader(token) } })
 * ```
 */
export function buildCsrfCookieHeader(token: string, options?: CsrfCookieOptions): string

/** Attributes of the cookie that contains the CSRF token. */
export interface CsrfCookieOptions {
  /**
   * Name of the cookie. Sibling domains cannot set cookies whose names start with `__Host-`, for example `'__Host-csrf'`.
   * @defaultValue `'logto_csrf_token'`
   */
  cookieName?: string
  /**
   * Lifetime, in seconds.
   * @defaultValue `86400`, a day
   */
  maxAge?: number
  /** @defaultValue none: only this host */
  domain?: string
  /** @defaultValue `'/'` */
  path?: string
  /**
   * `'None'` is not allowed, because requests from other sites would then include the cookie.
   * @defaultValue `'Strict'`
   */
  sameSite?: 'Strict' | 'Lax' | 'strict' | 'lax'
  /** @defaultValue `true`, but the middleware omits this attribute for `localhost`, `127.0.0.1` and `[::1]` over plain http */
  secure?: boolean
}
