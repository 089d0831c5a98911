/** Facts about a case of the comparison with `jose`, determined without either library. */

/**
 * @typedef {{ text: string, value: any, twice: boolean, depth: number }} Part
 * @typedef {{ code: string | null, parts: string[], header: Part, payload: Part, keys: any[], named: any[], size: number,
 *   tokenType: string | null }} Facts
 */

function factsOf({ token, jwks, options: { tokenType } }, code) {
  const parts = token.split('.')
  const [header, payload] = [part(parts[0]), part(parts[1] ?? '')]
  const keys = Array.isArray(jwks.keys) ? jwks.keys : []
  const kid = header.value?.kid
  const named = keys.filter((jwk) => jwk?.kty && (kid === undefined || jwk.kid === kid))
  return { code, parts, header, payload, keys, named, size: Buffer.byteLength(token), tokenType }
}

function part(encoded) {
  const text = Buffer.from(encoded, 'base64url').toString()
  return { text, value: parsed(text), ...shape(text) }
}

function parsed(text) {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''))
  } catch {
    return undefined
  }
}

/** Whether a JSON text contains duplicate names, and how deeply it is nested. */
function shape(text) {
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

/** Whether a string is base64url in its canonical form. */
const isCanonical = (text) => typeof text === 'string' && Buffer.from(text, 'base64url').toString('base64url') === text

module.exports = { factsOf, isCanonical }
