// Node 20 has this symbol, TypeScript's libraries before `esnext.disposable` do not name it.
declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol
  }
}

/**
 * Starts an issuer on 127.0.0.1 that looks to a client like Logto: its addresses, its key set with its headers, its
 * tokens. It is made of Node's own `crypto` and `http`, so nothing has to be installed, and tests need neither a Logto
 * nor a network.
 *
 * It does not keep a process alive: one that has nothing else to do ends, closed issuer or not.
 *
 * @param options - see {@link TestIssuerOptions}
 * @returns a promise of the issuer, which is listening and has its first key
 * @throws TypeError with `code: 'invalid_options'` (as a rejection) for an unknown option or a wrong value
 * @throws Error with `code: 'EADDRINUSE'` (as a rejection) if `port` is taken
 *
 * @example
 * ```ts
 * import { createVerifier } from 'logto-authkit'
 * import { createTestIssuer } from 'logto-authkit/testing'
 *
 * const issuer = await createTestIssuer()
 * const verifier = createVerifier({ logtoUrl: issuer.logtoUrl, audience: 'https://api.example.com' })
 *
 * const auth = await verifier.verify(issuer.mint({ sub: 'alice', scope: 'read:orders' }))
 * auth.userId // 'alice'
 *
 * await verifier.verify(issuer.mint({ expiresIn: -1 })) // rejects with `token_expired`
 *
 * await issuer.close()
 * ```
 */
export function createTestIssuer(options?: TestIssuerOptions): Promise<TestIssuer>

/** What {@link createTestIssuer} takes. */
export interface TestIssuerOptions {
  /**
   * The algorithm of the first key. Logto's are `ES384` and `RS256`.
   *
   * @default 'ES384'
   */
  alg?: TestAlgorithm
  /**
   * The TCP port on 127.0.0.1, 0 to 65535.
   *
   * @default 0, which is any free port
   */
  port?: number
}

/**
 * Every algorithm that `logto-authkit` can be told to accept. RSA keys have 2048 bits (Logto's have 4096) because they
 * take tenths of a second to make as it is; all other keys take a millisecond.
 */
export type TestAlgorithm = 'ES384' | 'RS256' | 'ES256' | 'EdDSA' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512'

/** A running issuer. Its methods need no `this`. */
export interface TestIssuer {
  /** `http://127.0.0.1:<port>`: the option `logtoUrl` of the code under test. */
  readonly logtoUrl: string
  /** `<logtoUrl>/oidc`: the `iss` of every token. */
  readonly issuer: string
  /** `<logtoUrl>/oidc/jwks`: the address of the key set. */
  readonly jwksUri: string
  /**
   * How many requests to the key set have arrived since the start, answered or not: those with a 304 and those during
   * an outage count, also during `down`. Read it from the issuer each time; a destructured copy stays what it was.
   */
  readonly jwksRequests: number

  /**
   * Makes an access token exactly as Logto does (header, claims, their types), signed with the present key. The options
   * change it, down to any claim and header member, so that it can fail in every way a token can.
   *
   * @param options - see {@link MintOptions}; without any: a user's token for `https://api.example.com` that is valid
   * for an hour
   * @returns the token, a compact JWS
   * @throws TypeError with `code: 'invalid_options'` for an unknown option or a wrong value
   *
   * @example A token for each failure
   * ```ts
   * issuer.mint({ header: { crit: ['exp'] } })                          // malformed_token
   * issuer.mint({ header: { alg: 'none' } })                            // unsupported_algorithm
   * issuer.mint({ header: { typ: 'JWT' } })                             // invalid_token_type
   * issuer.mint({ header: { kid: 'unknown' } })                         // unknown_key
   * issuer.mint({ claims: { exp: undefined } })                         // invalid_claims
   * issuer.mint({ claims: { iss: 'https://other.example.test/oidc' } }) // invalid_issuer
   * issuer.mint({ audience: 'https://other.example.test' })             // invalid_audience
   * issuer.mint({ expiresIn: -1 })                                      // token_expired
   * issuer.mint({ notBefore: 60 })                                      // token_not_active
   * issuer.mint({ organizationId: 'other' })                            // wrong_organization
   * issuer.mint({ scope: 'read:orders' })                               // missing_scope, if another one is required
   * issuer.mint({ claims: { roles: ['viewer'] } })                      // missing_role, if another one is required
   * ```
   *
   * @example A wrong signature: that of another token
   * ```ts
   * const [header, payload] = issuer.mint().split('.')
   * const signature = issuer.mint().split('.')[2]
   * const token = `${header}.${payload}.${signature}` // invalid_signature
   * ```
   *
   * @example Other tokens that Logto issues
   * ```ts
   * // of a machine: its subject is the application
   * issuer.mint({ sub: 'my-app', clientId: 'my-app', scope: 'read:orders' })
   * // of an organization, and for an API resource within an organization
   * issuer.mint({ audience: 'urn:logto:organization:my-org', scope: 'read:invoices' })
   * issuer.mint({ organizationId: 'my-org', scope: 'read:orders' })
   * // an ID token, which no API may accept
   * issuer.mint({
   *   audience: 'my-app',
   *   header: { typ: undefined },
   *   claims: { jti: undefined, scope: undefined, client_id: undefined },
   * })
   * // an opaque access token, which is no JWT at all
   * crypto.randomBytes(32).toString('base64url')
   * ```
   */
  mint(options?: MintOptions): string

