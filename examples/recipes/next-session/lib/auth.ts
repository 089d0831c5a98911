import { getAccessToken, getAccessTokenRSC } from '@logto/next/server-actions'
import { createNextAuth } from 'logto-authkit/next'
import { audience, logtoConfig } from '@/lib/logto'

const options = { logtoUrl: logtoConfig.endpoint, audience, tokenSources: [] }

/** The SDK's errors if nobody has signed in, the session has ended, or the session is for another API resource. */
const signInErrors = ['not_authenticated', 'oidc.invalid_grant', 'oidc.invalid_target']

function noToken(error: { code?: string }): null {
  if (signInErrors.includes(error.code ?? '')) return null
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
