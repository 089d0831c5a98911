import { authProxy } from '@/lib/auth'

export default authProxy({
  signInUrl: '/sign-in',
  publicPaths: ['/', '/cart', '/callback', '/api/me', '/icon.svg'],
})
