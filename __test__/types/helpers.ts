// Scopes, roles, cookies and the key cache.

import type { JWTPayload } from 'jose' with { 'resolution-mode': 'import' }
import type { AuthContext, AuthPayload } from 'logto-authkit'
import {
  buildAuthCookieHeader,
  buildGuestCookieHeader,
  clearJwksCache,
  hasRole,
  hasScopes,
  invalidateJwksCache,
  requireRole,
  requireScopes,
} from 'logto-authkit'
import type { Equal, Expect } from './equal'

declare const auth: AuthContext
declare const payload: AuthPayload
declare const ofJose: JWTPayload

const answer = hasScopes(auth, 'read')
export type Answers = [
  Expect<Equal<typeof answer, boolean>>,
  Expect<Equal<ReturnType<typeof hasRole>, boolean>>,
  Expect<Equal<ReturnType<typeof requireScopes>, void>>,
  Expect<Equal<ReturnType<typeof requireRole>, void>>,
  Expect<Equal<ReturnType<typeof buildAuthCookieHeader>, string>>,
  Expect<Equal<ReturnType<typeof buildGuestCookieHeader>, string>>,
]

hasScopes(payload, ['read', 'write'] as const, { mode: 'any' })
hasScopes(ofJose, 'read')
hasScopes({ scope: 'read' }, 'read')
hasScopes(null, 'read')
hasScopes(undefined, 'read')
requireScopes(auth, 'read write', { mode: 'all' })
hasRole(payload, 'admin', { claimKeys: ['groups'] })
requireRole({ roles: ['admin'] }, 'admin')

buildAuthCookieHeader('token')
buildAuthCookieHeader('token', { cookieName: 'c', maxAge: 1, domain: 'example.test', path: '/', sameSite: 'None' })
buildGuestCookieHeader('guest')
buildGuestCookieHeader('guest', { name: 'g', secure: false })
if (auth.isGuest) buildGuestCookieHeader(auth.guestId)

invalidateJwksCache('https://auth.example.test')
clearJwksCache()

// @ts-expect-error: the first argument must be a context or claims, not a token
hasScopes('token', 'read')
// @ts-expect-error: the required scopes are missing
hasScopes(auth)
// @ts-expect-error: unknown scope mode
hasScopes(auth, 'read', { mode: 'some' })
// @ts-expect-error: `scope` is a string (RFC 9068 section 2.2.3)
hasScopes({ scope: ['read'] }, 'read')
// @ts-expect-error: a role must be a string
hasRole(auth, ['admin'])
// @ts-expect-error: `claimKeys` must be an array
hasRole(auth, 'admin', { claimKeys: 'groups' })
// @ts-expect-error: the token cookie is always `HttpOnly`
buildAuthCookieHeader('token', { httpOnly: false })
// @ts-expect-error: `maxAge` must be a number of seconds
buildAuthCookieHeader('token', { maxAge: '7d' })
// @ts-expect-error: the argument must be a guest id, not a context
buildGuestCookieHeader(auth)
// @ts-expect-error: the URL is missing
invalidateJwksCache()
