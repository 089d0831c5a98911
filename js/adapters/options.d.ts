/**
 * Options shared by the adapters of all frameworks.
 *
 * @packageDocumentation
 */

import type { AuthError, AuthenticatedContext, ContextWith, Principal, ScopeMode, VerifyAuthOptions } from '../..'

/** {@link VerifyAuthOptions}, with options that depend on the framework's request. */
export interface AdapterOptions<Claims = unknown>
  extends Omit<VerifyAuthOptions<Claims>, 'check' | 'fallback' | 'getToken' | 'onRefused' | 'organizationId'> {
  /** As in {@link VerifyAuthOptions}; called with the framework's request. */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  getToken?(req: any): string | null | undefined | Promise<string | null | undefined>

  /** As in {@link VerifyAuthOptions}; called with the framework's request. */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  check?(auth: ContextWith<Claims>, req: any): boolean | Promise<boolean>

  /** As in {@link VerifyAuthOptions}; called with the framework's request. */
  fallback?(
    // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
    req: any,
    error: AuthError,
  ): Principal | null | undefined | Promise<Principal | null | undefined>

  /** As in {@link VerifyAuthOptions}; called with the framework's request, also for rejections by `protect`. */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  onRefused?(error: AuthError, req: any): void

  /**
   * As in {@link VerifyAuthOptions}, or a function of the request, sync or async. If the function returns `undefined` or `''`, the request
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
   * Whether the request must come from a user, from a machine-to-machine application, or from a principal that `fallback`
   * returned.
   * @throws {@link AuthError} `missing_role` (403).
   */
  subjectType?: 'user' | 'machine' | 'external'
  /**
   * Decides whether the request is permitted, after all other requirements. An {@link AuthError} that it throws becomes the
   * response; any other error is a fault.
   * @throws {@link AuthError} `forbidden` (403) if it returns `false`, or another falsy value.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  check?(auth: AuthenticatedContext, req: any): boolean | Promise<boolean>
}

/** An organization id, `null` for none, or a function of the request that returns either, or `undefined` to reject it. */
export type OrganizationId =
  | string
  | null
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  | ((req: any) => string | null | undefined | Promise<string | null | undefined>)

/** The option of adapters whose requests have properties. */
export interface PropertyOption<Property extends string = string> {
  /**
   * The name under which the context is stored, if `auth` is taken. In Express, register it as `property` (see `Register`); elsewhere,
   * declare its type yourself, or read the context with `getAuth`.
   *
   * @defaultValue `'auth'`
   */
  property?: Property
}