  /**
   * Makes a new key, which signs from then on and comes first in the key set. Like Logto 1.42, the set then holds the
   * new key and the one it replaced; keys older than that are gone, and so are their tokens.
   *
   * Everything happens at one instant, when the promise settles; requests meanwhile are answered with the former set.
   * The key is made off the event loop, and calls take effect in their order.
   *
   * @param options - see {@link RotateKeysOptions}
   * @returns a promise that is resolved when the new key signs
   * @throws TypeError with `code: 'invalid_options'` (as a rejection) for an unknown option or a wrong value
   *
   * @example
   * ```ts
   * const former = issuer.mint()
   * await issuer.rotateKeys()
   * issuer.mint()                                    // signed with the new key; `former` still verifies
   * await issuer.rotateKeys({ keepPrevious: false }) // now neither of them does
   * ```
   */
  rotateKeys(options?: RotateKeysOptions): Promise<void>

  /**
   * Starts an outage, changes its kind, or ends it with `null`. It is in effect when the call returns. Ending `hang`
   * closes the connections that hang.
   *
   * @param mode - see {@link OutageMode}
   * @throws TypeError with `code: 'invalid_options'` for anything else
   *
   * @example
   * ```ts
   * issuer.setOutage('down')
   * await fetch(issuer.jwksUri) // rejects
   * issuer.setOutage(null)
   * await fetch(issuer.jwksUri) // 200, on the same port
   * ```
   */
  setOutage(mode: OutageMode | null): void

  /**
   * Stops listening and ends every connection, also idle and hanging ones. Closing twice is closing once. From then on
   * connections are refused (`ECONNREFUSED`).
   *
   * @returns a promise that is resolved when the port is free again
   */
  close(): Promise<void>

  /** The same as {@link TestIssuer.close}, for `await using issuer = await createTestIssuer()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What {@link TestIssuer.mint} takes. */
export interface MintOptions {
  /**
   * The user's id; in a machine's token the application's, the same as `clientId`.
   *
   * @default 'test-user'
   */
  sub?: string
  /**
   * The application's id, the claim `client_id`.
   *
   * @default 'test-app'
   */
  clientId?: string
  /**
   * The scopes: an array, or a string with spaces between them.
   *
   * @default none, which is as in Logto no claim in a machine's token for an API resource, and an empty string in any
   * other token
   */
  scope?: string | readonly string[]
  /**
   * The claim `aud`; `urn:logto:organization:<id>` for an organization token. Logto's is always one string: for an
   * array use `claims`.
   *
   * @default 'https://api.example.com'
   */
  audience?: string
  /**
   * The claim `organization_id`, of a token for an API resource within an organization.
   *
   * @default none
   */
  organizationId?: string
  /**
   * Seconds from now to `exp`. With 0 or less the token has expired, and was issued an hour before that.
   *
   * @default 3600
   */
  expiresIn?: number
  /**
   * Seconds from now to `nbf`, negative for the past.
   *
   * @default none: Logto's tokens have no such claim
   */
  notBefore?: number
  /**
   * Claims to add or to replace, over everything else: any JSON value, of wrong types too; `undefined` leaves the claim
   * out.
   *
   * @default none
   */
  claims?: Record<string, unknown>
  /**
   * Header members to add or to replace, like `claims`. The signature is made with the issuer's key and its own
   * algorithm whatever `alg` and `kid` say, and covers the header as it is sent.
   *
   * @default none
   */
  header?: Record<string, unknown>
}

/** What {@link TestIssuer.rotateKeys} takes. */
export interface RotateKeysOptions {
  /**
   * Whether the key that is replaced stays in the key set.
   *
   * @default true
   */
  keepPrevious?: boolean
  /**
   * The algorithm of the new key.
   *
   * @default that of the key it replaces
   */
  alg?: TestAlgorithm
}

/**
 * How the issuer fails. All but `empty` concern every address, `empty` the key set only.
 *
 * - `down`: open connections end, and a new one is reset (`ECONNRESET`) as soon as a request has arrived on it. The
 *   port stays taken, so that the issuer comes back on it, and requests are still counted. For `ECONNREFUSED`, close
 *   the issuer.
 * - `error`: status 500.
 * - `hang`: requests are accepted and never answered.
 * - `html`: status 200 with an HTML page.
 * - `garbage`: status 200, the content type of a key set, and JSON that breaks off.
 * - `empty`: a key set without keys.
 */
export type OutageMode = 'down' | 'error' | 'hang' | 'html' | 'garbage' | 'empty'
