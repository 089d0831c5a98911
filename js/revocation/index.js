/** Revocations, which take effect on every instance: see index.d.ts for the contract. */

const native = require('../core/addon')
const { isContext } = require('../core/context')
const { contract } = require('../core/contract')
const { invalidOption, valueOrThrow } = require('../core/errors')
const { check, snapshot } = require('../core/options')
const { ownProperty } = require('../core/plain')
const { RevocationsHandle, usedRevocations } = require('../core/revocations')
const { createOneTimeWarning } = require('../core/warnings')
const { backchannelLogout } = require('./backchannel-logout')
const { catchUp } = require('./catch-up')
const { publishAppliedEntries } = require('./diagnostics')
const { MemoryStore, memoryStore } = require('./memory-store')
const { RevocationMirror } = require('./mirror')
const { redisStore } = require('./redis-store')
const { webhook } = require('./webhook')

/** @typedef {import('.').RevocationStore} RevocationStore */
/** @typedef {import('../native/binding').NativeRevocations} NativeRevocations */

/** @implements {PublicRevocations} @typedef {import('.').Revocations} PublicRevocations */
class Revocations extends RevocationsHandle {
  #core
  #mirror
  #store
  /** The running `catchUp` tasks, which `close` stops. @type {Set<{ stop: () => void }>} */
  #running = new Set()

  /**
   * @param {NativeRevocations} core
   * @param {RevocationStore} store
   */
  constructor(core, store) {
    super(core.id)
    this.#core = core
    publishAppliedEntries(core)
    this.#mirror = new RevocationMirror(core, store)
    this.#store = store
    if (store instanceof MemoryStore) revocationsByStore.set(store, [...(revocationsByStore.get(store) ?? []), this])
  }

  /** @type {PublicRevocations['revokeSubject']} */
  async revokeSubject(userId, options) {
    await this.#revoke('subject', userId, options)
  }

  /** @type {PublicRevocations['revokeToken']} */
  async revokeToken(token) {
    const claims = isContext(token) ? token.payload : token
    await this.#revoke('token', undefined, {
      jti: ownProperty(claims ?? {}, 'jti'),
      exp: ownProperty(claims ?? {}, 'exp'),
    })
  }

  /** @type {PublicRevocations['revokeSession']} */
  async revokeSession(sid) {
    await this.#revoke('session', sid)
  }

  /** @type {PublicRevocations['revokeGrant']} */
  async revokeGrant(grantId) {
    await this.#revoke('grant', grantId)
  }

  /** @type {PublicRevocations['revokeClient']} */
  async revokeClient(clientId, options) {
    await this.#revoke('client', clientId, options)
  }

  /** @type {PublicRevocations['revokeOrganization']} */
  async revokeOrganization(organizationId, options) {
    await this.#revoke('organization', organizationId, options)
  }

  /** @type {PublicRevocations['revokeAll']} */
  async revokeAll(options) {
    await this.#revoke('all', undefined, options)
  }

  /** @type {PublicRevocations['webhook']} */
  webhook(options) {
    return webhook(this.#publish, options)
  }

  /** @type {PublicRevocations['backchannelLogout']} */
  backchannelLogout(options) {
    return backchannelLogout(this.#publish, options)
  }

  /** @type {PublicRevocations['catchUp']} */
  catchUp(options) {
    const store = this.#store
    const activeCatchUp = catchUp(
      {
        // Entries of the delivery log may arrive before the first verification.
        publish: (entries) => this.#mirror.publish(entries),
        missing: (entries) => this.#core.missing(entries, Date.now()),
        lease: store.lease?.bind(store),
      },
      options,
    )
    this.#running.add(activeCatchUp)
    return {
      stop: () => {
        activeCatchUp.stop()
        this.#running.delete(activeCatchUp)
      },
    }
  }

  ready() {
    return this.#mirror.ready()
  }

  stats() {
    return this.#mirror.stats()
  }

  close() {
    for (const activeCatchUp of this.#running) activeCatchUp.stop()
    this.#running.clear()
    return this.#mirror.close()
  }

  /** @type {import('./webhook').Publish} */
  #publish = (entries, timeoutMs) => {
    // Other processes may verify tokens with any other store.
    const users = this.#store instanceof MemoryStore ? revocationsByStore.get(this.#store) : undefined
    if (users?.every((revocations) => !usedRevocations.has(revocations))) warnAboutUnusedRevocations()
    return this.#mirror.publish(entries, timeoutMs)
  }

  /** @type {(kind: string, id: unknown, options?: object) => Promise<void>} */
  async #revoke(kind, id, options) {
    await this.#publish([valueOrThrow(this.#core.entry(kind, id, snapshot(options), Date.now()))])
  }
}

/** The objects that share each in-memory store. @type {WeakMap<RevocationStore, Revocations[]>} */
const revocationsByStore = new WeakMap()

const warnAboutUnusedRevocations = createOneTimeWarning(
  'LOGTO_AUTHKIT_UNUSED_REVOCATIONS',
  'A revocation has no effect yet, because no verifier uses these revocations: pass the object that `createRevocations` returned as the `revocations` option to `logtoAuth`, `createVerifier` or `verifyAuth`. If other processes verify the tokens, share a store such as `redisStore`.',
)

/** @type {typeof import('.').createRevocations} */
function createRevocations(options) {
  // A `store` option that `options` inherits is not read here, so that `check` reports it.
  const ownDescriptors = Object.getOwnPropertyDescriptors(options ?? {})
  const given = ownDescriptors.store && options?.store
  // Unlike other options, the store is not copied, because its functions may use its other members.
  const store = given === undefined ? memoryStore() : given
  if (typeof store?.append !== 'function' || typeof store.read !== 'function') throw invalidStoreError(given)
  const descriptorsToCheck = { ...ownDescriptors, store: { value: {}, enumerable: true } }
  const checkedOptions = check(
    'revocations',
    given === undefined ? options : Object.create(Object.getPrototypeOf(options), descriptorsToCheck),
  )
  // An in-memory store is always reachable.
  const policy = store instanceof MemoryStore ? { ...checkedOptions, whenUnavailable: 'accept' } : checkedOptions
  return new Revocations(valueOrThrow(native.createRevocations(policy, store.identity)), store)
}

/** @param {unknown} store */
function invalidStoreError(store) {
  const row = contract().options.revocations.find(({ name }) => name === 'store')
  return invalidOption('store', String(row?.expected), store)
}

module.exports = { createRevocations, memoryStore, redisStore }
