// Options: what may be written, and what must not compile.

import { generateKeyPairSync } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { JSONWebKeySet } from 'jose' with { 'resolution-mode': 'import' }
import type { Algorithm, AuthenticatedContext, Jwk, JwkSet, Verifier, VerifyAuthOptions } from 'logto-authkit'
import { createVerifier, verifyAuth, verifyLogtoToken } from 'logto-authkit'
import { createRevocations } from 'logto-authkit/revocation'

const required = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }

// Every option at once.
const everything: VerifyAuthOptions = {
  logtoUrl: 'https://auth.example.test',
  audience: ['https://api.example.test', 'https://other.example.test'],
  issuer: ['https://auth.example.test/oidc', 'https://tenant.logto.app/oidc'],
  jwksUri: 'https://auth.internal/oidc/jwks',
  jwks: { keys: [] },
  cookieName: 'session',
  tokenSources: ['header', 'cookie'],
  getToken: (req) => (Array.isArray(req.cookies) ? null : undefined),
  requiredScope: 'read write',
  scopeMode: 'any',
  requiredRole: ['admin'],
  roleClaims: ['groups'],
  organizationId: null,
  allowGuest: true,
  guestCookie: {
    name: 'guest',
    maxAge: 60,
    path: '/app',
    domain: 'example.test',
    sameSite: 'lax',
    secure: false,
    httpOnly: true,
  },
  tokenType: null,
  algorithms: ['ES384', 'PS512'],
  clockTolerance: 5,
  currentDate: new Date(0),
  isRevoked: async (auth: AuthenticatedContext) => auth.userId === 'mallory',
  revocations: createRevocations(),
  jwksCacheTtlMs: 1,
  jwksTimeoutMs: 1,
  jwksCooldownMs: 1,
  jwksMaxStaleMs: 0,
  skipJwksCache: true,
  tokenCacheSize: 0,
}
const verifier: Verifier = createVerifier(everything)

// The least there is, and the checks that are switched off in writing.
createVerifier(required)
createVerifier({ ...required, audience: null })
createVerifier({ ...required, guestCookie: false, isRevoked: () => false })

// Constant lists need no copy.
createVerifier({
  ...required,
  audience: ['a', 'b'] as const,
  algorithms: ['RS256'] as const,
  tokenSources: ['header'] as const,
})

// Options and a verifier are taken alike.
verifyAuth('token', verifier)
verifyAuth('token', everything)
verifyLogtoToken('token', verifier)
verifyLogtoToken('token', everything)

// `getToken` may name the request type that it is going to see.
createVerifier({ ...required, getToken: (req: IncomingMessage) => req.url ?? null })

// Keys as Node, jose and Web Crypto export them.
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const ofNode: Jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'ES384', use: 'sig' }
const ofWebCrypto: Jwk = {} as import('node:crypto').webcrypto.JsonWebKey
const ofJose: JwkSet = {} as JSONWebKeySet
createVerifier({ ...required, jwks: { keys: [ofNode, ofWebCrypto] } })
createVerifier({ ...required, jwks: ofJose })

// The environment variables LOGTO_URL and LOGTO_AUDIENCE may replace options.
createVerifier()
createVerifier({ audience: 'https://api.example.test' })
createVerifier({ logtoUrl: 'https://auth.example.test' })
createVerifier({ ...required, logtoUrl: process.env.LOGTO_URL, audience: process.env.AUDIENCE })
verifyAuth('token')
// @ts-expect-error: `null` is not a URL
createVerifier({ ...required, logtoUrl: null })
// @ts-expect-error: no such option
createVerifier({ ...required, audiences: ['https://api.example.test'] })
// @ts-expect-error: an address is a string
createVerifier({ ...required, logtoUrl: new URL('https://auth.example.test') })
// @ts-expect-error: no pattern
createVerifier({ ...required, issuer: /example/ })
// @ts-expect-error: `null` switches off only what says so
createVerifier({ ...required, issuer: null })
// @ts-expect-error: symmetric
createVerifier({ ...required, algorithms: ['HS256'] })
// @ts-expect-error: a list
createVerifier({ ...required, algorithms: 'ES384' })
// @ts-expect-error: no such source
createVerifier({ ...required, tokenSources: ['query'] })
createVerifier({ ...required, getToken: async () => 'token' })
// @ts-expect-error: a promise of a number is no token
createVerifier({ ...required, getToken: async () => 5 })
// @ts-expect-error: no such mode
createVerifier({ ...required, scopeMode: 'some' })
// @ts-expect-error: seconds are a number
createVerifier({ ...required, clockTolerance: '5s' })
// @ts-expect-error: a `Date`
createVerifier({ ...required, currentDate: Date.now() })
// @ts-expect-error: what is revoked is a yes or a no
createVerifier({ ...required, isRevoked: () => 'revoked' })
// @ts-expect-error: no such attribute
createVerifier({ ...required, guestCookie: { expires: new Date() } })
// @ts-expect-error: no such value
createVerifier({ ...required, guestCookie: { sameSite: true } })
// @ts-expect-error: `true` is not a cookie
createVerifier({ ...required, guestCookie: true })
// @ts-expect-error: only the framework helpers know a request to ask
createVerifier({ ...required, organizationId: () => 'org' })
// @ts-expect-error: a key set, not a list
createVerifier({ ...required, jwks: [ofNode] })
// @ts-expect-error: a request is not a token
verifyLogtoToken({ headers: {} }, verifier)
// @ts-expect-error: not an algorithm at all
const none: Algorithm = 'none'

export { none }
