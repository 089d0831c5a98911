/** Paths that need no session: which ones, and whether a request's path is one. */

const { wrongOption } = require('../core/errors')

/**
 * @param {unknown} given
 * @returns {(string | RegExp)[]}
 */
function publicPathsOption(given = []) {
  if (!Array.isArray(given)) throw wrongOption('publicPaths', 'an array', given)
  return given.map((path) => {
    // A sticky or global expression remembers where it was, and would match every other time.
    if (path instanceof RegExp) return new RegExp(path.source, path.flags.replace(/[gy]/g, ''))
    const isPath = typeof path === 'string' && /^\/[^*()[\]?#]*$/.test(path) && !path.includes('/:')
    const read = isPath ? readPath(path) : undefined
    if (read !== undefined) return read
    throw wrongOption('publicPaths', "paths such as '/docs', each with everything below it, and RegExps", path)
  })
}

/**
 * A path stands for itself and for everything below it, `/` for itself alone. An expression is matched against the path
 * without a trailing slash.
 *
 * @param {string} pathname - Percent-encoded.
 * @param {(string | RegExp)[]} publicPaths
 */
function isPublicPath(pathname, publicPaths) {
  const read = readPath(pathname)
  if (read === undefined) return false
  const path = trimmed(withoutTransport(read))
  return publicPaths.some((item) => {
    if (typeof item !== 'string') return item.test(path)
    return path === item || (item !== '/' && path.startsWith(`${item}/`))
  })
}

/**
 * A path as people write it, without a trailing slash. There is none where two readers could disagree about that: empty and
 * dot segments, backslashes, and what is percent-encoded without need (RFC 3986 section 2.3), to hide, or to be a slash
 * later.
 *
 * @param {string} pathname
 */
function readPath(pathname) {
  if (/\\|\/\/|\/\.{1,2}(\/|$)|%([01]|2[5def]|3\d|4[1-9a-f]|5[\dacf]|6[1-9a-f]|7[\daef])/i.test(pathname))
    return undefined
  try {
    return trimmed(decodeURI(pathname))
  } catch {
    return undefined
  }
}

/**
 * Next.js fetches a page's data by addresses of their own: `/_next/data/<build>/page.json`, `/page.rsc`,
 * `/page.segments/….segment.rsc`. They are for whoever may see the page.
 *
 * @param {string} pathname
 */
function withoutTransport(pathname) {
  const page = /^\/_next\/data\/[^/]+(\/.+)\.json$/.exec(pathname)?.[1]
  if (page !== undefined) return page === '/index' ? '/' : page
  const segment = /^(.*)\.segments\/.*\.segment\.rsc$/.exec(pathname)?.[1]
  return segment ?? pathname.replace(/(\.prefetch)?\.rsc$/, '')
}

/** @param {string} path */
const trimmed = (path) => path.replace(/(.)\/+$/, '$1')

module.exports = { isPublicPath, publicPathsOption, readPath }
