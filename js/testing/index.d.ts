import type { Algorithm } from '../..'
import type { RevocationStore } from '../revocation'

// Node 20 has `Symbol.asyncDispose`, but TypeScript declares the symbol only in the library `esnext.disposable`.
declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol
  }
}

/**
 * Starts an issuer on 127.0.0.1 that behaves like Logto, with the same URLs, key set, response headers and tokens. The issuer uses
 * only Node's `crypto` and `http`, so tests need neither a Logto server nor a network.
 *
 * The issuer does not keep the process alive, even if you never close it.
 *
 * @param options - The options: see {@link TestIssuerOptions}.
 * @returns The issuer, which is listening and has a signing key.
 * @throws The promise rejects with a `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
 * @throws The promise rejects with an `Error` with `code: 'EADDRINUSE'` if `port` is in use.
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

/**
 * Tests whether an implementation of `RevocationStore` meets all requirements. The test takes a few seconds.
 *
 * @param createStore - Creates a store with its own connections. All stores that `createStore` creates must use the same log, which
 *   must be empty at the start. `createStore` is called several times.
 * @param options - `reset` empties the log. Without `reset`, the test does not check how the store behaves after the log has been
 *   emptied.
 * @returns A promise that resolves if the implementation meets all requirements.
 * @throws The promise rejects with an `AssertionError` that names the first requirement that is not met.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { testRevocationStore } from 'logto-authkit/testing'
 *
 * test('the store', () => testRevocationStore(() => new PostgresStore(url, 'test')))
 * ```
 */
export function testRevocationStore(
  createStore: () => RevocationStore | Promise<RevocationStore>,
  options?: { reset?: () => Promise<void> | void },
): Promise<void>

/** Options of {@link createTestIssuer}. */
export interface TestIssuerOptions {
  /**
   * Algorithm of the key that the issuer starts with. Logto uses `ES384` and `RS256`.
   *
   * @defaultValue `'ES384'`
   */
  alg?: TestAlgorithm
  /**
   * TCP port on 127.0.0.1, from 0 to 65535.
   *
   * @defaultValue `0`, any free port
   */
  port?: number
}

/**
 * All algorithms that `logto-authkit` can accept. RSA keys take a few hundred milliseconds to generate and have 2048 bits, compared
 * to 4096 bits in Logto. All other keys take about a millisecond to generate.
 */
export type TestAlgorithm = Algorithm

/** A running issuer. The methods do not use `this`, so you can destructure the issuer. */
export interface TestIssuer {
  /** `http://127.0.0.1:<port>`, the value of the `logtoUrl` option for the code under test. */
  readonly logtoUrl: string
  /** `<logtoUrl>/oidc`, the `iss` claim of every token. */
  readonly issuer: string
  /** `<logtoUrl>/oidc/jwks`, the URL of the key set. */
  readonly jwksUri: string
  /**
   * Number of requests for the key set since startup, including requests answered with 304 and requests during outages. Read
   * `jwksRequests` from the issuer each time, because a destructured copy does not change.
   */
  readonly jwksRequests: number

  /**
   * Creates an access token with exactly the header, claims and types of Logto's tokens, signed with the current key. The options
   * can change every claim and header parameter, so you can create a token for every error.
   *
   * @param options - The options: see {@link MintOptions}. By default, the token is a user token for `https://api.example.com` that
   * is valid for an hour.
   * @returns The token, a compact JWS.
   * @throws `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
   *
   * @example A token for each error
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
   * issuer.mint({ scope: 'read:orders' })                               // missing_scope, if another scope is required
   * issuer.mint({ claims: { roles: ['viewer'] } })                      // missing_role, if another role is required
   * ```
   *
   * @example An invalid signature, taken from another token
   * ```ts
   * const [header, payload] = issuer.mint().split('.')
   * const signature = issuer.mint().split('.')[2]
   * const token = `${header}.${payload}.${signature}` // invalid_signature
   * ```
   *
   * @example Other tokens that Logto issues
   * ```ts
   * // machine-to-machine token: its subject is the application
   * issuer.mint({ sub: 'my-app', clientId: 'my-app', scope: 'read:orders' })
   * // organization token, and token for an API resource within an organization
   * issuer.mint({ audience: 'urn:logto:organization:my-org', scope: 'read:invoices' })
   * issuer.mint({ organizationId: 'my-org', scope: 'read:orders' })
   * // ID token, which an API must reject
   * issuer.mint({
   *   audience: 'my-app',
   *   header: { typ: undefined },
   *   claims: { jti: undefined, scope: undefined, client_id: undefined },
   * })
   * // opaque access token, which is not a JWT
   * crypto.randomBytes(32).toString('base64url')
   * ```
   */
  mint(options?: MintOptions): string

