import { Suspense } from 'react'
import { getAuth } from '@/lib/auth'
import { Ask } from '../ask'
import { Order } from './order'

export default function Page() {
  return (
    <>
      <h1>Cart</h1>
      <Suspense>
        <Owner />
      </Suspense>
      <Order />
      <Ask path="/api/me" />
    </>
  )
}

async function Owner() {
  const auth = await getAuth()
  return (
    <>
      {auth.isGuest && auth.guestReason === 'token_expired' && <p className="notice">Your session has ended.</p>}
      <dl>
        <dt>Kept for {auth.isGuest ? 'guest' : 'user'}</dt>
        <dd id="owner">{auth.isGuest ? auth.guestId : auth.userId}</dd>
      </dl>
    </>
  )
}
