import { authProxy } from '@/lib/auth'

export default authProxy({ signInUrl: '/sign-in', publicPaths: ['/', '/callback', '/sign-out'] })

/** Everything but the files in `public/`. */
export const config = { matcher: '/((?!.*\\.(?:svg|png|jpe?g|gif|webp|avif|ico|woff2?|ttf|css|js|txt|pdf|mp4)$).*)' }
