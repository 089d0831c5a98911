/**
 * Protection against cross-site request forgery by a double-submitted cookie: a page's own scripts repeat the value of
 * a cookie in a header, which those of another site can neither read nor send without a CORS preflight.
 *
 * It is for requests that a browser signs with the token's cookie; an API that takes the `Authorization` header alone
 * (`tokenSources: ['header']`) needs none.
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

/** The cookie's name, unless another one is asked for. */
export const CSRF_COOKIE_NAME = 'logto_csrf_token'

/** The header's name, unless another one is asked for. */
export const CSRF_HEADER_NAME = 'x-csrf-token'

/**
 * Middleware for Express, Connect and plain `http`. It needs no cookie parser.
 *
 * Safe methods (GET, HEAD, OPTIONS, TRACE) pass, and are given the cookie if they bring none; such a response carries
 * `Vary: Cookie` and, unless the application set one, `Cache-Control: private`. With any other method the header must
 * equal the cookie; two different cookies of the name prove nothing. The answer is else 403 with
 * `{ "error": "CSRF validation failed", "message": "Include the 'x-csrf-token' request header with the value from the
 * 'logto_csrf_token' cookie." }`.
 *
 * @throws `TypeError` with `code: 'invalid_options'` for an unknown or wrong option.
 *
 * @example
 * ```ts
 * app.use('/api', createCsrfMiddleware({ sameSite: 'Lax' }))
 * ```
 */
export function createCsrfMiddleware(
  options?: CsrfMiddlewareOptions,
): (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/** What {@link createCsrfMiddleware} takes. */
export interface CsrfMiddlewareOptions extends CsrfCookieOptions {
  /**
   * The header that repeats the cookie.
   * @defaultValue `'x-csrf-token'`
   */
  headerName?: string
}

/**
 * The same check for anything with headers: a fetch `Request`, a `NextRequest`, a Node request. Of the method it knows
 * nothing.
 *
 * @returns `error` says why, in a sentence that may be shown.
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

/** What {@link verifyCsrfToken} answers. */
export interface CsrfVerifyResult {
  /** Whether header and cookie are there and equal. */
  valid: boolean
  /** Why not, where they are not. */
  error?: string
}

/**
 * A new token: a random UUID (RFC 9562 section 5.4), 122 bits of the system's randomness.
 *
 * @example
 * ```ts
 * const token = generateCsrfToken()
 * ```
 */
export function generateCsrfToken(): string

/**
 * The `Set-Cookie` value for a token: `logto_csrf_token=<token>; Max-Age=86400; Path=/; Secure; SameSite=Strict`. It is
 * not `HttpOnly`, as the page's scripts are to read it.
 *
 * @throws `TypeError` with `code: 'invalid_options'` if a value would break out of its field.
 *
 * @example
 * ```ts
 * const token = generateCsrfToken()
 * return Response.json({ token }, { headers: { 'Set-Cookie': buildCsrfCookieHeader(token) } })
 * ```
 */
export function buildCsrfCookieHeader(token: string, options?: CsrfCookieOptions): string

/** The cookie that holds a token. It is always `Secure`. */
export interface CsrfCookieOptions {
  /**
   * The cookie's name. `'__Host-csrf'`, say, is one that no sibling domain can plant.
   * @defaultValue `'logto_csrf_token'`
   */
  cookieName?: string
  /**
   * Lifetime, in seconds.
   * @defaultValue `86400`, a day
   */
  maxAge?: number
  /** @defaultValue none: this host only */
  domain?: string
  /** @defaultValue `'/'` */
  path?: string
  /**
   * `'None'` is not offered: a cookie that other sites send along is not worth comparing with.
   * @defaultValue `'Strict'`
   */
  sameSite?: 'Strict' | 'Lax' | 'strict' | 'lax'
}
