// The result of a verification: checking one of the three discriminants narrows the types of all members.

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

  // Users and guests both have scopes, so `scopes` can be read without narrowing.
  auth.scopes.includes('read')
  // @ts-expect-error: `userId` is `null` for a guest
  auth.userId.length
  // @ts-expect-error: `payload` is `null` for a guest
  auth.payload.sub
  // @ts-expect-error: only a guest has `guestId`
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
    // @ts-expect-error: only a guest has `guestReason`
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

  // The result for a string is never a guest, so it needs no narrowing.
  const { userId } = await verifyLogtoToken('token', options)
  userId.length

  // A promise of a context is not a context.
  // @ts-expect-error: the promise is not awaited
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
  // @ts-expect-error: `scope` may be missing from a token
  payload.scope.split(' ')
  // @ts-expect-error: a custom claim may have any type
  payload.roles.includes('admin')
}

export async function monitoring() {
  const verifier = createVerifier(options)
  await verifier.prefetch()
  const stats: VerifierStats = verifier.stats()
  const hitRate: number = stats.tokens.hits / (stats.tokens.hits + stats.tokens.misses)
  const age: number | null = stats.jwks.fetchedAt && Date.now() - stats.jwks.fetchedAt
  // @ts-expect-error: unknown state of a key set
  stats.jwks.state === 'broken'
  return { hitRate, age }
}
