import { getAccessToken, getAccessTokenRSC } from '@logto/next/server-actions'
import { createNextAuth } from 'logto-authkit/next'
import { audience, logtoConfig } from '@/lib/logto'

const options = { logtoUrl: logtoConfig.endpoint, audience, tokenSources: [] }

/** For Route Handlers and the proxy, where the SDK can store a refreshed token. The SDK throws without a session. */
export const { authProxy, withAuth } = createNextAuth({
  ...options,
  getToken: () => getAccessToken(logtoConfig, audience).catch(() => null),
})

/** For pages, where the SDK cannot store a token. */
export const { getAuth } = createNextAuth({
  ...options,
  getToken: () => getAccessTokenRSC(logtoConfig, audience).catch(() => null),
})
