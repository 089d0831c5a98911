/** Tools for tests: see index.d.ts for the contract. */

const { startIssuer } = require('./issuer')

/** @type {typeof import('./index').createTestIssuer} */
const createTestIssuer = async (options) => startIssuer(options)

/**
 * Loads the conformance tests on first use, because the test issuer does not need them.
 *
 * @type {typeof import('.').testRevocationStore}
 */
const testRevocationStore = (createStore, options) =>
  require('../revocation/conformance').testRevocationStore(createStore, options)

module.exports = { createTestIssuer, testRevocationStore }
