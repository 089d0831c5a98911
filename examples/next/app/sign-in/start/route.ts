import { type NextRequest, NextResponse } from 'next/server'
import { startSignIn } from '@/lib/sign-in'

export function GET({ nextUrl }: NextRequest) {
  const redirectTo = nextUrl.searchParams.get('redirect_to') ?? '/'
  const { signIn, url } = startSignIn(redirectTo, `${nextUrl.origin}/callback`)
  const response = NextResponse.redirect(url, 303)
  response.cookies.set('sign_in', JSON.stringify(signIn), {
    httpOnly: true,
    secure: true,
    // The callback is a navigation from another site, for which browsers do not send Strict cookies.
    sameSite: 'lax',
    path: '/callback',
    maxAge: 600,
  })
  return response
}
