import { getAccessToken, getAccessTokenRSC } from '@logto/next/server-actions'
import { createNextAuth } from 'logto-authkit/next'

export const audience = 'https://api.example.com' // the identifier of the API resource, as registered in Logto

export const logtoConfig = {
  endpoint: process.env.LOGTO_URL ?? '', // https://<tenant>.logto.app, or the URL of your self-hosted Logto
  appId: process.env.LOGTO_APP_ID ?? '',
  appSecret: process.env.LOGTO_APP_SECRET ?? '',
  baseUrl: process.env.BASE_URL ?? 'http://localhost:3000',
  cookieSecret: process.env.LOGTO_COOKIE_SECRET ?? '', // at least 32 random characters
  cookieSecure: process.env.NODE_ENV === 'production',
  resources: [audience],
  scopes: ['read:orders'],
}

const options = { logtoUrl: logtoConfig.endpoint, audience, tokenSources: [] }

/** For Route Handlers, where the SDK can store a refreshed token. Its functions throw if nobody has signed in. */
export const { withAuth } = createNextAuth({
  ...options,
  getToken: () => getAccessToken(logtoConfig, audience).catch(() => null),
})

/** For Server Components, where it cannot. */
export const { getAuth } = createNextAuth({
  ...options,
  getToken: () => getAccessTokenRSC(logtoConfig, audience).catch(() => null),
})
