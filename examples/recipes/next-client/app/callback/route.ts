import { getAccessToken, handleSignIn } from '@logto/next/server-actions'
import { buildAuthCookieHeader } from 'logto-authkit'
import type { NextRequest } from 'next/server'
import { audience, logtoConfig } from '../../lib/auth'

export async function GET({ nextUrl }: NextRequest) {
  await handleSignIn(logtoConfig, nextUrl.searchParams)
  const token = await getAccessToken(logtoConfig, audience)
  // SameSite=Strict would keep the cookie away from the first page, because the redirects began at Logto.
  const cookie = buildAuthCookieHeader(token, { maxAge: 3600, sameSite: 'Lax' })
  return new Response(null, { status: 303, headers: { Location: '/', 'Set-Cookie': cookie } })
}
