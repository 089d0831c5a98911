/** The application's settings, as registered in Logto. main.mjs sets these variables; the API options are in auth.ts. */
export const appId = process.env.LOGTO_APP_ID ?? ''
/** Empty for a public client (in Logto: native or single page). */
export const appSecret = process.env.LOGTO_APP_SECRET ?? ''
export const scope = 'read:orders'
