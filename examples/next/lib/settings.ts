/** The Logto that users sign in at; main.mjs sets all of this. */
export const logtoUrl = process.env.LOGTO_URL ?? 'http://localhost:3001'
export const appId = process.env.LOGTO_APP_ID ?? ''
/** None where the application is a public client (Logto: native or single page). */
export const appSecret = process.env.LOGTO_APP_SECRET ?? ''
/** The API resource that access tokens are for, as it is registered. */
export const audience = process.env.AUDIENCE ?? 'https://shop.example.test'
export const scope = 'read:orders'
