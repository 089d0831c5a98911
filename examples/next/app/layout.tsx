import type { Metadata } from 'next'
import type { ReactNode } from 'react'
import { signOut } from '@/lib/actions'
import { getAuth } from '@/lib/auth'
import './style.css'

export const metadata: Metadata = { title: 'Cup & Saucer' }

export default async function Layout({ children }: { children: ReactNode }) {
  const auth = await getAuth()
  return (
    <html lang="en">
      <body>
        <header>
          {/* Plain links: a layout is not rendered again for a Link, and would go on to show who was there before. */}
          <nav>
            <a href="/">Cup &amp; Saucer</a>
            <a href="/cart">Cart</a>
            <a href="/account">Account</a>
          </nav>
          {auth.isAuthenticated ? (
            <form action={signOut}>
              <span>{auth.userId}</span>
              <button type="submit">Sign out</button>
            </form>
          ) : (
            <a href="/sign-in">Sign in</a>
          )}
        </header>
        <main>{children}</main>
      </body>
    </html>
  )
}
