import { authProxy } from '@/lib/auth'

export default authProxy({
  signInUrl: '/sign-in',
  publicPaths: ['/', '/cart', '/callback', '/sign-out', '/api/me'],
})

/** Everything except files, which are recognized by their extension. */
export const config = { matcher: '/((?!.*\\.(?:svg|png|jpe?g|gif|webp|avif|ico|woff2?|ttf|css|js|txt|pdf|mp4)$).*)' }
