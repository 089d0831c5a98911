/** What every entry is in the Edge runtime and in browsers, where there are no addons: see `exports` in package.json. */

// Bundlers would look for the names that are imported, and complain about those instead.
module.exports = /** @type {any} */ (unsupported())

/** @returns {never} */
function unsupported() {
  throw new Error(
    "logto-authkit runs in Node.js only: import it in server code alone, and where Next.js would use the Edge runtime, write runtime = 'nodejs'",
  )
}
