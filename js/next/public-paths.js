/** Matches request paths against the `publicPaths` option. */

const native = require('../core/addon')

/**
 * Normalizes a path for comparison, or removes the stateful flags (`g`, `y`) of a regular expression, which would make it
 * match only every other time.
 *
 * @param {string | RegExp} item
 * @returns {string | RegExp}
 */
const normalizePublicPath = (item) =>
  typeof item === 'string' ? (readPath(item) ?? item) : new RegExp(item.source, item.flags.replace(/[gy]/g, ''))

/**
 * Returns whether a path is public. A string matches its path and everything below it, and `/` matches only itself. A
 * regular expression is tested against the path without a trailing slash.
 *
 * @param {string} pathname - Percent-encoded.
 * @param {(string | RegExp)[]} publicPaths
 */
function isPublicPath(pathname, publicPaths) {
  const decoded = readPath(pathname)
  if (decoded === undefined) return false
  const path = withoutTrailingSlash(pageOf(decoded))
  return publicPaths.some((item) => {
    if (typeof item !== 'string') return item.test(path)
    return path === item || (item !== '/' && path.startsWith(`${item}/`))
  })
}

/**
 * Returns the decoded path without a trailing slash, or undefined if two parsers could disagree about it.
 *
 * @param {string} pathname
 */
const readPath = (pathname) => native.normalizePath(pathname) ?? undefined

/**
 * Returns the page for a URL from which Next.js fetches page data: `/_next/data/<build>/page.json`, `/page.rsc`,
 * `/page.segments/….segment.rsc`. The data is as public as the page.
 *
 * @param {string} pathname
 */
function pageOf(pathname) {
  const page = /^\/_next\/data\/[^/]+(\/.+)\.json$/.exec(pathname)?.[1]
  if (page !== undefined) return page === '/index' ? '/' : page
  const segment = /^(.*)\.segments\/.*\.segment\.rsc$/.exec(pathname)?.[1]
  return segment ?? pathname.replace(/(\.prefetch)?\.rsc$/, '')
}

/** @param {string} path */
const withoutTrailingSlash = (path) => path.replace(/(.)\/+$/, '$1')

module.exports = { isPublicPath, readPath, normalizePublicPath }
