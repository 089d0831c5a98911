import LogtoClient from '@logto/next/server-actions'
import { NextResponse } from 'next/server'
import { logtoConfig } from '@/lib/logto'

/** Accepts only POST, because browsers and Next.js may prefetch links. */
export async function POST() {
  const response = NextResponse.redirect(
    await new LogtoClient(logtoConfig).handleSignOut(`${logtoConfig.baseUrl}/`),
    303,
  )
  response.cookies.delete('logto_authtoken') // only variant A sets this cookie
  return response
}
