/** Matches request paths against the `publicPaths` option. */

const native = require('../core/addon')

/**
 * Normalizes a path for comparison, or copies a regular expression, because the application may change its `lastIndex`.
 *
 * @param {string | RegExp} item
 * @returns {string | RegExp}
 */
const normalizePublicPath = (item) =>
  typeof item === 'string' ? (readPath(item) ?? item) : new RegExp(item.source, item.flags)

/**
 * Returns whether a path is public. A string matches its path and everything below it, and `/` matches only itself. A
 * regular expression is tested against the path without a trailing slash.
 *
 * @param {string} pathname - Percent-encoded.
 * @param {(string | RegExp)[]} publicPaths
 */
function isPublicPath(pathname, publicPaths) {
  const page = pagePathOf(readPath(pathname) ?? '')
  if (page === '') return false
  const path = withoutTrailingSlash(page)
  return publicPaths.some((item) => {
    if (typeof item !== 'string') return matchesFromStart(item, path)
    return path === item || (item !== '/' && path.startsWith(`${item}/`))
  })
}

/**
 * Returns whether a path and all its parent paths are public, because a page is rendered inside the layouts of its
 * parent paths.
 *
 * @param {string} pathname
 * @param {(path: string) => boolean} isPublic
 */
function isPublicAtEveryLevel(pathname, isPublic) {
  const names = pathname.split('/').slice(1, MAX_DEPTH + 2)
  return names.length <= MAX_DEPTH && names.every((_, index) => isPublic(`/${names.slice(0, index + 1).join('/')}`))
}

/** Maximum depth of a path whose parent paths are checked: the cost grows with the square of the depth. */
const MAX_DEPTH = 32

/**
 * Tests a path against a regular expression, regardless of where the expression's previous match ended. With the `g` or
 * `y` flag, a regular expression would otherwise continue from where it matched another request's path.
 *
 * @type {(pattern: RegExp, path: string) => boolean}
 */
function matchesFromStart(pattern, path) {
  pattern.lastIndex = 0
  return pattern.test(path)
}

/**
 * Returns the decoded path without a trailing slash, or undefined if two parsers could disagree about it.
 *
 * @param {string} pathname
 */
const readPath = (pathname) => native.normalizePath(pathname) ?? undefined

/**
 * Returns the page for a URL from which Next.js fetches page data: `/_next/data/<build>/page.json`, `/page.rsc`,
 * `/page.segments/….segment.rsc`. The data of a page is as public as the page. Returns `''` if the page cannot be
 * determined.
 *
 * @param {string} pathname
 */
function pagePathOf(pathname) {
  const page = /^\/_next\/data\/[^/]+(\/.+)\.json$/.exec(pathname)?.[1]
  // Next.js serves `/account` for the data URL of `/index/account`.
  if (page !== undefined) return page === '/index' ? '/' : page.startsWith('/index/') ? '' : page
  // A regular expression would take quadratic time for a path that contains `.segments/` many times.
  if (pathname.endsWith(SEGMENT_SUFFIX)) {
    const end = pathname.lastIndexOf(SEGMENTS_FOLDER, pathname.length - SEGMENT_SUFFIX.length - SEGMENTS_FOLDER.length)
    if (end !== -1) return pathname.slice(0, end)
  }
  for (const suffix of ['.prefetch.rsc', '.rsc'])
    if (pathname.endsWith(suffix)) return pathname.slice(0, -suffix.length)
  return pathname
}

const SEGMENTS_FOLDER = '.segments/'
const SEGMENT_SUFFIX = '.segment.rsc'

/** @param {string} path - A path without empty segments has at most one trailing slash. */
const withoutTrailingSlash = (path) => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path)

module.exports = { isPublicAtEveryLevel, isPublicPath, readPath, normalizePublicPath }
