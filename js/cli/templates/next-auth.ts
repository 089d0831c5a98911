import { createNextAuth } from 'logto-authkit/next'

// Reads LOGTO_URL and LOGTO_AUDIENCE from the environment, during the build too.
export const { authProxy, getAuth, verify, withApiAuth, withAuth } = createNextAuth()
