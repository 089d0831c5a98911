/** The table of option values in `fixtures/options.json`, which the Rust tests read as well. */

const { contract } = require('../../js/core/contract')
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
  nothing: () => () => undefined,
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

/** @type {{ groups: Record<string, any[][]>, sets: Record<string, any> }} */
const { groups, sets } = table

/** A set, followed by the sets that its `like` member names. */
const family = (name) => [sets[name], ...(sets[name].like ?? []).flatMap(family)]

/** The rows of a set, of the sets that `like` names, and of the sets that `rowsOf` names. */
function rowsOf(name) {
  const related = family(name)
  const taken = related.flatMap(({ rowsOf: names = [] }) => names.map(rowsOf))
  const without = related.flatMap(({ without: names = [] }) => names)
  const rows = Object.entries(Object.assign({}, ...taken, ...related.map(({ options }) => options).reverse()))
  return Object.fromEntries(rows.filter(([option]) => !without.includes(option.split('.')[0])))
}

/** The row of an option. In the table, a string instead of a row names the set that contains the row. */
const rowOf = (option, row) => (typeof row === 'string' ? sets[row].options[option] : row)

/** The values of an option set, with the message for each invalid one. */
function optionSet(name) {
  const related = family(name)
  const rows = rowsOf(name)
  const names = Object.keys(rows).filter((option) => !option.includes('.'))
  /** @type {(member: string) => { value: any, message: string }[]} */
  const withMessages = (member) =>
    related
      .flatMap((set) => set[member] ?? [])
      .map(([value, message]) => ({ value: decode(value), message: message.replace('<all>', names.sort().join(', ')) }))
  return {
    names,
    required: related.find(({ required }) => required)?.required ?? {},
    options: Object.entries(rows).map(([option, row]) => {
      const { expected, valid, invalid } = rowOf(option, row)
      const explained = expected.replace('<algorithms>', contract().algorithms.all.join(', '))
      return {
        name: option,
        valid: /** @type {any[]} */ (valid.map(decode)),
        invalid: invalid
          .flatMap((entry) => (typeof entry === 'string' ? groups[entry] : [entry]))
          .map(([value, description, wanted = explained]) => ({
            value: decode(value),
            message: `Invalid option "${option}": expected ${wanted}, got ${description}`,
          })),
      }
    }),
    unknown: withMessages('unknown').map(({ value, message }) => ({ name: String(value), message })),
    combinations: withMessages('combinations'),
    notObjects: withMessages('notObjects'),
  }
}

module.exports = { optionSet, optionSets: Object.keys(sets), withOption }
