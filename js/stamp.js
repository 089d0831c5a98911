/**
 * Members on objects that are not ours, where nobody else sees, copies or forges them: private ones. A WeakMap does the same
 * at many times the cost, in the look-up and in the garbage collector.
 */

/** Hands back the object it is given, for a class that extends it to put private members on. */
class Given {
  /** @param {object} object */
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: a derived class can so mark an object that it did not make
    return object
  }
}

module.exports = { Given }
