import { AuthError, createVerifier } from 'logto-authkit'

const verifier = createVerifier({
  logtoUrl: process.env.LOGTO_URL ?? '', // https://<tenant>.logto.app, or your own server's address
  audience: 'https://api.example.com', // the API resource's identifier, as registered in Logto
})
await verifier.prefetch().catch(() => {}) // while the function starts; in an outage the first request tries again

export async function handler({ headers, cookies = [] }) {
  try {
    const auth = await verifier.verify({ headers: { ...headers, cookie: cookies.join('; ') } })
    return { statusCode: 200, body: JSON.stringify({ userId: auth.userId }) }
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return { statusCode: error.status, headers: error.headers, body: JSON.stringify(error) }
  }
}
