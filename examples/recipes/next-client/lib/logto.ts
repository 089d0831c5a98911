export const audience = process.env.LOGTO_AUDIENCE ?? '' // the identifier of the API resource, as registered in Logto

export const logtoConfig = {
  endpoint: process.env.LOGTO_URL ?? '',
  appId: process.env.LOGTO_APP_ID ?? '',
  appSecret: process.env.LOGTO_APP_SECRET ?? '',
  baseUrl: process.env.BASE_URL ?? 'http://localhost:3000',
  cookieSecret: process.env.LOGTO_COOKIE_SECRET ?? '',
  cookieSecure: process.env.NODE_ENV === 'production',
  resources: [audience],
  scopes: ['read:orders'],
}
