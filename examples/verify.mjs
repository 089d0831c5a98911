import { verifyAuth } from 'logto-authkit'

/** Returns the id of the request's user, or throws an `AuthError`. */
export async function userIdOf(request) {
  const auth = await verifyAuth(request, {}) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
  // { userId: 'vt2nyp5v8kq5', isAuthenticated: true, isGuest: false, scopes: ['read:orders'], clientId: '3nr6h69e3anzo9km1y6hz',
  //   organizationId: null, subjectType: 'user', payload: { /* every claim */ } }
  return auth.userId
}
