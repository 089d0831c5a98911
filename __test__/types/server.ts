// The drop-in replacement: code that compiles with the original package also compiles after the import is changed.

import express from 'express'
import type {
  AuthContext,
  AuthorizationMode,
  AuthPayload,
  CsrfMiddlewareOptions,
  CsrfVerifyResult,
  ExpressNext,
  ExpressRequest,
  ExpressResponse,
  NextRequest,
  NextResponse,
  RoleCheckOptions,
  ScopeCheckOptions,
  VerifyAuthOptions,
} from 'logto-authkit/server'
import {
  buildAuthCookieHeader,
  buildCsrfCookieHeader,
  clearJwksCache,
  createCsrfMiddleware,
  createExpressAuthMiddleware,
  generateCsrfToken,
  hasRole,
  hasScopes,
  invalidateJwksCache,
  requireRole,
  requireScopes,
  verifyAuth,
  verifyCsrfToken,
  verifyLogtoToken,
  verifyNextAuth,
} from 'logto-authkit/server'
import type { Equal, Expect } from './equal'

const options: VerifyAuthOptions = {
  logtoUrl: 'https://auth.example.test',
  audience: ['https://api.example.test', 'https://other.example.test'],
  cookieName: 'logto_authtoken',
  requiredScope: 'read:profile',
  allowGuest: true,
  jwksCacheTtlMs: 60_000,
  skipJwksCache: false,
}

// A context that was written by hand, with only the original's members.
const auth: AuthContext = {
  userId: 'user',
  isAuthenticated: true,
  payload: { sub: 'user', scope: 'openid profile', roles: ['admin'] },
}
hasScopes(auth, ['openid', 'profile'], { mode: 'all' })
requireScopes(auth.payload, 'openid profile')
hasRole(auth, 'admin')
requireRole(auth.payload, 'admin', { claimKeys: ['https://example.test/roles'] })

const app = express()
app.use(createCsrfMiddleware({ cookieName: 'logto_csrf_token', headerName: 'x-csrf-token' }))
app.use(createExpressAuthMiddleware(options))
app.use('/api', createExpressAuthMiddleware({ logtoUrl: 'https://auth.example.test' }))
app.get('/me', (req, res) => {
  res.json({ userId: req.auth?.userId, isGuest: req.auth?.isGuest })
})

export async function routeHandler(request: Request) {
  const result = await verifyNextAuth(request, { logtoUrl: 'https://auth.example.test', audience: 'api' })
  if (!result.success) return Response.json({ error: result.error }, { status: 401 })
  type _ = [Expect<Equal<typeof result.auth, AuthContext>>]
  return Response.json({ userId: result.auth.userId, scopes: result.auth.payload?.scope.split(' ') })
}

export async function anywhere(token: string, request: { cookies?: unknown; headers?: unknown }) {
  const fromToken: AuthContext = await verifyAuth(token, options)
  const fromRequest: AuthContext = await verifyAuth(request, { ...options, audience: undefined })
  const again: AuthContext = await verifyLogtoToken(token, options)
  return [fromToken, fromRequest, again]
}

buildAuthCookieHeader('token')
buildAuthCookieHeader('token', { secure: true, sameSite: 'strict', httpOnly: true, maxAge: 60 })
buildCsrfCookieHeader(generateCsrfToken())
invalidateJwksCache('https://auth.example.test')
clearJwksCache()

export const route = (request: NextRequest): CsrfVerifyResult => verifyCsrfToken(request)
export type Others = [
  AuthorizationMode,
  AuthPayload,
  CsrfMiddlewareOptions,
  ExpressNext,
  ExpressRequest,
  ExpressResponse,
  NextResponse,
  RoleCheckOptions,
  ScopeCheckOptions,
]

// Options that the original does not have.
verifyAuth('token', { ...options, requiredScope: ['a', 'b'], scopeMode: 'any', tokenType: null, clockTolerance: 5 })

// @ts-expect-error: `logtoUrl` is required
createExpressAuthMiddleware({ audience: 'api' })
// @ts-expect-error: unknown option
createExpressAuthMiddleware({ ...options, jwksCacheTTLMs: 1 })
// @ts-expect-error: unknown scope mode
hasScopes(auth, 'a', { mode: 'some' })
// @ts-expect-error: the argument must be the token, not its claims
buildAuthCookieHeader(auth.payload)
