/** `logto-authkit init`: adds authentication to the project in the current folder. */

const { isUtf8 } = require('node:buffer')
const { accessSync, constants, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { createInterface } = require('node:readline')
const native = require('../core/addon')
const { NO_VARIABLES } = require('../core/environment')
const { UsageError, readArguments } = require('./arguments')
const { DEV_ISSUER_ENV_VARIABLES } = require('./dev-defaults')
const { formatDiff } = require('./init-diff')
const { FRAMEWORKS, findVariable, readProject } = require('./init-project')
const { createPlan } = require('./init-plan')
const { findLocalIssuer } = require('./local-issuer')
const {
  closingNotes,
  describeProject,
  jsonSummary,
  manualNotes,
  nextSteps,
  publicRoutesNotes,
} = require('./init-report')
const { createPainter, toPrintable, widthOf, wrapText } = require('./terminal')

const HELP = `Usage: logto-authkit init [options]

Adds one protected route, and the environment variables LOGTO_URL and LOGTO_AUDIENCE, to the project in the current folder. Shows the changes first, and never overwrites a file or an entry.

  --logto-url URL        your Logto (default: ${DEV_ISSUER_ENV_VARIABLES.LOGTO_URL}, the issuer of \`logto-authkit dev\`)
  --audience ID          the identifier of your API resource in Logto (default: ${DEV_ISSUER_ENV_VARIABLES.LOGTO_AUDIENCE})
  --framework NAME       ${FRAMEWORKS.join(', ')} (default: the one in package.json)
  --yes, -y              do not ask
  --dry-run              show the changes, but write nothing
  --json                 print the result as JSON; writes only with --yes
  --help, -h             show this help

Exit codes: 0 done, or nothing to do; 1 nothing was written, because nobody agreed; 2 wrong usage.
`

const URL_QUESTION = 'URL of your Logto, or Enter for the local issuer of `npx logto-authkit dev`'

const FLAGS = /** @type {const} */ ({
  'logto-url': { type: 'string' },
  audience: { type: 'string' },
  framework: { type: 'string' },
  yes: { type: 'boolean', short: 'y' },
  'dry-run': { type: 'boolean' },
  json: { type: 'boolean' },
})

/**
 * @typedef {{ 'logto-url'?: string, audience?: string, framework?: string, yes?: boolean, 'dry-run'?: boolean, json?: boolean }} Flags
 */

/** @type {import('./run').Command['run']} */
async function run(args, surroundings) {
  const { stdin, stdout, env } = surroundings
  const { values: parsed, positionals } = readArguments(args, FLAGS)
  if (positionals.length > 0) throw new UsageError('init takes only options')
  const values = /** @type {Flags} */ (parsed)
  const folder = surroundings.cwd()
  const project = readProject(folder, values.framework, env)
  const isInteractive =
    stdin.isTTY === true && stdout.isTTY === true && !values.yes && !values['dry-run'] && !values.json
  const prompt = isInteractive ? new Prompt(stdin, stdout) : null
  try {
    const variables = await readVariables(project, values, prompt)
    const plan = createPlan(project, variables)
    const localIssuer = await findLocalIssuer(variables.LOGTO_URL)
    const isConfirmed = values.yes && !values['dry-run']
    if (values.json) {
      if (isConfirmed) writeChanges(folder, plan.changes)
      stdout.write(
        `${JSON.stringify(jsonSummary(project, plan, variables, localIssuer, Boolean(isConfirmed)), null, 2)}\n`,
      )
      return 0
    }

    const paint = createPainter(stdout, env)
    const width = widthOf(stdout)
    const writeParagraph = (/** @type {string} */ text) => stdout.write(`${wrapText(text, '', width)}\n\n`)
    const writeWarning = (/** @type {string} */ text) =>
      stdout.write(`${wrapText(`! ${text}`, '', width).replace('!', paint.warn('!'))}\n\n`)
    stdout.write(
      `${describeProject(project)}\n\n${plan.changes.map((change) => `${formatDiff(change, paint)}\n`).join('')}`,
    )
    for (const { path, reason, lines } of plan.manual) {
      writeWarning(`Add to ${toPrintable(path)} yourself, because ${reason}:`)
      stdout.write(`${indentLines(lines)}\n`)
    }
    for (const note of publicRoutesNotes(project, plan)) writeParagraph(note)
    if (plan.changes.length === 0)
      stdout.write(`Nothing to ${plan.manual.length > 0 ? 'write' : 'change: everything is there already'}.\n\n`)
    else if (values['dry-run'])
      writeParagraph('Nothing was written (--dry-run). Without it, init also prints the next steps.')
    else if (isConfirmed || (await prompt?.confirm('Write these changes?'))) {
      writeChanges(folder, plan.changes)
      stdout.write(`${paint.good('✓')} Written.\n\n`)
    } else {
      stdout.write(prompt ? 'Nothing was written.\n' : 'Nothing was written. To write these changes, add --yes.\n')
      return 1
    }
    if (values['dry-run']) return 0
    for (const note of manualNotes(plan)) writeWarning(note)
    for (const { text, commands } of nextSteps(project, plan, variables, localIssuer)) {
      writeParagraph(text)
      if (commands.length > 0) stdout.write(`${indentLines(commands.map(toPrintable).join('\n'))}\n`)
    }
    const notes = closingNotes(project, variables, localIssuer)
    stdout.write(`${notes.map((note) => wrapText(toPrintable(note), '', width)).join('\n\n')}\n`)
    return 0
  } finally {
    prompt?.close()
  }
}

/**
 * Returns the environment variables, with values from the existing files, flags, the user's answers or the defaults.
 *
 * @param {import('./init-project').Project} project
 * @param {Flags} flags
 * @param {Prompt | null} prompt
 */
async function readVariables(project, flags, prompt) {
  const value = async (
    /** @type {keyof typeof DEV_ISSUER_ENV_VARIABLES} */ name,
    /** @type {string | undefined} */ flag,
    /** @type {string} */ question,
  ) => {
    const existing = findVariable(project, name)
    if (existing?.value && flag !== undefined && flag !== existing.value)
      throw new UsageError(`${name} is already set in ${existing.file}: change it there`)
    const given = existing?.value || flag
    if (given !== undefined) {
      // An environment file may list several audiences.
      const values = existing?.value && name === 'LOGTO_AUDIENCE' ? given.trim().split(/\s+/) : [given]
      const problem = values.map((one) => variableProblem(name, one)).find((text) => text !== null)
      if (problem === undefined) return given
      const source = existing?.value ? `${name} in ${existing.file}` : FLAGS_BY_VARIABLE[name]
      throw new UsageError(`Invalid ${source}: ${problem}`)
    }
    if (prompt === null) return DEV_ISSUER_ENV_VARIABLES[name]
    for (let suggestion = DEV_ISSUER_ENV_VARIABLES[name]; ; ) {
      const answer = await prompt.ask(question, suggestion)
      const problem = variableProblem(name, answer)
      if (problem === null) return answer
      prompt.say(problem)
      // The core appends the complete URL if only the scheme is missing.
      suggestion = /: write (https?:\/\/\S+)$/.exec(problem)?.[1] ?? suggestion
    }
  }
  const LOGTO_URL = await value('LOGTO_URL', flags['logto-url'], URL_QUESTION)
  const LOGTO_AUDIENCE = await value('LOGTO_AUDIENCE', flags.audience, 'Identifier of your API resource in Logto')
  return { LOGTO_URL, LOGTO_AUDIENCE }
}

/** @type {Record<keyof typeof DEV_ISSUER_ENV_VARIABLES, string>} */
const FLAGS_BY_VARIABLE = { LOGTO_URL: '--logto-url', LOGTO_AUDIENCE: '--audience' }

/**
 * Says why a value is invalid, or returns null if it is valid.
 *
 * @param {keyof typeof DEV_ISSUER_ENV_VARIABLES} name
 * @param {string} value
 */
function variableProblem(name, value) {
  // The value is not repeated, because a URL may contain a password.
  if (/[\s#'"`\\$]/.test(value)) return 'not a URL or an identifier: remove white space, quotes, #, $ and backslashes'
  const options = { logtoUrl: DEV_ISSUER_ENV_VARIABLES.LOGTO_URL, audience: null }
  const result = native.checkOptions(
    'verifier',
    name === 'LOGTO_URL' ? { ...options, logtoUrl: value } : { ...options, audience: value },
    NO_VARIABLES,
  )
  return result === null ? null : result.message.replace(/^Invalid option "\w+": /, '')
}

/** Asks questions on a terminal. */
class Prompt {
  #interface
  #lines
  #stdout

  /** @param {any} stdin @param {{ write(text: string): unknown }} stdout */
  constructor(stdin, stdout) {
    this.#interface = createInterface({ input: stdin })
    this.#lines = this.#interface[Symbol.asyncIterator]()
    this.#stdout = stdout
  }

  /**
   * Returns the user's answer, or the suggestion if the answer is empty.
   *
   * @param {string} question
   * @param {string} suggestion
   */
  async ask(question, suggestion) {
    this.#stdout.write(`${question} (${suggestion}): `)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('no answer: nothing was written')
    return value.trim() || suggestion
  }

  /** @param {string} text */
  say(text) {
    this.#stdout.write(`${toPrintable(text)}\n`)
  }

  /** @param {string} question */
  async confirm(question) {
    return /^y(es)?$/i.test(await this.ask(question, 'yes'))
  }

  close() {
    this.#interface.close()
  }
}

/**
 * @param {string} folder
 * @param {import('./init-plan').Change[]} changes
 */
function writeChanges(folder, changes) {
  for (const { path, before } of changes) {
    const file = join(folder, path)
    if (existsSync(file) && !statSync(file).isFile()) throw new Error(`${path} is not a file: nothing was written`)
    const current = existsSync(file) ? readFileSync(file) : null
    if ((current?.toString() ?? null) !== before)
      throw new Error(`${path} has changed in the meantime: nothing was written`)
    if (current === null) {
      let parent = dirname(file)
      while (!existsSync(parent)) parent = dirname(parent)
      if (!statSync(parent).isDirectory()) throw new Error(`${parent} is not a folder: nothing was written`)
      continue
    }
    if (!isUtf8(current)) throw new Error(`${path} is not valid UTF-8, so it cannot be edited: nothing was written`)
    accessSync(file, constants.W_OK)
  }
  for (const { path, before, after } of changes) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, after, { flag: before === null ? 'wx' : 'w' })
  }
}

/** @param {string} text */
const indentLines = (text) => text.replace(/^(?=.)/gm, '  ').replace(/\n*$/, '\n')

module.exports = { HELP, run }
