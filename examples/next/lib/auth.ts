import { createNextAuth } from 'logto-authkit/next'

export const logtoUrl = process.env.LOGTO_URL ?? '' // https://<tenant>.logto.app; the build fails if it is missing
export const audience = process.env.LOGTO_AUDIENCE ?? 'https://api.example.com'

export const { authProxy, getAuth, verify, withApiAuth, withAuth } = createNextAuth({
  logtoUrl,
  audience,
  allowGuest: true,
})
