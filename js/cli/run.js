/** The command line: selects the command, prints help and reports errors. */

const { UsageError } = require('./arguments')
const { toPrintable, widthOf, wrapHelp } = require('./terminal')
const { version } = require('../../package.json')

/**
 * The parts of `process` that a command uses.
 *
 * @typedef {{
 *   stdin: AsyncIterable<Uint8Array | string> & { isTTY?: boolean },
 *   stdout: { write(text: string): unknown, isTTY?: boolean, columns?: number },
 *   stderr: { write(text: string): unknown, columns?: number },
 *   env: Record<string, string | undefined>,
 *   cwd(): string,
 *   once?(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown,
 * }} Surroundings
 */

/**
 * @typedef {{ HELP: string, run(args: string[], surroundings: Surroundings): Promise<number> }} Command
 * @type {Record<string, () => Command>}
 */
const COMMANDS = {
  init: () => require('./init'),
  doctor: () => require('./doctor'),
  explain: () => require('./explain'),
  dev: () => require('./dev'),
}

const HELP = `Usage: logto-authkit <command> [options]

Commands:
  init      add authentication to the project in this folder
  doctor    check that this machine can verify tokens from a Logto server
  explain   show the contents of a token and why it is accepted or rejected
  dev       start a local issuer, to create tokens and sign users in without a Logto

  --help, -h       show this help, or the help of a command
  --version, -v    show the version

Output is colored on a terminal; NO_COLOR and FORCE_COLOR are respected.
Exit codes: 0 success, 1 problems found, 2 wrong usage, 3 (explain) no problem found, but the signature was not checked.
`

/**
 * Runs a command.
 *
 * @param {string[]} argv - The arguments, without the interpreter and the script.
 * @param {Surroundings} surroundings
 * @returns {Promise<number>} the exit code
 */
async function run([name, ...args], surroundings) {
  const { stdout, stderr } = surroundings
  if (name === '--version' || name === '-v') return print(stdout, `${version}\n`)
  if (name === '--help' || name === '-h') return printHelp(stdout, HELP)
  if (name === undefined) return printHelp(stderr, HELP, USAGE_ERROR_EXIT_CODE)
  if (!Object.hasOwn(COMMANDS, name)) {
    // A long argument may be a token, which must not be printed.
    const problem =
      name.length > 20
        ? 'Unknown command. To explain a token, run `logto-authkit explain -`'
        : `Unknown command: ${toPrintable(name)}`
    print(stderr, `${problem}\n\n`)
    return printHelp(stderr, HELP, USAGE_ERROR_EXIT_CODE)
  }
  try {
    const command = COMMANDS[name]()
    if (args.includes('--help') || args.includes('-h')) return printHelp(stdout, command.HELP)
    return await command.run(args, surroundings)
  } catch (error) {
    const { message: text, code } = /** @type {Error & { code?: string }} */ (error)
    const message = toPrintable(text)
    if (!(error instanceof UsageError) && code !== 'invalid_options')
      return print(stderr, `logto-authkit: ${message}\n`, 1)
    return print(stderr, `${message}\nSee: logto-authkit ${name} --help\n`, USAGE_ERROR_EXIT_CODE)
  }
}

/**
 * @param {{ write(text: string): unknown }} stream
 * @param {string} text
 * @param {number} [code]
 */
function print(stream, text, code = 0) {
  stream.write(text)
  return code
}

/**
 * @param {Surroundings['stderr']} stream
 * @param {string} help
 * @param {number} [code]
 */
const printHelp = (stream, help, code) => print(stream, wrapHelp(help, widthOf(stream)), code)

const USAGE_ERROR_EXIT_CODE = 2

module.exports = { run }
