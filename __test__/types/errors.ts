// Errors: the types that a catch block can rely on.

import type { AuthErrorCode } from 'logto-authkit'
import { AuthError } from 'logto-authkit'
import type { Equal, Expect } from './equal'

export function answer(error: unknown): Response {
  if (!(error instanceof AuthError)) throw error
  type _ = [
    Expect<Equal<typeof error.code, AuthErrorCode>>,
    Expect<Equal<typeof error.status, 400 | 401 | 403 | 503>>,
    Expect<Equal<typeof error.wwwAuthenticate, string | null>>,
    Expect<Equal<typeof error.headers, Record<string, string>>>,
    Expect<Equal<typeof error.cause, unknown>>,
  ]
  const ordinary: Error = error
  // @ts-expect-error: the code of an error is read-only
  error.code = 'token_expired'
  // @ts-expect-error: the details of an error have no declared types
  error.details.kid.length
  return new Response(ordinary.message, { status: error.status, headers: error.headers })
}

// A `switch` over all error codes is exhaustive without a default.
export function known(code: AuthErrorCode): number {
  switch (code) {
    case 'ambiguous_token':
      return 400
    case 'missing_token':
    case 'opaque_token':
    case 'malformed_token':
    case 'unsupported_algorithm':
    case 'invalid_token_type':
    case 'unknown_key':
    case 'invalid_signature':
    case 'invalid_claims':
    case 'invalid_issuer':
    case 'invalid_audience':
    case 'token_expired':
    case 'token_not_active':
    case 'token_revoked':
      return 401
    case 'wrong_organization':
    case 'missing_scope':
    case 'missing_role':
    case 'forbidden':
      return 403
    case 'jwks_unavailable':
    case 'overloaded':
    case 'revocations_unavailable':
      return 503
  }
}

// @ts-expect-error: invalid options are a `TypeError`, not an `AuthError`
known('invalid_options')
// @ts-expect-error: applications cannot construct an `AuthError`
new AuthError('token_expired')
// @ts-expect-error: applications cannot extend `AuthError`
export class Mine extends AuthError {}
