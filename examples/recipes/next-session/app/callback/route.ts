import { handleSignIn } from '@logto/next/server-actions'
import type { NextRequest } from 'next/server'
import { logtoConfig } from '@/lib/logto'

/** Stores the session, and redirects to the page that the visitor came from. */
export async function GET({ nextUrl: { searchParams } }: NextRequest) {
  if (searchParams.get('error') === 'access_denied') return Response.redirect(logtoConfig.baseUrl) // the user has cancelled
  return handleSignIn(logtoConfig, searchParams)
}
