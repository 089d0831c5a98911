import { buildGuestCookieHeader, verifyAuth } from 'logto-authkit'

export async function visit(req, res) {
  const auth = await verifyAuth(req, {
    logtoUrl: process.env.LOGTO_URL,
    audience: 'https://api.example.com',
    allowGuest: true,
  })
  if (auth.isGuest) {
    res.setHeader('Set-Cookie', buildGuestCookieHeader(auth.guestId))
    res.end(auth.guestReason === 'token_expired' ? 'Your session has ended' : `Welcome, visitor ${auth.guestId}`)
  } else {
    res.end(`Welcome back, ${auth.userId}`)
  }
}
