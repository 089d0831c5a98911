/** Finds the ends of statements and expressions in source code, without parsing it. */

/**
 * Matches comments, strings, template literals and regular expressions. The limits on the length of a regular
 * expression make the time linear.
 */
const LITERAL_PATTERN =
  /\/\/[^\n]*|\/\*.*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|(?=\/)(?<=(?:^|[(,=:[!&|?{};+*%<>~^-]|\breturn)\s*)\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.){0,200}\]){1,1000}\/[a-z]*/gs

/**
 * Replaces comments with spaces, and all other literals with digits. The result is as long as the text, and contains
 * brackets, line breaks and names only where they are code.
 *
 * @param {string} text
 */
const maskLiterals = (text) =>
  text.replace(LITERAL_PATTERN, (literal) => (/^\/[/*]/.test(literal) ? ' ' : '0').repeat(literal.length))

/**
 * Replaces comments with spaces, and keeps all other literals.
 *
 * @param {string} text
 */
const maskComments = (text) =>
  text.replace(LITERAL_PATTERN, (literal) => (/^\/[/*]/.test(literal) ? ' '.repeat(literal.length) : literal))

/** How a character changes the number of open brackets. @param {string} char */
const depthChange = (char) => ('([{'.includes(char) ? 1 : ')]}'.includes(char) ? -1 : 0)

/** Returns the index of the first character at or after an index that is not white space. @type {(code: string, index: number) => number} */
const skipWhitespace = (code, index) => index + code.slice(index).search(/\S|$/)

const CODE_PATTERN = /[()[\]{};\n'"`]/g
/** Characters that continue a statement if a line starts or ends with them. */
const CONTINUATION_PATTERN = /[.,?:=&|+\-*/%<>^]/

/**
 * Returns the end of the line on which a statement ends, or null if it is uncertain, for example because another
 * statement follows on that line.
 *
 * @param {string} code - The result of `maskLiterals`.
 * @param {number} start
 */
function findStatementEnd(code, start) {
  let depth = 0
  CODE_PATTERN.lastIndex = start
  for (let match = CODE_PATTERN.exec(code); match !== null; match = CODE_PATTERN.exec(code)) {
    const { 0: char, index } = match
    if (`'"\``.includes(char)) return null
    depth += depthChange(char)
    if (depth < 0) return null
    if (depth > 0) continue
    if (char === ';') return endOfBlankLine(code, index + 1)
    if (char !== '\n') continue
    const next = skipWhitespace(code, index)
    if (!isContinued(code, start, index, next)) return index
    CODE_PATTERN.lastIndex = next
  }
  return depth === 0 ? code.length : null
}

/**
 * Whether a statement continues below a line break.
 *
 * @param {string} code
 * @param {number} start
 * @param {number} lineBreak - The index of the line break.
 * @param {number} next - The index of the first character of the next line.
 */
function isContinued(code, start, lineBreak, next) {
  const statement = code.slice(start, lineBreak).trimEnd()
  return (
    CONTINUATION_PATTERN.test(statement.slice(-1)) ||
    /^(?:[.,?:=&|+\-*/%<>^([]|else\b)/.test(code.slice(next, next + 5)) ||
    lacksBody(statement)
  )
}

/**
 * Whether a statement ends with `else`, or with `if`, `for` or `while` and a condition, so that its body follows.
 *
 * @param {string} statement
 */
function lacksBody(statement) {
  if (/(?:^|\W)else$/.test(statement.slice(-5))) return true
  if (!statement.endsWith(')') || /^do\b/.test(statement)) return false
  let depth = 0
  let index = statement.length
  do {
    index -= 1
    depth -= depthChange(statement[index])
  } while (depth > 0 && index > 0)
  return /\b(?:if|for|while|await)\s*$/.test(statement.slice(Math.max(0, index - 10), index))
}

/**
 * Returns the index of the bracket that closes the one before `start`, or -1.
 *
 * @param {string} code
 * @param {number} start
 */
function findClosingBracket(code, start) {
  let depth = 0
  for (let index = start; index < code.length; index += 1) {
    depth += depthChange(code[index])
    if (depth < 0) return index
  }
  return -1
}

/**
 * Returns the start and the end of the body of an `if` statement, or null for another statement. With `else`, the body is
 * not a list of statements.
 *
 * @param {string} code
 * @param {number} start - The index of the statement.
 * @param {number} end
 */
function findConditionalBody(code, start, end) {
  const [header] = /^if\s*\(/.exec(code.slice(start, end)) ?? []
  if (header === undefined) return null
  const conditionEnd = findClosingBracket(code.slice(0, end), start + header.length)
  const body = code.slice(conditionEnd + 1, end)
  const block = /^(\s*\{)[\s\S]*\}\s*$/.exec(body)
  return block === null
    ? { start: conditionEnd + 1, end }
    : { start: conditionEnd + 1 + block[1].length, end: conditionEnd + 1 + body.lastIndexOf('}') }
}

/** @type {(code: string, start: number) => number | null} */
function endOfBlankLine(code, start) {
  const lineEnd = code.indexOf('\n', start)
  const end = lineEnd === -1 ? code.length : lineEnd
  return code.slice(start, end).trim() === '' ? end : null
}

/**
 * Returns the end of an expression, such as the value of a variable, a member or an argument. Ends a very long
 * expression early, so that looking at many expressions takes little time.
 *
 * @param {string} code - The result of `maskLiterals`.
 * @param {number} start - The index of the first character of the expression.
 */
function findExpressionEnd(code, start) {
  const limit = Math.min(code.length, start + MAX_EXPRESSION_LENGTH)
  let depth = 0
  for (let index = start; index < limit; index += 1) {
    const char = code[index]
    depth += depthChange(char)
    if (depth < 0) return index
    if (depth > 0) continue
    if (',;'.includes(char)) return index
    if (char !== '\n') continue
    const next = index + code.slice(index, limit).search(/\S|$/)
    if (!isContinued(code, start, index, next)) return index
    index = next - 1
  }
  return limit
}

const MAX_EXPRESSION_LENGTH = 2000

/**
 * Returns the arguments of a call, or null unless the call ends the statement.
 *
 * @param {string} code - The statement, up to its end.
 * @param {number} open - The index after the call's opening parenthesis.
 */
function argumentsOf(code, open) {
  const args = ['']
  let depth = 0
  for (let index = open; index < code.length; index += 1) {
    const char = code[index]
    depth += depthChange(char)
    if (depth < 0) {
      const isLast = ['', ';'].includes(code.slice(index + 1).trim())
      return isLast ? args.map((arg) => arg.trim()).filter((arg) => arg !== '') : null
    }
    if (char === ',' && depth === 0) args.push('')
    else args[args.length - 1] += char
  }
  return null
}

module.exports = {
  argumentsOf,
  findConditionalBody,
  findExpressionEnd,
  findStatementEnd,
  maskComments,
  maskLiterals,
  skipWhitespace,
}
