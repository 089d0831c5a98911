import { redirect } from 'next/navigation'
import { Suspense } from 'react'
import { getAuth } from '@/lib/auth'

export default function Page() {
  return (
    <Suspense>
      <Account />
    </Suspense>
  )
}

/** The errors that a new sign-in can resolve. After any other error, the next token would probably be rejected too. */
const SIGN_IN_CODES = ['missing_token', 'token_expired', 'token_revoked']

async function Account() {
  const auth = await getAuth()
  // The proxy already redirects visitors, but it must not be the only check.
  if (!auth.isAuthenticated) {
    if (SIGN_IN_CODES.includes(auth.guestReason)) redirect('/sign-in?redirect_to=/account')
    return (
      <p>
        Your session was rejected: {auth.guestReason}. <a href="/sign-in?redirect_to=/account">Sign in again</a>
      </p>
    )
  }
  return (
    <>
      <h1>Account</h1>
      <dl>
        <dt>User</dt>
        <dd id="user">{auth.userId}</dd>
        <dt>Scopes</dt>
        <dd>{auth.scopes.join(', ') || 'none'}</dd>
        <dt>Signed in until</dt>
        <dd>{new Date(auth.payload.exp * 1000).toISOString()}</dd>
      </dl>
    </>
  )
}
