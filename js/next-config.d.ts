/**
 * What `next.config.ts` needs. This entry loads neither Next.js nor the addon.
 *
 * @packageDocumentation
 */

/**
 * Keeps the addon out of the bundles of Next.js: it adds `logto-authkit` to `serverExternalPackages`. With
 * `output: 'standalone'` the addon is traced and copied then.
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
