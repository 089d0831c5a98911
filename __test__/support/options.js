/** The table of option values in `fixtures/options.json`, which the Rust tests read as well. */

const table = require('../fixtures/options.json')

/** Values that JSON cannot express. */
const SPECIAL = {
  undefined: () => undefined,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  '-Infinity': () => Number.NEGATIVE_INFINITY,
  bigint: () => 5n,
  symbol: () => Symbol('5'),
  function: () => () => 'a',
  date: () => new Date(5),
  'invalid date': () => new Date(Number.NaN),
  String: () => Object('a'),
  Promise: () => Promise.resolve({ keys: [table.key] }),
  RegExp: () => /a/,
  Set: () => new Set(['a']),
  URL: () => new URL('https://auth.example.test'),
  key: () => table.key,
  'key set': () => ({ keys: [table.key] }),
}

function decode(value) {
  if (Array.isArray(value)) return value.map(decode)
  if (typeof value !== 'object' || value === null) return value
  if ('$' in value) return SPECIAL[value.$]()
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, decode(member)]))
}

/** An object with one option, whose name may have the form `option.member`. */
function withOption(name, value) {
  const [option, member] = name.split('.')
  return { [option]: member === undefined ? value : { [member]: value } }
}

/** @type {Record<string, any[][]>} */
const groups = table.groups

/** The values of an option set, with the message for each invalid one. */
function optionSet(name) {
  const set = /** @type {any} */ (table.sets[name])
  const names = Object.keys(set.options).filter((option) => !option.includes('.'))
  /** @type {(rows: any[][]) => { value: any, message: string }[]} */
  const withMessages = (rows) =>
    rows.map(([value, message]) => ({
      value: decode(value),
      message: message.replace('<all>', names.sort().join(', ')),
    }))
  return {
    names,
    options: Object.entries(set.options).map(([option, { expected, valid, invalid }]) => ({
      name: option,
      valid: /** @type {any[]} */ (valid.map(decode)),
      invalid: withMessages(
        invalid
          .flatMap((entry) => (typeof entry === 'string' ? groups[entry] : [entry]))
          .map((/** @type {any[]} */ [value, description, wanted = expected]) => [
            value,
            `Invalid option "${option}": expected ${wanted}, got ${description}`,
          ]),
      ),
    })),
    unknown: withMessages(set.unknown).map(({ value, message }) => ({ name: /** @type {string} */ (value), message })),
    combinations: withMessages(set.combinations),
    notObjects: withMessages(set.notObjects),
  }
}

module.exports = { optionSet, withOption }
