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

async function Account() {
  const auth = await getAuth()
  // The proxy already redirects visitors, but it must not be the only check.
  if (!auth.isAuthenticated) redirect('/sign-in?redirect_to=/account')
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
