/** Builds an `AuthContext`, and keeps a private record of how it was verified or rejected. */

const native = require('./addon')
const { authError, rejectionFrom } = require('./errors')
const { globalSingleton } = require('./shared')

/** @typedef {import('../..').AuthContext} AuthContext */
/** @typedef {import('../native/binding').RejectedRequest} RejectedRequest */

/**
 * A private record of a verified context: the JSON from which the context was built, and the requirements that the
 * context is known to meet. Handlers can neither read nor change this record, even if they modify the context.
 *
 * @typedef {{ json: string, metRequirements: WeakSet<object> | undefined }} VerifiedRecord
 */

/**
 * The verification attempt that a context comes from. The attempt gives access to the token, so the attempt is kept in
 * a private field, which never appears in logs.
 *
 * @typedef {import('./attempt').VerificationAttempt | undefined} Origin
 */

/**
 * The constructor returns the object that it receives, so that a subclass can add private fields to an existing object.
 */
class ReturnOverride {
  /** @param {object} object */
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: this adds a private field to an existing object
    return object
  }
}

/**
 * Stores the record of a context in a private field, because a WeakMap's lookups and garbage collection take many times
 * as long. All copies of the package use the class of the copy that was loaded first, so that each copy recognizes
 * every context.
 */
const ContextWithRecord = globalSingleton('RecordedContext', () => {
  return class ContextWithRecord extends ReturnOverride {
    /** @type {VerifiedRecord | RejectedRequest} */
    #record

    /** @type {Origin} */
    #origin

    /** @param {AuthContext} auth @param {VerifiedRecord | RejectedRequest} record @param {Origin} origin */
    constructor(auth, record, origin) {
      super(auth)
      this.#record = record
      this.#origin = origin
    }

    /**
     * @param {any} auth
     * @returns {VerifiedRecord | RejectedRequest | undefined} - Undefined unless this package created the object.
     */
    static record(auth) {
      return typeof auth === 'object' && auth !== null && #record in auth ? auth.#record : undefined
    }

    /**
     * @param {any} auth - A context that this package created.
     * @returns {Origin}
     */
    static origin(auth) {
      return auth.#origin
    }
  }
})

/** @type {(json: string, origin: Origin) => AuthContext} */
const newContext = (json, origin) =>
  /** @type {any} */ (new ContextWithRecord(JSON.parse(json), { json, metRequirements: undefined }, origin))

/**
 * Maximum number of cached contexts. The cache consists of two generations, each with at most half of the contexts.
 * When the younger generation is full, the older generation is dropped.
 */
const MAX_CACHED_CONTEXTS = 1000

/** Maximum number of characters in the JSON of a cached context, which limits the memory usage of the cache. */
const MAX_JSON_LENGTH = 4 * 1024

/**
 * @typedef {{ record: VerifiedRecord, auth: any }} CachedContext - `auth` is null if a claim is an object, because
 * copies of the context would share that object.
 */

/** @type {Map<number, CachedContext>} */
let youngGeneration = new Map()
/** @type {Map<number, CachedContext>} */
let oldGeneration = new Map()

/**
 * Returns the context of a previously verified token, as a new object for every call. Copying a context is 20 times as
 * fast as parsing its JSON. The copy lists every property by name instead of spreading the original, because adding the
 * private field to `{ ...auth }` takes 2 µs.
 *
 * @param {number} id - The id that the last native call returned.
 * @param {Origin} origin
 * @returns {AuthContext}
 */
function cachedContext(id, origin) {
  const { record, auth } = youngGeneration.get(id) ?? cacheContext(id, oldGeneration.get(id) ?? loadContext(id))
  if (auth === null) return /** @type {any} */ (new ContextWithRecord(JSON.parse(record.json), record, origin))
  const { userId, payload, scopes, clientId, organizationId, subjectType } = auth
  return /** @type {any} */ (
    new ContextWithRecord(
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
      record,
      origin,
    )
  )
}

