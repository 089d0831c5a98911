/** The application as Logto knows it; main.mjs sets all of this. What its API needs is in auth.ts. */
export const appId = process.env.LOGTO_APP_ID ?? ''
/** None where the application is a public client (Logto: native or single page). */
export const appSecret = process.env.LOGTO_APP_SECRET ?? ''
export const scope = 'read:orders'
