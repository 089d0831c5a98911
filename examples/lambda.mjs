import { AuthError, createVerifier } from 'logto-authkit'

const verifier = createVerifier({
  logtoUrl: process.env.LOGTO_URL, // https://<tenant>.logto.app, or the URL of your self-hosted Logto
  audience: 'https://api.example.com', // the identifier of the API resource, as registered in Logto
})
await verifier.prefetch().catch(() => {}) // during initialization; if it fails, the first request tries again

export async function handler({ headers, cookies = [] }) {
  try {
    const auth = await verifier.verify({ headers: { ...headers, cookie: cookies.join('; ') } })
    return { statusCode: 200, body: JSON.stringify({ userId: auth.userId }) }
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return { statusCode: error.status, headers: error.headers, body: JSON.stringify(error) }
  }
}