/** @type {(id: number) => CachedContext} */
function loadContext(id) {
  const json = native.context(id)
  if (json === null) return /** @type {never} */ (native.throwInternalError())
  const auth = JSON.parse(json)
  const hasFlatPayload = Object.values(auth.payload).every((claim) => typeof claim !== 'object')
  return { record: { json, metRequirements: undefined }, auth: hasFlatPayload ? auth : null }
}

/** @type {(id: number, entry: CachedContext) => CachedContext} */
function cacheContext(id, entry) {
  if (entry.record.json.length > MAX_JSON_LENGTH) return entry
  if (youngGeneration.size >= MAX_CACHED_CONTEXTS / 2) {
    oldGeneration = youngGeneration
    youngGeneration = new Map()
  }
  youngGeneration.set(id, entry)
  return entry
}

/**
 * Returns the guest context for a rejected request, or throws the rejection.
 *
 * @param {RejectedRequest} rejected - From the core.
 * @param {InstanceType<typeof import('./errors').AuthError> | undefined} error - The application's rejection, or the
 * error that was passed to `fallback`, if any.
 * @param {Origin} origin
 * @returns {import('../..').GuestContext}
 */
function guestOrThrow(rejected, error, origin) {
  if (rejected.guestId === null) throw error ?? authError(rejected)
  const record = error === undefined ? rejected : { ...rejected, ...rejectionFrom(error) }
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
    guestReason: /** @type {import('../..').AuthErrorCode} */ (record.code),
  }
  return /** @type {any} */ (new ContextWithRecord(guest, record, origin))
}

/**
 * Returns whether a value is a context that this package created. An object's shape proves nothing, because custom
 * claims may have the shape of a context.
 *
 * @param {unknown} value
 * @returns {value is AuthContext}
 */
const isContext = (value) => ContextWithRecord.record(value) !== undefined

/**
 * Returns the private record of a context that was built from a token. Returns undefined for the context of a guest,
 * and for any object that is not a context.
 *
 * @type {(auth: unknown) => VerifiedRecord | undefined}
 */
function verifiedRecordOf(auth) {
  const record = ContextWithRecord.record(auth)
  return record !== undefined && Object.hasOwn(record, 'json') ? /** @type {VerifiedRecord} */ (record) : undefined
}

/**
 * Returns the rejection that a guest would have received without `allowGuest`.
 *
 * @type {(auth: unknown) => RejectedRequest | undefined}
 */
function rejectionOf(auth) {
  const record = ContextWithRecord.record(auth)
  return record !== undefined && Object.hasOwn(record, 'code') ? /** @type {RejectedRequest} */ (record) : undefined
}

/**
 * Returns whether a guest's id was created for this request, in which case the browser does not have the guest cookie
 * yet.
 */
const isNewGuest = (/** @type {AuthContext} */ auth) => rejectionOf(auth)?.guestIsNew === true

/**
 * Attaches the record of a context to a copy of that context.
 *
 * @template {object} T
 * @param {T} copy
 * @param {AuthContext} auth
 * @returns {T}
 */
const attachRecord = (copy, auth) =>
  /** @type {any} */ (
    new ContextWithRecord(
      /** @type {any} */ (copy),
      /** @type {any} */ (ContextWithRecord.record(auth)),
      ContextWithRecord.origin(auth),
    )
  )

/**
 * Returns the verification attempt that a context comes from, or undefined for an external principal.
 *
 * @type {(auth: AuthContext) => Origin}
 */
const verificationAttemptOf = (auth) => ContextWithRecord.origin(auth)

/** @type {typeof import('../..').tokenOf} */
function tokenOf(auth) {
  if (!isContext(auth)) throw new TypeError('Expected a context that logto-authkit has created')
  return verifiedRecordOf(auth) === undefined ? null : (verificationAttemptOf(auth)?.token() ?? null)
}

module.exports = {
  cachedContext,
  guestOrThrow,
  isContext,
  isNewGuest,
  newContext,
  verificationAttemptOf,
  verifiedRecordOf,
  rejectionOf,
  attachRecord,
  tokenOf,
}
