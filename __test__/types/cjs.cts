// A consumer that is a CommonJS module: `require`, destructured or whole, and the subpath.
import authkit = require('logto-authkit')
import testing = require('logto-authkit/testing')

const { AuthError, createVerifier } = authkit
const options: authkit.VerifyAuthOptions = { logtoUrl: 'https://auth.example.test', audience: null }

async function main(): Promise<void> {
  const issuer = await testing.createTestIssuer()
  const auth: authkit.AuthContext = await createVerifier(options).verify(issuer.mint())
  authkit.requireScopes(auth, 'read')
  await issuer.close()
}

main().catch((error: unknown) => {
  if (error instanceof AuthError) console.error(error.code)
})

// @ts-expect-error: the package has no such export
authkit.verify
