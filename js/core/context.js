/** Builds an `AuthContext`, and keeps a private record of how it was verified. */

const native = require('./addon')
const { authError } = require('./errors')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../native/binding').RejectedRequest} RejectedRequest */

/**
 * The verified JSON that a context was built from, and the requirements that it is known to meet. Handlers cannot read or
 * change the proof, even if they modify the context.
 *
 * @typedef {{ json: string, metRequirements: WeakSet<object> | undefined }} Proof
 */

/** Its constructor returns the object that it receives, so that a subclass can add private fields to that object. */
class ReturnOverride {
  /** @param {object} object */
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: this adds a private field to an existing object
    return object
  }
}

/** Stores the proof in a private field, because lookups in a WeakMap and its garbage collection take many times as long. */
class ContextWithProof extends ReturnOverride {
  /** @type {Proof} */
  #proof

  constructor(/** @type {AuthContext} */ auth, /** @type {Proof} */ proof) {
    super(auth)
    this.#proof = proof
  }

  /**
   * @param {AuthContext} auth
   * @returns {Proof | undefined}
   */
  static proof(auth) {
    return #proof in auth ? auth.#proof : undefined
  }
}

/** @type {WeakSet<AuthContext>} */
const newGuests = new WeakSet()

/** @type {(json: string) => AuthContext} */
const newContext = (json) =>
  /** @type {any} */ (new ContextWithProof(JSON.parse(json), { json, metRequirements: undefined }))

/** Maximum number of cached contexts, in two generations. When the younger one is full, the older one is dropped. */
const MAX_CACHED_CONTEXTS = 1000

/** Maximum number of characters in the JSON of a cached context, which bounds the memory used by the cache. */
const MAX_JSON_LENGTH = 4 * 1024

/** @typedef {{ proof: Proof, auth: any }} CachedContext - `auth` is null if a claim is an object, since copies would share it. */

/** @type {Map<number, CachedContext>} */
let youngGeneration = new Map()
/** @type {Map<number, CachedContext>} */
let oldGeneration = new Map()

/**
 * Returns the context of a previously verified token, as a new object for every call. Copying is 20 times as fast as
 * parsing. The copy is an object literal, because adding the private field to `{ ...auth }` takes 2 µs.
 *
 * @param {number} id - The id that the preceding native call returned.
 * @returns {AuthContext}
 */
function cachedContext(id) {
  const { proof, auth } = youngGeneration.get(id) ?? cacheContext(id, oldGeneration.get(id) ?? loadContext(id))
  if (auth === null) return /** @type {any} */ (new ContextWithProof(JSON.parse(proof.json), proof))
  const { userId, payload, scopes, clientId, organizationId, subjectType } = auth
  return /** @type {any} */ (
    new ContextWithProof(
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
      proof,
    )
  )
}

/** @type {(id: number) => CachedContext} */
function loadContext(id) {
  const json = native.context(id)
  if (json === null) throw new Error('logto-authkit: internal error, please report it')
  const auth = JSON.parse(json)
  const isFlat = Object.values(auth.payload).every((claim) => typeof claim !== 'object')
  return { proof: { json, metRequirements: undefined }, auth: isFlat ? auth : null }
}

/** @type {(id: number, entry: CachedContext) => CachedContext} */
function cacheContext(id, entry) {
  if (entry.proof.json.length > MAX_JSON_LENGTH) return entry
  if (youngGeneration.size >= MAX_CACHED_CONTEXTS / 2) {
    oldGeneration = youngGeneration
    youngGeneration = new Map()
  }
  youngGeneration.set(id, entry)
  return entry
}

/** @type {(rejected: RejectedRequest) => import('../..').GuestContext} */
function guestOrThrow(rejected) {
  if (rejected.guestId === null) throw authError(rejected)
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
    guestId: rejected.guestId,
    guestReason: /** @type {import('../..').AuthErrorCode} */ (rejected.code),
  }
  if (rejected.guestIsNew) newGuests.add(guest)
  return guest
}

/** Returns the proof of a context that this module built from a token; undefined for guests and for all other objects. */
const proofOf = ContextWithProof.proof

/** Returns whether the guest's id was created for this request, so that the browser does not have its cookie yet. */
const isNewGuest = (/** @type {AuthContext} */ auth) => newGuests.has(auth)

module.exports = { cachedContext, guestOrThrow, isNewGuest, newContext, proofOf }
