/**
 * The options that the adapters of all frameworks share.
 *
 * @packageDocumentation
 */

import type { AuthError, AuthenticatedContext, ContextWith, Principal, ScopeMode, VerifyAuthOptions } from '../..'

/** {@link VerifyAuthOptions}, with functions that take the framework's request. */
export interface AdapterOptions<Claims = unknown>
  extends Omit<VerifyAuthOptions<Claims>, 'check' | 'fallback' | 'getToken' | 'onRefused' | 'organizationId'> {
  /** Like `getToken` in {@link VerifyAuthOptions}, but receives the framework's request. */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  getToken?(req: any): string | null | undefined | Promise<string | null | undefined>

  /** Like `check` in {@link VerifyAuthOptions}, but receives the framework's request. */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  check?(auth: ContextWith<Claims>, req: any): boolean | Promise<boolean>

  /** Like `fallback` in {@link VerifyAuthOptions}, but receives the framework's request. */
  fallback?(
    // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
    req: any,
    error: AuthError,
  ): Principal | null | undefined | Promise<Principal | null | undefined>

  /**
   * Like `onRefused` in {@link VerifyAuthOptions}, but receives the framework's request, and also reports rejections by
   * `protect`.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  onRefused?(error: AuthError, req: any): void

  /**
   * Id of the organization that the token must belong to, or a sync or async function that takes the request and
   * returns the id. If the function returns `undefined` or `''`, the request names no organization and is rejected.
   * `null` accepts only tokens that do not belong to an organization.
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
   * Lets CORS preflights (`OPTIONS` with `Access-Control-Request-Method`) pass without a context. By default, preflights are
   * rejected, because they carry no token, and a handler for all methods would otherwise run without authentication. We recommend
   * that you handle CORS before authentication, for example with `cors()` before `logtoAuth()`.
   *
   * @defaultValue `false`
   */
  allowPreflight?: boolean
}

/** The requirements of a route, besides a valid token. */
export interface Requirements {
  /**
   * Scopes that the token must have, as a space-separated string or an array.
   * @throws {@link AuthError} `missing_scope` (403).
   */
  requiredScope?: string | readonly string[]
  /**
   * Whether the token needs all scopes in `requiredScope`, or at least one of them.
   * @defaultValue `'all'`
   */
  scopeMode?: ScopeMode
  /**
   * Roles that the token must have.
   * @throws {@link AuthError} `missing_role` (403).
   */
  requiredRole?: string | readonly string[]
  /**
   * Whether the token needs all roles in `requiredRole`, or at least one of them.
   * @defaultValue `'all'`
   */
  roleMode?: ScopeMode
  /**
   * Claims that contain roles.
   * @defaultValue `['roles', 'role']`, even if the adapter has other `roleClaims`
   */
  roleClaims?: string | readonly string[]
  /**
   * Id of the organization that the token must belong to, or a sync or async function that takes the request and
   * returns the id. `null` accepts only tokens that do not belong to an organization. If the function returns
   * `undefined` or `''`, the request is rejected.
   * @throws {@link AuthError} `wrong_organization` (403).
   */
  organizationId?: OrganizationId
  /**
   * Who must have sent the request: a user, a machine-to-machine application, or a principal that `fallback` returned.
   * @throws {@link AuthError} `missing_role` (403).
   */
  subjectType?: 'user' | 'machine' | 'external'
  /**
   * Decides whether the request is permitted, once all other requirements have been checked. If `check` throws an
   * {@link AuthError}, that error becomes the response. Any other exception counts as a server error (500).
   * @throws {@link AuthError} `forbidden` (403) if the function returns a falsy value.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  check?(auth: AuthenticatedContext, req: any): boolean | Promise<boolean>
}

/**
 * The id of an organization, `null` for no organization, or a function that takes the request and returns an id, `null`, or
 * `undefined` to reject the request.
 */
export type OrganizationId =
  | string
  | null
  // biome-ignore lint/suspicious/noExplicitAny: the type depends on the framework
  | ((req: any) => string | null | undefined | Promise<string | null | undefined>)

/** The `property` option of adapters that store the context on the framework's request, context or state. */
export interface PropertyOption<Property extends string = string> {
  /**
   * The name under which the context is stored, for applications in which other code uses the name `auth`. In Express, register
   * this name as `property` in `Register`. In other frameworks, declare the type of the property yourself, or read the context with
   * `getAuth`.
   *
   * @defaultValue `'auth'`
   */
  property?: Property
}
