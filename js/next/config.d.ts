/**
 * Configuration for `next.config.ts`. This entry point loads neither Next.js nor the addon.
 *
 * @packageDocumentation
 */

/**
 * Keeps the addon out of Next.js bundles by adding `logto-authkit` to `serverExternalPackages`.
 *
 * With `output: 'standalone'` nothing else is needed: Next.js traces the external package and copies the installed addons for
 * all platforms, with npm and with pnpm. `outputFileTracingIncludes` is not changed.
 *
 * The application itself must depend on `logto-authkit`. In a monorepo, add the dependency to the workspace with
 * this configuration, even if only another workspace imports the package: webpack and Next.js 15 resolve external packages
 * from here, and bundle those that they cannot find.
 *
 * @param nextConfig - An object, a promise of one, or a function that returns either.
 * @returns The same kind of value, with the package added.
 *
 * @example
 * ```ts
 * import { withLogtoAuth } from 'logto-authkit/next/config'
 *
 * export default withLogtoAuth({ output: 'standalone' })
 * ```
 */
export function withLogtoAuth<Config extends NextConfigInput = object>(nextConfig?: Config): Config

/** A Next.js configuration in any form. */
// biome-ignore lint/suspicious/noExplicitAny: applications declare phase and context in different ways
export type NextConfigInput = object | ((...args: any[]) => object | Promise<object>)
