import { createServer } from 'node:http'
import { AuthError, createVerifier } from 'logto-authkit'

const verifier = createVerifier({ requiredScope: 'read:orders' }) // reads LOGTO_URL and LOGTO_AUDIENCE from the environment

export const server = createServer(async (req, res) => {
  try {
    const auth = await verifier.verify(req) // cookie or Authorization header
    res.end(`Hello ${auth.userId}, you may ${auth.scopes.join(' and ')}\n`)
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    res.writeHead(error.status, error.headers).end(`${error.message}\n`)
  }
})

const port = process.env.PORT ?? 3000
server.listen(port, () => console.log(`listening at http://localhost:${port}`))
