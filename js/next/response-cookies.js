/**
 * Keeps the cookies of the proxy's response. If the application has set cookies with `cookies()` from `next/headers`,
 * for example in `getToken`, Next.js replaces all cookies of the response with those.
 */

/** The property in which Next.js keeps the cookies that `cookies()` has set. */
const MUTATED_COOKIES = Symbol.for('next.mutated.cookies')

/**
 * Returns the response, after setting its cookies with `cookies()` too if Next.js would otherwise drop them.
 *
 * @template T
 * @param {T} response
 * @returns {Promise<T>}
 */
async function keepCookies(response) {
  if (!(response instanceof Response) || !response.headers.has('set-cookie')) return response
  const jar = await currentCookies()
  if (!(jar?.[MUTATED_COOKIES]?.length > 0)) return response
  const { NextResponse } = require('next/server')
  for (const cookie of new NextResponse(null, { headers: response.headers }).cookies.getAll()) jar.set(cookie)
  return response
}

/** Returns the cookies of the current request, or undefined outside Next.js. @returns {Promise<any>} */
async function currentCookies() {
  try {
    return await require('next/headers').cookies()
  } catch {
    return undefined
  }
}

module.exports = { keepCookies }
