import { handleSignIn } from '@logto/next/server-actions'
import type { NextRequest } from 'next/server'
import { logtoConfig } from '@/lib/logto'

/** Stores the session, and redirects to the page that the visitor came from. */
export const GET = ({ nextUrl }: NextRequest) => handleSignIn(logtoConfig, nextUrl.searchParams)
