/**
 * What `next.config.ts` needs. This entry loads neither Next.js nor the addon.
 *
 * @packageDocumentation
 */

/**
 * Keeps the addon out of the bundles of Next.js: it adds `logto-authkit` to `serverExternalPackages`.
 *
 * With `output: 'standalone'` nothing else is needed: an external package is traced, and the addons of all platforms that are
 * installed beside it are copied, in npm's layout and in pnpm's. `outputFileTracingIncludes` is left to you.
 *
 * The application itself must depend on `logto-authkit`. In a monorepo that is the workspace of this configuration, also
 * where another one imports the package: webpack and Next.js 15 look for external packages from there, and bundle what they
 * do not find.
 *
 * @param nextConfig - An object, a promise of one, or a function that returns either.
 * @returns The same, with the addition.
 *
 * @example
 * ```ts
 * import { withLogtoAuth } from 'logto-authkit/next/config'
 *
 * export default withLogtoAuth({ output: 'standalone' })
 * ```
 */
export function withLogtoAuth<Config extends NextConfigInput = object>(nextConfig?: Config): Config

/** What Next.js takes as its configuration. */
// biome-ignore lint/suspicious/noExplicitAny: whatever phase and context are declared as
export type NextConfigInput = object | ((...args: any[]) => object | Promise<object>)
