/** What all adapters do with a request, whatever their framework calls it: who asks, what is known of it, who answers. */

const { AuthError, Guard, isSecure } = require('./guard')
const { wrongOption } = require('../core/errors')
const { asError } = require('./node-response')
const { split } = require('../core/options')
const { header } = require('../core/request')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {{ guard: InstanceType<typeof Guard>, onError: Function | undefined }} Gate */
/** @typedef {{ gate: Gate, auth: AuthContext | undefined }} Found */

/**
 * What was found out about a request: only that counts in `protect`, whatever else writes where we write it. No member of the
 * request, also no private one: Express gives every request another prototype, and from then on a new member takes 3 µs.
 *
 * @type {WeakMap<object, Found>}
 */
const seen = new WeakMap()

/**
 * @param {object} key
 * @param {Gate} gate
 * @param {AuthContext | undefined} auth
 */
function remember(key, gate, auth) {
  const known = seen.get(key)
  if (known === undefined) seen.set(key, { gate, auth })
  else {
    known.gate = gate
    known.auth = auth
  }
}

/**
 * @param {any} options - Those of `Guard`, and `onError`.
 * @returns {Gate}
 */
function createGate(options) {
  const { taken, rest } = split(options, ['onError'])
  const { onError } = taken
  if (onError !== undefined && typeof onError !== 'function') {
    throw wrongOption('onError', 'a function', onError)
  }
  return { guard: new Guard(rest), onError }
}

/**
 * Who asks; undefined for a CORS preflight, which browsers send without credentials.
 *
 * @param {Gate} gate
 * @param {object} key - The framework's own request, which is what the application's functions get.
 * @param {import('../..').RequestLike} [request]
 * @param {string} [method]
 * @returns {Promise<AuthContext | undefined>}
 */
async function enter(gate, key, request = /** @type {any} */ (key), method = /** @type {any} */ (key).method) {
  remember(key, gate, undefined)
  if (isPreflight(request, method)) return undefined
  const auth = await gate.guard.authenticate(request, key)
  remember(key, gate, auth)
  return auth
}

/** @param {object} key */
const found = (key) => seen.get(key)?.auth

/**
 * @param {import('../..').RequestLike} request
 * @param {unknown} method
 */
const isPreflight = (request, method) =>
  method === 'OPTIONS' && header(request, 'access-control-request-method') !== undefined

/**
 * The `Set-Cookie` that a response to a new guest needs, null if this needs none.
 *
 * @param {Gate} gate
 * @param {AuthContext | undefined} auth
 * @param {() => [protocol: string | undefined, host: string | undefined]} address - Of the request: few need it.
 */
const introduction = (gate, auth, address) =>
  auth?.isGuest ? gate.guard.guestCookie(auth, isSecure(...address())) : null

/**
 * Throws unless what was found out about the request meets the requirements, and still stands where it was put.
 *
 * @param {InstanceType<typeof import('./guard').Requirements>} required
 * @param {object} key
 * @param {unknown} current
 */
function check(required, key, current) {
  const known = seen.get(key)
  if (known === undefined) warnOfOrder()
  required.check(known?.auth === current ? known?.auth : undefined, key)
}

/**
 * A refusal, and the application's function that answers it, if there is one. What is no refusal is a fault, the
 * application's or ours, and is thrown on.
 *
 * @param {unknown} thrown
 * @param {object} key
 * @returns {{ refusal: InstanceType<typeof AuthError>, onError: Function | undefined }}
 */
function refused(thrown, key) {
  if (!(thrown instanceof AuthError)) throw asError(thrown)
  const gate = seen.get(key)?.gate
  return { refusal: gate === undefined ? thrown : gate.guard.challenged(thrown), onError: gate?.onError }
}

let isWarned = false

/** The mistake would look like a client's: 401, whatever token it sends. */
function warnOfOrder() {
  if (isWarned) return
  isWarned = true
  process.emitWarning('protect() was asked about a request that logtoAuth() has not seen: it lets nobody in', {
    code: 'LOGTO_AUTHKIT_UNSEEN_REQUEST',
  })
}

module.exports = { check, createGate, enter, found, introduction, isPreflight, refused, remember }
