import { signIn } from '@logto/next/server-actions'
import { logtoConfig } from '@/lib/auth'

export const GET = () => signIn(logtoConfig)
