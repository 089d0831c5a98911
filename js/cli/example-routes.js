/** Finds the routes to which the example requests of `logto-authkit dev` are sent. */

const { DEFAULT_ME_URL, DEV_ISSUER_ENV_VARIABLES } = require('./dev-defaults')
const { createPlan } = require('./init-plan')
const { findPort, portNote } = require('./init-port')
const { readProject } = require('./init-project')
const { hasMeRoute, hasOrdersRoute, protectedPath, readSource, readSources, usesPackage } = require('./source-files')

/**
 * @typedef {{ application: 'existing' | 'planned' | 'unknown', url: string, me: string | null, orders: string | null, portNote: string, allowsGuests: boolean }} Routes -
 *   The URLs of the routes. An existing application already uses the package, and a planned one is what `init` would
 *   create or extend. If the folder contains neither, the URLs are the defaults. An existing application may have no
 *   route `/me`. `url` is then the URL of another protected route, or the origin of the application if none is known.
 *   `portNote` says that the port is a guess, or is empty.
 */

/** Returns the URL of the example route `/orders`, given that of `/me` in the same application. @param {string} me */
const ordersUrl = (me) => me.replace(/me$/, 'orders')

/** @type {Routes} */
const DEFAULT_ROUTES = {
  application: 'unknown',
  url: DEFAULT_ME_URL,
  me: DEFAULT_ME_URL,
  orders: ordersUrl(DEFAULT_ME_URL),
  portNote: '',
  allowsGuests: false,
}

/**
 * Returns the routes that the application in a folder has, or that `init` would create there.
 *
 * @type {(folder: string, env: Record<string, string | undefined>) => Routes}
 */
function exampleRoutes(folder, env) {
  const sources = readSources(folder)
  const planned = plannedRoutes(folder, env, sources)
  const sourcesUsingPackage = sources.filter(usesPackage)
  if (sourcesUsingPackage.length === 0) return planned ?? DEFAULT_ROUTES
  const { me, portNote } = planned ?? meRouteOf(folder, sourcesUsingPackage)
  const allowsGuests = sourcesUsingPackage.some(({ text }) => /\ballowGuest: true\b/.test(text))
  if (!sources.some(hasMeRoute)) {
    const path = sourcesUsingPackage.map(protectedPath).find((one) => one !== undefined) ?? ''
    const url = path === '' && sources.some(hasOrdersRoute) ? ordersUrl(me) : new URL(me).origin + path
    return { application: 'existing', url, me: null, orders: null, portNote, allowsGuests }
  }
  const orders = sources.some(hasOrdersRoute) ? ordersUrl(me) : null
  return { application: 'existing', url: me, me, orders, portNote, allowsGuests }
}

/** @type {(folder: string, sources: import('./source-files').SourceText[]) => { me: string, portNote: string }} */
function meRouteOf(folder, sources) {
  const project = {
    read: (/** @type {string} */ path) => readSource(folder, path),
    startScript: undefined,
    devScript: undefined,
  }
  const files = sources.map(({ path }) => path)
  const port = findPort(project, files, null)
  return { me: `http://localhost:${port.port}/me`, portNote: portNote(port) }
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
    const plan = createPlan(readProject(folder, undefined, env), DEV_ISSUER_ENV_VARIABLES, sources)
    const { url, hasOrdersRoute, portNote } = plan
    const orders = hasOrdersRoute ? ordersUrl(url) : null
    return { application: 'planned', url, me: url, orders, portNote, allowsGuests: false }
  } catch {
    return null
  }
}

module.exports = { exampleRoutes }
