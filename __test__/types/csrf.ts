// The CSRF helpers.

import { createServer } from 'node:http'
import connect from 'connect'
import express from 'express'
import type { CsrfCookieOptions, CsrfMiddlewareOptions, CsrfVerifyResult } from 'logto-authkit/csrf'
import {
  buildCsrfCookieHeader,
  type CSRF_COOKIE_NAME,
  type CSRF_HEADER_NAME,
  createCsrfMiddleware,
  generateCsrfToken,
  verifyCsrfToken,
} from 'logto-authkit/csrf'
import type { Equal, Expect } from './equal'

export type Names = [
  Expect<Equal<typeof CSRF_COOKIE_NAME, 'logto_csrf_token'>>,
  Expect<Equal<typeof CSRF_HEADER_NAME, 'x-csrf-token'>>,
  Expect<Equal<ReturnType<typeof generateCsrfToken>, string>>,
  Expect<Equal<ReturnType<typeof buildCsrfCookieHeader>, string>>,
]

const cookie: CsrfCookieOptions = { cookieName: 'c', maxAge: 60, domain: 'example.test', path: '/', sameSite: 'Lax' }
const options: CsrfMiddlewareOptions = { ...cookie, headerName: 'x-token' }
express().use(createCsrfMiddleware()).use('/api', createCsrfMiddleware(options))
connect().use(createCsrfMiddleware())
createServer((req, res) => createCsrfMiddleware()(req, res, () => res.end()))
buildCsrfCookieHeader(generateCsrfToken(), cookie)

declare const request: Request
const result: CsrfVerifyResult = verifyCsrfToken(request)
if (!result.valid) result.error?.toUpperCase()
verifyCsrfToken({ headers: {}, cookies: {} }, { cookieName: 'c', headerName: 'x-token' })

// @ts-expect-error: `SameSite=None` is not allowed, because other sites' requests would then include the cookie
buildCsrfCookieHeader('token', { sameSite: 'None' })
// @ts-expect-error: scripts must be able to read the CSRF cookie
buildCsrfCookieHeader('token', { httpOnly: true })
// @ts-expect-error: `maxAge` must be a number of seconds
createCsrfMiddleware({ maxAge: '1d' })
// @ts-expect-error: unknown option
createCsrfMiddleware({ ignoreMethods: ['POST'] })
// @ts-expect-error: the argument must be a request
verifyCsrfToken('token')
