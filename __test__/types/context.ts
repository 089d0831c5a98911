// What a verification gives: the members are typed as soon as one of the three marks is looked at.

import type {
  AuthContext,
  AuthErrorCode,
  AuthenticatedContext,
  AuthPayload,
  GuestContext,
  RegisteredClaims,
  VerifierStats,
} from 'logto-authkit'
import { createVerifier, verifyAuth, verifyLogtoToken } from 'logto-authkit'
import type { Equal, Expect } from './equal'

const options = { logtoUrl: 'https://auth.example.test', audience: null }

export async function results() {
  const auth = await verifyAuth('token', { ...options, allowGuest: true })
  type _ = [
    Expect<Equal<typeof auth, AuthContext>>,
    Expect<Equal<(typeof auth)['userId'], string | null>>,
    Expect<Equal<(typeof auth)['payload'], (AuthPayload & RegisteredClaims) | null>>,
    Expect<Equal<(typeof auth)['subjectType'], 'user' | 'machine' | 'external' | 'guest'>>,
  ]

  // Both kinds have scopes, so that they can be asked for at once.
  auth.scopes.includes('read')
  // @ts-expect-error: `null` for a guest
  auth.userId.length
  // @ts-expect-error: `null` for a guest
  auth.payload.sub
  // @ts-expect-error: only a guest has one
  auth.guestId

  if (auth.isAuthenticated) {
    type _ = [
      Expect<Equal<typeof auth, AuthenticatedContext>>,
      Expect<Equal<(typeof auth)['userId'], string>>,
      Expect<Equal<(typeof auth)['payload'], AuthPayload & RegisteredClaims>>,
      Expect<Equal<(typeof auth)['payload']['plan'], 'free' | 'pro'>>,
      Expect<Equal<(typeof auth)['clientId'], string | null>>,
      Expect<Equal<(typeof auth)['subjectType'], 'user' | 'machine' | 'external'>>,
    ]
    // @ts-expect-error: only a guest has one
    auth.guestReason
  } else {
    type _ = [
      Expect<Equal<typeof auth, GuestContext>>,
      Expect<Equal<(typeof auth)['userId'], null>>,
      Expect<Equal<(typeof auth)['payload'], null>>,
      Expect<Equal<(typeof auth)['guestId'], string>>,
      Expect<Equal<(typeof auth)['guestReason'], AuthErrorCode>>,
    ]
  }

  if (auth.isGuest) auth.guestId.length
  else auth.userId.length

  if (auth.subjectType === 'guest') auth.guestId.length
  else auth.payload.sub.length

  // A string is never a guest: nothing to narrow.
  const { userId } = await verifyLogtoToken('token', options)
  userId.length

  // A promise is not a context.
  // @ts-expect-error: not awaited
  verifyAuth('token', options).isAuthenticated
}

export function claims(payload: AuthPayload) {
  type _ = [
    Expect<Equal<(typeof payload)['sub'], string>>,
    Expect<Equal<(typeof payload)['aud'], string | string[]>>,
    Expect<Equal<(typeof payload)['exp'], number>>,
    Expect<Equal<(typeof payload)['anything'], unknown>>,
  ]
  payload.scope?.split(' ')
  payload.act?.sub.length
  // @ts-expect-error: not every token has a scope
  payload.scope.split(' ')
  // @ts-expect-error: a custom claim may be anything
  payload.roles.includes('admin')
}

export async function monitoring() {
  const verifier = createVerifier(options)
  await verifier.prefetch()
  const stats: VerifierStats = verifier.stats()
  const hitRate: number = stats.tokens.hits / (stats.tokens.hits + stats.tokens.misses)
  const age: number | null = stats.jwks.fetchedAt && Date.now() - stats.jwks.fetchedAt
  // @ts-expect-error: no such state
  stats.jwks.state === 'broken'
  return { hitRate, age }
}
