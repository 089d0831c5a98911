/**
 * Options shared by the adapters of all frameworks.
 *
 * @packageDocumentation
 */

import type { AuthError, ScopeMode, VerifyAuthOptions } from '../..'

/** {@link VerifyAuthOptions}, with options that depend on the request. */
export interface AdapterOptions extends Omit<VerifyAuthOptions, 'organizationId'> {
  /**
   * As in {@link VerifyAuthOptions}, or a function of the request. If the function returns `undefined` or `''`, the request
   * names no organization and is rejected. `null` accepts only tokens that belong to no organization.
   *
   * @defaultValue not checked
   * @throws {@link AuthError} `wrong_organization` (403).
   *
   * @example
   * ```ts
   * organizationId: (req) => organizations.ofHost(req.hostname)
   * ```
   */
  organizationId?: OrganizationId

  /**
   * Lets CORS preflights (`OPTIONS` with `Access-Control-Request-Method`) pass without a context. By default, a preflight is
   * verified like any other request and, since it carries no token, rejected: a handler for all methods would otherwise run
   * without authentication. Handle CORS before authentication instead, for example with `cors()` before `logtoAuth()`.
   *
   * @defaultValue `false`
   */
  allowPreflight?: boolean
}

/** The requirements of a route, besides a valid token. */
export interface Requirements {
  /**
   * Required scopes, as a space-separated string or an array.
   * @throws {@link AuthError} `missing_scope` (403).
   */
  requiredScope?: string | readonly string[]
  /**
   * Whether all of `requiredScope` are required, or one of them.
   * @defaultValue `'all'`
   */
  scopeMode?: ScopeMode
  /**
   * Roles that the token must have.
   * @throws {@link AuthError} `missing_role` (403).
   */
  requiredRole?: string | readonly string[]
  /**
   * Whether all of `requiredRole` are required, or one of them.
   * @defaultValue `'all'`
   */
  roleMode?: ScopeMode
  /**
   * Claims that contain roles.
   * @defaultValue `['roles', 'role']`, even if the adapter has other `roleClaims`
   */
  roleClaims?: string | readonly string[]
  /**
   * The organization that the token must belong to, `null` for none, or a function of the request that returns either. If
   * the function returns `undefined` or `''`, the request is rejected.
   * @throws {@link AuthError} `wrong_organization` (403).
   */
  organizationId?: OrganizationId
  /**
   * Whether the token must belong to a user, or to a machine-to-machine application.
   * @throws {@link AuthError} `missing_role` (403).
   */
  subjectType?: 'user' | 'machine'
}

/** An organization id, `null` for none, or a function of the request that returns either, or `undefined` to reject it. */
// biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
export type OrganizationId = string | null | ((req: any) => string | null | undefined)