  /**
   * Generates a new signing key and puts the key first in the key set. The key set then contains the new and the previous key, as
   * it does in Logto 1.42. Older keys are removed, so tokens signed with them become invalid.
   *
   * The new key set takes effect when the promise resolves. Until the promise resolves, requests get the previous key set. The key
   * is generated outside the event loop, and concurrent calls are processed in order.
   *
   * @param options - The options: see {@link RotateKeysOptions}.
   * @returns A promise that resolves once new tokens are signed with the new key.
   * @throws The promise rejects with a `TypeError` with `code: 'invalid_options'` for an unknown or invalid option.
   *
   * @example
   * ```ts
   * const oldToken = issuer.mint()
   * await issuer.rotateKeys()
   * const newToken = issuer.mint()                   // signed with the new key; oldToken is still valid
   * await issuer.rotateKeys({ keepPrevious: false }) // now both are rejected
   * ```
   */
  rotateKeys(options?: RotateKeysOptions): Promise<void>

  /**
   * Starts an outage, changes the mode of an outage, or ends the outage with `null`. The new mode takes effect before the call returns.
   * When a `hang` outage ends, the hanging connections are closed.
   *
   * @param mode - The mode of the outage: see {@link OutageMode}.
   * @throws `TypeError` with `code: 'invalid_options'` for any other value.
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
   * Stops listening and closes all connections, including idle and hanging connections. New connections then fail with
   * `ECONNREFUSED`. Closing a closed issuer has no effect.
   *
   * @returns A promise that resolves when the port is free again.
   */
  close(): Promise<void>

  /** Calls {@link TestIssuer.close}, for `await using issuer = await createTestIssuer()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Options of {@link TestIssuer.mint}. */
export interface MintOptions {
  /**
   * Id of the user. For a machine-to-machine token, pass the id of the application in both `sub` and `clientId`.
   *
   * @defaultValue `'test-user'`
   */
  sub?: string
  /**
   * Id of the application, for the `client_id` claim.
   *
   * @defaultValue `'test-app'`
   */
  clientId?: string
  /**
   * Scopes of the token, as an array or a space-separated string.
   *
   * @defaultValue none. Without scopes, `mint`, like Logto, omits the `scope` claim of machine-to-machine tokens for an API
   *   resource, and leaves the claim empty in all other tokens.
   */
  scope?: string | readonly string[]
  /**
   * The `aud` claim, which is `urn:logto:organization:<id>` for an organization token. In Logto's tokens, `aud` is always a single
   * string. To set `aud` to an array, use `claims`.
   *
   * @defaultValue `'https://api.example.com'`
   */
  audience?: string
  /**
   * The `organization_id` claim, in a token for an API resource within an organization.
   *
   * @defaultValue none
   */
  organizationId?: string
  /**
   * Seconds from now until `exp`. If `expiresIn` is 0 or less, the token has expired, and its `iat` is one hour before its `exp`.
   *
   * @defaultValue `3600`
   */
  expiresIn?: number
  /**
   * Seconds from now until `nbf`. With a negative value, `nbf` is in the past.
   *
   * @defaultValue none. Logto's tokens have no `nbf` claim
   */
  notBefore?: number
  /**
   * Claims to add or replace. `claims` takes precedence over the other options. Any JSON value is allowed, even a value of the wrong
   * type. `undefined` removes a claim.
   *
   * @defaultValue none
   */
  claims?: Record<string, unknown>
  /**
   * Header parameters to add or replace. `undefined` removes a parameter. The token is always signed with the issuer's current key
   * and its algorithm, regardless of `alg` and `kid`, and the signature covers the changed header.
   *
   * @defaultValue none
   */
  header?: Record<string, unknown>
}

/** Options of {@link TestIssuer.rotateKeys}. */
export interface RotateKeysOptions {
  /**
   * Whether the previous key remains in the key set.
   *
   * @defaultValue `true`
   */
  keepPrevious?: boolean
  /**
   * Algorithm of the new key.
   *
   * @defaultValue the algorithm of the previous key
   */
  alg?: TestAlgorithm
}

/**
 * How the issuer fails. In the outage mode `empty`, only requests for the key set are affected. In all other outage
 * modes, requests for any URL fail.
 *
 * - `down`: the issuer closes open connections, and resets new connections (`ECONNRESET`) as soon as a request arrives. The port
 *   remains in use, so that the issuer can recover on the same port, and requests are still counted. To get `ECONNREFUSED`, close
 *   the issuer.
 * - `error`: the issuer responds with status 500.
 * - `hang`: the issuer accepts requests and never responds.
 * - `html`: the issuer responds with status 200 and an HTML page.
 * - `garbage`: the issuer responds with status 200, the content type of a key set, and truncated JSON.
 * - `empty`: the issuer responds with a key set without keys.
 */
export type OutageMode = 'down' | 'error' | 'hang' | 'html' | 'garbage' | 'empty'
