import { buildAuthCookieHeader } from 'logto-authkit'
import { type NextRequest, NextResponse } from 'next/server'
import { finishSignIn, type SignIn } from '@/lib/sign-in'

export async function GET({ cookies, nextUrl }: NextRequest) {
  let response: NextResponse
  try {
    const signIn: SignIn = JSON.parse(cookies.get('sign_in')?.value ?? '')
    const token = await finishSignIn(signIn, nextUrl.searchParams, `${nextUrl.origin}/callback`)
    response = NextResponse.redirect(ownAddress(signIn.redirectTo, nextUrl.origin), 303)
    // Lax: with Strict, this redirect, which began at the identity server, would arrive without the cookie. The cookie
    // outlives its token, so that a user whose session has ended can be told from a visitor.
    response.headers.append('Set-Cookie', buildAuthCookieHeader(token, { sameSite: 'Lax' }))
  } catch (error) {
    console.error(error)
    response = NextResponse.redirect(new URL('/sign-in?failed', nextUrl), 303)
  }
  response.headers.append('Set-Cookie', 'sign_in=; Path=/callback; Max-Age=0; HttpOnly; Secure; SameSite=Lax')
  return response
}

/**
 * The address of a page of this application: anybody can make a link to the sign-in page, with any `redirect_to`. It is
 * compared and used as a whole: `//`, `/\` and `/..//` at the start of a path lead to other hosts.
 */
function ownAddress(path: string, origin: string): URL {
  const url = URL.canParse(path, origin) ? new URL(path, origin) : null
  return url?.origin === origin ? url : new URL('/', origin)
}
