import { Suspense } from 'react'
import { getAuth } from '@/lib/auth'

type Parameters = Promise<{ redirect_to?: string | string[]; failed?: string }>

export default function Page({ searchParams }: { searchParams: Parameters }) {
  return (
    <>
      <h1>Sign in</h1>
      <Suspense>
        <Start searchParams={searchParams} />
      </Suspense>
    </>
  )
}

async function Start({ searchParams }: { searchParams: Parameters }) {
  const { redirect_to: redirectTo = '/', failed } = await searchParams
  const auth = await getAuth()
  return (
    <>
      {failed !== undefined && <p className="notice">Sign-in failed. Please try again.</p>}
      {auth.isGuest && auth.guestReason === 'token_expired' && <p className="notice">Your session has ended.</p>}
      <p>You sign in at the identity server and then return to the page that you came from.</p>
      <form action="/sign-in/start">
        <input type="hidden" name="redirect_to" value={String(redirectTo)} />
        <button type="submit">Continue</button>
      </form>
    </>
  )
}
