import type { Metadata } from 'next'
import { type ReactNode, Suspense } from 'react'
import { getAuth } from '@/lib/auth'
import { signOut } from '@/lib/sign-out'
import './style.css'

export const metadata: Metadata = { title: 'Cup & Saucer' }

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <header>
          {/* Plain links, because navigating with Link does not render the layout again, so it would still show the previous user. */}
          <nav>
            <a href="/">Cup &amp; Saucer</a>
            <a href="/cart">Cart</a>
            <a href="/account">Account</a>
          </nav>
          <Suspense>
            <User />
          </Suspense>
        </header>
        <main>{children}</main>
      </body>
    </html>
  )
}

async function User() {
  const auth = await getAuth()
  if (!auth.isAuthenticated) return <a href="/sign-in">Sign in</a>
  return (
    <form action={signOut}>
      <span>{auth.userId}</span>
      <button type="submit">Sign out</button>
    </form>
  )
}
