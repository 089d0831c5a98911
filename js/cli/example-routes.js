/** Finds the routes to which the example requests of `logto-authkit dev` are sent. */

const { UsageError } = require('./arguments')
const { DEV_ISSUER_ENTRIES } = require('./dev-defaults')
const { createPlan } = require('./init-plan')
const { readProject } = require('./init-project')

/**
 * @typedef {{ isProject: boolean, me: string, orders: string | null }} Routes - The URLs of the routes. `isProject` is
 *   false if the folder contains no project that `init` supports. The URLs are then the defaults.
 */

/** @type {Routes} */
const DEFAULT_ROUTES = { isProject: false, me: 'http://localhost:3000/me', orders: 'http://localhost:3000/orders' }

/**
 * Returns the routes that the project in a folder has, or that `init` would create there.
 *
 * @param {string} folder
 * @param {Record<string, string | undefined>} env
 * @returns {Routes}
 */
function exampleRoutes(folder, env) {
  try {
    const { url, hasOrdersRoute } = createPlan(readProject(folder, undefined, env), DEV_ISSUER_ENTRIES)
    return { isProject: true, me: url, orders: hasOrdersRoute ? url.replace(/me$/, 'orders') : null }
  } catch (error) {
    if (error instanceof UsageError) return DEFAULT_ROUTES
    throw error
  }
}

module.exports = { exampleRoutes }
