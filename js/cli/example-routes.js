/** Finds the routes to which the example requests of `logto-authkit dev` are sent. */

const { DEFAULT_ME_URL, DEV_ISSUER_ENV_VARIABLES } = require('./dev-defaults')
const { createPlan } = require('./init-plan')
const { readProject } = require('./init-project')
const { portOf } = require('./init-start')
const { readVariable } = require('./verify-options')
const { hasMeRoute, hasOrdersRoute, protectedPath, readSource, readSources, usesPackage } = require('./source-files')

/**
 * @typedef {{ application: 'existing' | 'planned' | 'unknown', url: string, me: string | null, orders: string | null }} Routes -
 *   The URLs of the routes. An existing application already uses the package, and a planned one is what `init` would
 *   create or extend. If the folder contains neither, the URLs are the defaults. An existing application may have no
 *   route `/me`. `url` is then the URL of another protected route, or the origin of the application if none is known.
 */

/** Returns the URL of the example route `/orders`, given that of `/me` in the same application. @param {string} me */
const ordersUrl = (me) => me.replace(/me$/, 'orders')

/** @type {Routes} */
const DEFAULT_ROUTES = {
  application: 'unknown',
  url: DEFAULT_ME_URL,
  me: DEFAULT_ME_URL,
  orders: ordersUrl(DEFAULT_ME_URL),
}

/**
 * Returns the routes that the application in a folder has, or that `init` would create there, and the first audience
 * that the application accepts.
 *
 * @type {(folder: string, env: Record<string, string | undefined>) => Routes & { audience: string }}
 */
function exampleRoutes(folder, env) {
  const { LOGTO_AUDIENCE } = DEV_ISSUER_ENV_VARIABLES
  const [audience] = (readVariable('LOGTO_AUDIENCE', env, folder) ?? LOGTO_AUDIENCE).split(/\s+/)
  return { ...applicationRoutes(folder, env), audience }
}

/** @type {(folder: string, env: Record<string, string | undefined>) => Routes} */
function applicationRoutes(folder, env) {
  const sources = readSources(folder)
  const planned = plannedRoutes(folder, env, sources)
  const sourcesUsingPackage = sources.filter(usesPackage)
  if (sourcesUsingPackage.length === 0) return planned ?? DEFAULT_ROUTES
  const project = {
    read: (/** @type {string} */ path) => readSource(folder, path),
    startScript: undefined,
    devScript: undefined,
  }
  const port = () =>
    portOf(
      project,
      sourcesUsingPackage.map(({ path }) => path),
      null,
    )
  const me = planned?.me ?? `http://localhost:${port()}/me`
  if (!sources.some(hasMeRoute)) {
    const path = sourcesUsingPackage.map(protectedPath).find((one) => one !== undefined) ?? ''
    const url = path === '' && sources.some(hasOrdersRoute) ? ordersUrl(me) : new URL(me).origin + path
    return { application: 'existing', url, me: null, orders: null }
  }
  const orders = sources.some(hasOrdersRoute) ? ordersUrl(me) : null
  return { application: 'existing', url: me, me, orders }
}

/**
 * Returns the routes of the application that `init` would create or extend, or null if `init` does not support the
 * project or cannot read one of its files. `init` explains such errors, but they must not prevent `dev` from starting.
 *
 * @param {string} folder
 * @param {Record<string, string | undefined>} env
 * @param {import('./source-files').SourceText[]} sources
 * @returns {Routes & { me: string } | null}
 */
function plannedRoutes(folder, env, sources) {
  try {
    const { url, hasOrdersRoute } = createPlan(readProject(folder, undefined, env), DEV_ISSUER_ENV_VARIABLES, sources)
    return { application: 'planned', url, me: url, orders: hasOrdersRoute ? ordersUrl(url) : null }
  } catch {
    return null
  }
}

module.exports = { exampleRoutes }
