/** What is so about a case of the comparison with `jose`, found out without either library. */

/**
 * @typedef {import('./cases').Case} Case
 * @typedef {{ text: string, value: any, twice: boolean, depth: number }} Part
 * @typedef {{ code: string | null, parts: string[], header: Part, payload: Part, keys: any[], named: any[], size: number,
 *   tokenType: string | null }} Facts
 */

/**
 * @param {Case} made
 * @param {string | null} code - what we refused it with, if we did
 * @returns {Facts}
 */
function factsOf({ token, jwks, options: { tokenType } }, code) {
  const parts = token.split('.')
  const [header, payload] = [part(parts[0]), part(parts[1] ?? '')]
  /** @type {any[]} */
  const keys = Array.isArray(jwks.keys) ? jwks.keys : []
  const kid = header.value?.kid
  const named = keys.filter((jwk) => jwk?.kty && (kid === undefined || jwk.kid === kid))
  return { code, parts, header, payload, keys, named, size: Buffer.byteLength(token), tokenType }
}

/** @type {(encoded: string) => Part} */
function part(encoded) {
  const text = Buffer.from(encoded, 'base64url').toString()
  return { text, value: parsed(text), ...shape(text) }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''))
  } catch {
    return undefined
  }
}

/**
 * Whether an object in a JSON text has two members of one name, and how deep it is nested.
 *
 * @param {string} text
 */
function shape(text) {
  /** @type {Set<string>[]} */
  const open = []
  let [twice, depth] = [false, 0]
  for (const [token, string, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth = Math.max(depth, open.push(new Set()))
    else if (token === '}' || token === ']') open.pop()
    else if (colon) {
      const name = parsed(string)
      const names = open.at(-1)
      twice ||= names?.has(name) ?? false
      names?.add(name)
    }
  }
  return { twice, depth }
}

/** Whether that is base64url in its one spelling. @param {unknown} text */
const isCanonical = (text) => typeof text === 'string' && Buffer.from(text, 'base64url').toString('base64url') === text

module.exports = { factsOf, isCanonical }
