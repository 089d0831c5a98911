/** The command line: which command is meant, its help, and what its failures look like. */

const { UsageError } = require('./arguments')
const { printable } = require('./terminal')
const { version } = require('../../package.json')

/**
 * What a command sees of its process.
 *
 * @typedef {{
 *   stdin: AsyncIterable<Uint8Array | string> & { isTTY?: boolean },
 *   stdout: { write(text: string): unknown, isTTY?: boolean },
 *   stderr: { write(text: string): unknown },
 *   env: Record<string, string | undefined>,
 *   once?(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown,
 * }} Surroundings
 */

/**
 * @typedef {{ HELP: string, run(args: string[], surroundings: Surroundings): Promise<number> }} Command
 * @type {Record<string, () => Command>}
 */
const COMMANDS = {
  doctor: () => require('./doctor'),
  explain: () => require('./explain'),
  dev: () => require('./dev'),
}

const HELP = `Usage: logto-authkit <command> [options]

Commands:
  doctor    checks that this machine can verify tokens of a Logto server
  explain   says what is in a token, and why it is accepted or refused
  dev       starts a local issuer with a page to make tokens, to work without a Logto

  --help, -h       this text, or that of a command
  --version, -v    the version

Colours: where the output is a terminal; NO_COLOR and FORCE_COLOR are obeyed.
Exit codes: 0 all is well, 1 it is not, 2 wrong usage, 3 (explain) nothing wrong found, signature not checked.
`

/**
 * Runs a command.
 *
 * @param {string[]} argv - Without the interpreter and the script.
 * @param {Surroundings} surroundings
 * @returns {Promise<number>} the exit code
 */
async function run([name, ...args], surroundings) {
  const { stdout, stderr } = surroundings
  if (name === '--version' || name === '-v') return say(stdout, `${version}\n`)
  if (name === '--help' || name === '-h') return say(stdout, HELP)
  if (name === undefined) return say(stderr, HELP, WRONG_USAGE)
  if (!Object.hasOwn(COMMANDS, name)) {
    // What is long may be a token, which is not repeated.
    const given =
      name.length > 20
        ? 'Unknown command. Is that a token? `logto-authkit explain -`'
        : `Unknown command: ${printable(name)}`
    return say(stderr, `${given}\n\n${HELP}`, WRONG_USAGE)
  }
  try {
    const command = COMMANDS[name]()
    if (args.includes('--help') || args.includes('-h')) return say(stdout, command.HELP)
    return await command.run(args, surroundings)
  } catch (error) {
    const { message, code } = /** @type {Error & { code?: string }} */ (error)
    if (!(error instanceof UsageError) && code !== 'invalid_options')
      return say(stderr, `logto-authkit: ${message}\n`, 1)
    return say(stderr, `${message}\nSee: logto-authkit ${name} --help\n`, WRONG_USAGE)
  }
}

/**
 * @param {{ write(text: string): unknown }} stream
 * @param {string} text
 * @param {number} [code]
 */
function say(stream, text, code = 0) {
  stream.write(text)
  return code
}

const WRONG_USAGE = 2

module.exports = { run }
