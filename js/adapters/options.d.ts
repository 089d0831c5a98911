/**
 * Options that the adapters for all frameworks have in common.
 *
 * @packageDocumentation
 */

import type { AuthError, ScopeMode, VerifyAuthOptions } from '../..'

/** {@link VerifyAuthOptions}, and what only makes sense with a request and a response. */
export interface AdapterOptions extends Omit<VerifyAuthOptions, 'organizationId'> {
  /**
   * As in {@link VerifyAuthOptions}, or a function of the request. One that returns nothing or `''` is an error, never
   * a pass.
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
}

/** What one route can demand of what was found out about a request. */
export interface Requirements {
  /**
   * Scopes, space separated or as a list.
   * @throws {@link AuthError} `missing_scope` (403).
   */
  requiredScope?: string | readonly string[]
  /**
   * Whether all of `requiredScope` are needed, or one of them.
   * @defaultValue `'all'`
   */
  scopeMode?: ScopeMode
  /**
   * Roles, all of them.
   * @throws {@link AuthError} `missing_role` (403).
   */
  requiredRole?: string | readonly string[]
  /**
   * Claims that hold roles.
   * @defaultValue `['roles', 'role']`, whatever the adapter was told
   */
  roleClaims?: string | readonly string[]
  /**
   * The organization that the token must be of, `null` for none, or a function of the request that says so. One that
   * returns nothing or `''` is an error, never a pass.
   * @throws {@link AuthError} `wrong_organization` (403).
   */
  organizationId?: OrganizationId
  /**
   * A user's token, or an application's own.
   * @throws {@link AuthError} `missing_role` (403).
   */
  subjectType?: 'user' | 'machine'
}

/** An organization's id, `null` for none, or what tells it from a request. */
// biome-ignore lint/suspicious/noExplicitAny: that of the framework in use
export type OrganizationId = string | null | ((req: any) => string | null)
