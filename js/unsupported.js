/** Every entry point resolves to this module in the Edge runtime and in browsers, which cannot load native addons: see `exports` in package.json. */

// The exports are computed and of type `any`, because bundlers would otherwise report missing names instead of the
// error that this module throws.
module.exports = /** @type {any} */ (unsupported())

/** @returns {never} */
function unsupported() {
  throw new Error(
    "logto-authkit runs only in Node.js: import it only in server code, and pass values to Client Components as props; in Next.js, remove runtime = 'edge' from routes, and rename middleware.ts to proxy.ts (see node_modules/logto-authkit/docs/troubleshooting.md)",
  )
}
