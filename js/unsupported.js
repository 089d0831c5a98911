/** Every entry point resolves to this module in the Edge runtime and in browsers, which have no addons: see `exports` in package.json. */

// An opaque value: otherwise bundlers would report the imported names as missing, instead of this error.
module.exports = /** @type {any} */ (unsupported())

/** @returns {never} */
function unsupported() {
  throw new Error(
    "logto-authkit runs only in Node.js: import it only in server code, and where Next.js would use the Edge runtime, set runtime = 'nodejs'",
  )
}
