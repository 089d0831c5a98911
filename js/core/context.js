/** Contexts: who is asking, and what only this package knows about that. */

const native = require('./addon')
const { authError } = require('./errors')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../native/binding').Refused} Refused */

/**
 * The text that a context was made of, and what it is known to meet. It is the context's own where nobody else sees it: what a
 * handler does to the object changes nothing about what it proves.
 *
 * @typedef {{ json: string, meets: WeakSet<object> | undefined }} Source
 */

/** Hands back the object it is given, for a class that extends it to put private members on. */
class Given {
  /** @param {object} object */
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: a derived class so marks an object of another one
    return object
  }
}

/**
 * What a context was made of, where nobody else sees, copies or forges it. A WeakMap does the same at many times the cost, in
 * the look-up and in the garbage collector.
 */
class Origin extends Given {
  /** @type {Source} */
  #source

  /**
   * @param {AuthContext} auth
   * @param {Source} source
   */
  constructor(auth, source) {
    super(auth)
    this.#source = source
  }

  /**
   * @param {AuthContext} auth
   * @returns {Source | undefined}
   */
  static of(auth) {
    return #source in auth ? auth.#source : undefined
  }
}

/** @type {WeakSet<AuthContext>} */
const newGuests = new WeakSet()

/**
 * @param {string} json
 * @returns {AuthContext}
 */
function context(json) {
  return /** @type {any} */ (new Origin(JSON.parse(json), { json, meets: undefined }))
}

/** Most contexts of tokens seen before that are kept as objects, in two halves: the older one goes when the younger is full. */
const MOST_KEPT = 1000

/** Longest context that is kept, in characters: an unusually large one does not take the room of several. */
const LONGEST_KEPT = 4 * 1024

/** @typedef {{ source: Source, auth: any }} Kept - The object only where its claims are flat, so that a copy shares nothing. */

/** @type {Map<number, Kept>} */
let younger = new Map()
/** @type {Map<number, Kept>} */
let older = new Map()

/**
 * The context of a token seen before, a fresh object per call. To copy an object takes a twentieth of the time of parsing it.
 *
 * @param {number} id - What the core has just told.
 * @returns {AuthContext}
 */
function seenContext(id) {
  const { source, auth } = younger.get(id) ?? keep(id, older.get(id) ?? read(id))
  if (auth === null) return /** @type {any} */ (new Origin(JSON.parse(source.json), source))
  const { userId, payload, scopes, clientId, organizationId, subjectType } = auth
  return /** @type {any} */ (
    new Origin(
      {
        userId,
        isAuthenticated: true,
        payload: { ...payload },
        isGuest: false,
        scopes: scopes.slice(),
        clientId,
        organizationId,
        subjectType,
      },
      source,
    )
  )
}

/**
 * @param {number} id
 * @returns {Kept}
 */
function read(id) {
  const json = native.context(id)
  if (json === null) throw new Error('logto-authkit: internal error, please report it')
  const auth = JSON.parse(json)
  const isFlat = Object.values(auth.payload).every((claim) => typeof claim !== 'object')
  return { source: { json, meets: undefined }, auth: isFlat ? auth : null }
}

/**
 * @param {number} id
 * @param {Kept} kept
 */
function keep(id, kept) {
  if (kept.source.json.length > LONGEST_KEPT) return kept
  if (younger.size >= MOST_KEPT / 2) {
    older = younger
    younger = new Map()
  }
  younger.set(id, kept)
  return kept
}

/**
 * @param {Refused} refused
 * @returns {import('../..').GuestContext}
 */
function guestOrThrow(refused) {
  if (refused.guestId === null) throw authError(refused)
  /** @type {import('../..').GuestContext} */
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
    guestReason: /** @type {import('../..').AuthErrorCode} */ (refused.code),
  }
  if (refused.guestIsNew) newGuests.add(guest)
  return guest
}

/**
 * What a context that was made here was made of; undefined for a guest, and for what something else made.
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

module.exports = { context, guestOrThrow, isNewGuest, origin, seenContext }
