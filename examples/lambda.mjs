import { AuthError, createVerifier } from 'logto-authkit'

const verifier = createVerifier() // reads LOGTO_URL and LOGTO_AUDIENCE from the environment
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
