'use server'

import { redirect } from 'next/navigation'
import { getAuth } from '@/lib/auth'

/** Any client can call a Server Action directly, so it checks the caller itself. */
export async function placeOrder(_previous: string, form: FormData): Promise<string> {
  const auth = await getAuth()
  if (!auth.isAuthenticated) redirect('/sign-in?redirect_to=/cart')
  return `Ordered for ${auth.userId}: ${Number(form.get('cups'))} cups.`
}
