// Options that are valid, and options that must not compile.

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

// The required options alone, and checks that are explicitly turned off.
createVerifier(required)
createVerifier({ ...required, audience: null })
createVerifier({ ...required, guestCookie: false, isRevoked: () => false })

// Constant arrays are accepted.
createVerifier({
  ...required,
  audience: ['a', 'b'] as const,
  algorithms: ['RS256'] as const,
  tokenSources: ['header'] as const,
})

// `verifyAuth` accepts options or a verifier.
verifyAuth('token', verifier)
verifyAuth('token', everything)
verifyLogtoToken('token', verifier)
verifyLogtoToken('token', everything)

// `getToken` may declare the type of its request.
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
// @ts-expect-error: unknown option
createVerifier({ ...required, audiences: ['https://api.example.test'] })
// @ts-expect-error: a URL must be a string
createVerifier({ ...required, logtoUrl: new URL('https://auth.example.test') })
// @ts-expect-error: an issuer must be a string
createVerifier({ ...required, issuer: /example/ })
// @ts-expect-error: `issuer` cannot be turned off with `null`
createVerifier({ ...required, issuer: null })
// @ts-expect-error: symmetric algorithms are not supported
createVerifier({ ...required, algorithms: ['HS256'] })
// @ts-expect-error: `algorithms` must be an array
createVerifier({ ...required, algorithms: 'ES384' })
// @ts-expect-error: unknown token source
createVerifier({ ...required, tokenSources: ['query'] })
createVerifier({ ...required, getToken: async () => 'token' })
// @ts-expect-error: `getToken` must return a string
createVerifier({ ...required, getToken: async () => 5 })
// @ts-expect-error: unknown scope mode
createVerifier({ ...required, scopeMode: 'some' })
// @ts-expect-error: `clockTolerance` must be a number of seconds
createVerifier({ ...required, clockTolerance: '5s' })
// @ts-expect-error: `currentDate` must be a `Date`
createVerifier({ ...required, currentDate: Date.now() })
// @ts-expect-error: `isRevoked` must return a boolean
createVerifier({ ...required, isRevoked: () => 'revoked' })
// @ts-expect-error: unknown cookie attribute
createVerifier({ ...required, guestCookie: { expires: new Date() } })
// @ts-expect-error: invalid value of `sameSite`
createVerifier({ ...required, guestCookie: { sameSite: true } })
// @ts-expect-error: `guestCookie` must be an object or `false`
createVerifier({ ...required, guestCookie: true })
// @ts-expect-error: only adapters accept a function as `organizationId`
createVerifier({ ...required, organizationId: () => 'org' })
// @ts-expect-error: `jwks` must be a key set, not an array of keys
createVerifier({ ...required, jwks: [ofNode] })
// @ts-expect-error: a token must be a string
verifyLogtoToken({ headers: {} }, verifier)
// @ts-expect-error: `none` is not a supported algorithm
const none: Algorithm = 'none'

export { none }
