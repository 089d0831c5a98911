// An ES module that uses named imports, the whole namespace, and an entry point with a subpath.

import type { AuthContext } from 'logto-authkit'
import * as namespace from 'logto-authkit'
import authkit, { AuthError, verifyAuth } from 'logto-authkit'
import { createTestIssuer } from 'logto-authkit/testing'

const issuer = await createTestIssuer({ alg: 'RS256' })
const options: namespace.VerifyAuthOptions = { logtoUrl: issuer.logtoUrl, audience: null }
const auth: AuthContext = await verifyAuth(issuer.mint(), options)
authkit.clearJwksCache()
namespace.hasScopes(auth, 'read')
await issuer.close()

// @ts-expect-error: the package has no such export
import { verify } from 'logto-authkit'
// @ts-expect-error: internal modules cannot be imported
import 'logto-authkit/js/native/binding.js'
// @ts-expect-error: internal modules cannot be imported
import 'logto-authkit/js/core/errors'

export { AuthError, verify }
