'use server'

import { cookies, headers } from 'next/headers'
import { redirect } from 'next/navigation'
import { signOutUrl } from './sign-in'

export async function signOut() {
  const [jar, { origin }] = [await cookies(), new URL(String((await headers()).get('origin')))]
  jar.delete('logto_authtoken')
  redirect(signOutUrl(`${origin}/`))
}
