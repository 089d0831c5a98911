import { getAccessToken, getAccessTokenRSC } from '@logto/next/server-actions'
import { createNextAuth } from 'logto-authkit/next'
import { audience, logtoConfig } from '@/lib/logto'

const options = { logtoUrl: logtoConfig.endpoint, audience, tokenSources: [] }

/** Handles the SDK's errors: nobody has signed in, or the session has ended, so Logto rejects the refresh token. */
function noToken(error: { code?: string }): null {
  if (error.code === 'not_authenticated' || error.code === 'oidc.invalid_grant') return null
  throw error
}

/** For Route Handlers and the proxy, where the SDK can store a refreshed token. */
export const { authProxy, withAuth } = createNextAuth({
  ...options,
  getToken: () => getAccessToken(logtoConfig, audience).catch(noToken),
})

/** For pages, where the SDK cannot store a token. */
export const { getAuth } = createNextAuth({
  ...options,
  getToken: () => getAccessTokenRSC(logtoConfig, audience).catch(noToken),
})
