import { signIn } from '@logto/next/server-actions'
import type { NextRequest } from 'next/server'
import { logtoConfig } from '@/lib/logto'
import { sameOriginUrl } from '@/lib/same-origin'

export async function GET({ nextUrl }: NextRequest) {
  const { baseUrl } = logtoConfig
  await signIn(logtoConfig, {
    redirectUri: `${baseUrl}/callback`,
    postRedirectUri: sameOriginUrl(nextUrl.searchParams.get('redirect_to'), baseUrl),
  })
}
