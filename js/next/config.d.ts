/**
 * The configuration for `next.config.ts`. This entry point loads neither Next.js nor the addon.
 *
 * @packageDocumentation
 */

/**
 * Keeps the addon out of Next.js bundles by adding `logto-authkit` to `serverExternalPackages`.
 *
 * `output: 'standalone'` needs no further configuration: Next.js traces the external package and copies the installed addons for
 * all platforms, with npm and with pnpm. `outputFileTracingIncludes` is not changed.
 *
 * The application itself must depend on `logto-authkit`. In a monorepo, add the dependency to the workspace that contains
 * `next.config`, even if only another workspace imports the package. webpack and Next.js 15 look for external packages in that
 * workspace, and bundle packages that they do not find there.
 *
 * @param nextConfig - A configuration object, a promise of an object, or a function that returns an object or a promise.
 * @returns The configuration in the same form, with the package added.
 *
 * @example
 * ```ts
 * import { withLogtoAuth } from 'logto-authkit/next/config'
 *
 * export default withLogtoAuth({ output: 'standalone' })
 * ```
 */
export function withLogtoAuth<Config extends NextConfigInput = object>(nextConfig?: Config): Config

/** A Next.js configuration: an object, a promise of an object, or a function that returns an object or a promise. */
// biome-ignore lint/suspicious/noExplicitAny: applications declare phase and context in different ways
export type NextConfigInput = object | ((...args: any[]) => object | Promise<object>)
