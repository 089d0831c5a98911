import { createServer } from 'node:http'
import { buildGuestCookieHeader, createVerifier } from 'logto-authkit'

const verifier = createVerifier({ allowGuest: true }) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

async function visit(req, res) {
  const auth = await verifier.verify(req)
  if (auth.isGuest) {
    if (!req.headers.cookie?.includes(auth.guestId)) {
      const secure = process.env.NODE_ENV === 'production' // a `Secure` cookie needs https
      res.setHeader('Set-Cookie', buildGuestCookieHeader(auth.guestId, { secure }))
    }
    res.setHeader('Cache-Control', 'private') // shared caches must not send this page or its cookie to other visitors
    res.end(auth.guestReason === 'token_expired' ? 'Your session has ended\n' : `Welcome, visitor ${auth.guestId}\n`)
  } else {
    res.end(`Welcome back, ${auth.userId}\n`)
  }
}

const port = process.env.PORT ?? 3000
createServer(visit).listen(port, () => console.log(`listening at http://localhost:${port}`))
