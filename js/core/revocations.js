/** The objects that `createRevocations` returns and that the `revocations` option accepts. */

const { globalSingleton } = require('./shared')

/**
 * The class of the objects that `createRevocations` returns, which all copies of the package share. The id by which the
 * core finds the revocations is in a private field, so that no other object can contain the id.
 */
const RevocationsHandle = globalSingleton('RevocationsHandle', () => {
  return class RevocationsHandle {
    /** @type {string} */
    #id

    constructor(/** @type {string} */ id) {
      this.#id = id
    }

    /**
     * @param {any} value
     * @returns {string | undefined} - Undefined unless the object comes from `createRevocations`.
     */
    static id(value) {
      return typeof value === 'object' && value !== null && #id in value ? value.#id : undefined
    }
  }
})

/** The revocations that verifiers use. */
const usedRevocations = globalSingleton('usedRevocations', () => new WeakSet())

/** @param {unknown} value */
const isRevocationsHandle = (value) => RevocationsHandle.id(value) !== undefined

/**
 * Replaces the `revocations` option with the id by which the core finds the revocations. All other values, including
 * strings, are left for the core to reject.
 *
 * @template {Record<string, any> | undefined} T
 * @param {T} options
 * @returns {T}
 */
function withRevocationsId(options) {
  if (typeof options !== 'object' || options === null || !Object.hasOwn(options, 'revocations')) return options
  const id = RevocationsHandle.id(options.revocations)
  return id === undefined ? options : { ...options, revocations: id }
}

module.exports = { RevocationsHandle, isRevocationsHandle, usedRevocations, withRevocationsId }
