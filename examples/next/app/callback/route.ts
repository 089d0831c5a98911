import { buildAuthCookieHeader } from 'logto-authkit'
import { type NextRequest, NextResponse } from 'next/server'
import { sameOriginUrl } from '@/lib/same-origin'
import { finishSignIn, type SignIn } from '@/lib/sign-in'

export async function GET({ cookies, nextUrl }: NextRequest) {
  let response: NextResponse
  try {
    const signIn: SignIn = JSON.parse(cookies.get('sign_in')?.value ?? '')
    const token = await finishSignIn(signIn, nextUrl.searchParams, `${nextUrl.origin}/callback`)
    response = NextResponse.redirect(sameOriginUrl(signIn.redirectTo, nextUrl.origin), 303)
    // Lax, because this redirect comes from the identity server, and browsers would not send a Strict cookie with it. The
    // cookie outlives the token, so that the shop can tell an expired session from a first visit.
    response.headers.append('Set-Cookie', buildAuthCookieHeader(token, { sameSite: 'Lax' }))
  } catch (error) {
    console.error(error)
    response = NextResponse.redirect(new URL('/sign-in?failed', nextUrl), 303)
  }
  response.headers.append('Set-Cookie', 'sign_in=; Path=/callback; Max-Age=0; HttpOnly; Secure; SameSite=Lax')
  return response
}
