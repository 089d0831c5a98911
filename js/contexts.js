/** Contexts: who is asking, and what only this package knows about that. */

const { authError } = require('./errors')

/** @typedef {import('..').AuthContext} AuthContext */
/** @typedef {import('./native/binding').Refused} Refused */

/** Hands back the object it is given, for a class that extends it to put private members on. */
class Given {
  /** @param {object} object */
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: a derived class can so mark an object that it did not make
    return object
  }
}

/**
 * The text that a context was made of, on the context itself where nobody else sees it: what a handler does to the object
 * changes nothing about what it proves. (A WeakMap of contexts takes a quarter of the time of a whole verification.)
 */
class Origin extends Given {
  /** @type {string} */
  #json

  /**
   * @param {AuthContext} auth
   * @param {string} json
   */
  constructor(auth, json) {
    super(auth)
    this.#json = json
  }

  /**
   * @param {AuthContext} auth
   * @returns {string | undefined}
   */
  static of(auth) {
    return #json in auth ? auth.#json : undefined
  }
}

/** @type {WeakSet<AuthContext>} */
const newGuests = new WeakSet()

/**
 * @param {string} json
 * @returns {AuthContext}
 */
function context(json) {
  return /** @type {any} */ (new Origin(JSON.parse(json), json))
}

/**
 * @param {Refused} refused
 * @returns {import('..').GuestContext}
 */
function guestOrThrow(refused) {
  if (refused.guestId === null) throw authError(refused)
  /** @type {import('..').GuestContext} */
  const guest = {
    userId: null,
    isAuthenticated: false,
    payload: null,
    isGuest: true,
    scopes: [],
    clientId: null,
    organizationId: null,
    subjectType: 'guest',
    guestId: refused.guestId,
    guestReason: /** @type {import('..').AuthErrorCode} */ (refused.code),
  }
  if (refused.guestIsNew) newGuests.add(guest)
  return guest
}

/**
 * What a context that was made here says, as JSON; undefined for a guest, and for what something else made.
 *
 * @param {AuthContext} auth
 */
const origin = (auth) => Origin.of(auth)

/**
 * Whether this guest's id was made for this request, so that the browser does not know it yet.
 *
 * @param {AuthContext} auth
 */
const isNewGuest = (auth) => newGuests.has(auth)

module.exports = { context, guestOrThrow, isNewGuest, origin }
