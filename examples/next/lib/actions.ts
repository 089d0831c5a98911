'use server'

import { cookies, headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { getAuth } from './auth'
import { signOutUrl } from './sign-in'

/** Any client can call a Server Action directly, so it checks the caller itself. */
export async function placeOrder(_previous: string, form: FormData): Promise<string> {
  const auth = await getAuth()
  if (!auth.isAuthenticated) redirect('/sign-in?redirect_to=/cart')
  return `Ordered for ${auth.userId}: ${Number(form.get('cups'))} cups.`
}

export async function signOut() {
  const [jar, { origin }] = [await cookies(), new URL(String((await headers()).get('origin')))]
  jar.delete('logto_authtoken')
  redirect(signOutUrl(`${origin}/`))
}
