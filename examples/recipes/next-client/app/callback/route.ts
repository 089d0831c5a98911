import LogtoClient, { getAccessToken } from '@logto/next/server-actions'
import { buildAuthCookieHeader } from 'logto-authkit'
import type { NextRequest } from 'next/server'
import { audience, logtoConfig } from '@/lib/logto'

export async function GET({ nextUrl }: NextRequest) {
  const { baseUrl } = logtoConfig
  if (nextUrl.searchParams.get('error') === 'access_denied') return Response.redirect(baseUrl) // the user has cancelled
  const page = await new LogtoClient(logtoConfig).handleSignInCallback(`${baseUrl}/callback${nextUrl.search}`)
  const token = await getAccessToken(logtoConfig, audience)
  // SameSite=Strict would keep the cookie away from the first page, because the redirects began at Logto.
  const cookie = buildAuthCookieHeader(token, { maxAge: 3600, sameSite: 'Lax', secure: logtoConfig.cookieSecure })
  return new Response(null, { status: 303, headers: { Location: page ?? baseUrl, 'Set-Cookie': cookie } })
}
