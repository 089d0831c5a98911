// Collects the events of Node's test runner, prints a line per finished file, and summarizes the run.

const { relative, resolve } = require('node:path')
const { stripVTControlCharacters } = require('node:util')

/** The maximum number of failures with a message, and of lines per message, so that the summary fits on one screen. */
const MAX_FAILURES = 5
const MAX_MESSAGE_LINES = 8

/** Matches Node's report of an error that was thrown after its test had ended. Captures its location and message. */
const LATE_ERROR_PATTERN =
  / at (\S+) generated asynchronous activity .*? created the error "([\s\S]*)" and would have caused/

/**
 * @typedef {{ location: string, name: string, message: string, count: number }} Failure
 * @typedef {{ file: string, name: string, duration: number, error?: Error }} FileResult
 */

class Summary {
  passed = 0
  failed = 0
  skipped = 0
  /** @type {Map<string, number>} */
  #skipReasons = new Map()
  /** @type {Map<string, Failure>} */
  #failures = new Map()
  /** @type {FileResult[]} */
  #files = []
  /** The names of the running suites and tests, by file and nesting level. @type {Map<string, string[]>} */
  #running = new Map()
  /** The last part of each file's standard error. @type {Map<string, string>} */
  #stderr = new Map()
  /** Errors thrown after a test or hook had ended, with the location of that test or hook. */
  #lateErrors = /** @type {{ location: string, message: string }[]} */ ([])
  /** @type {Set<string>} */
  #failedFiles = new Set()
  #startedAt = Date.now()

  /** @param {string} root - File names are shown relative to this folder. */
  constructor(root) {
    this.root = root
  }

  /** @param {{ type: string, data: any }} event - https://nodejs.org/api/test.html#class-testsstream */
  add({ type, data }) {
    if (type === 'test:stderr')
      this.#stderr.set(data.file, `${this.#stderr.get(data.file) ?? ''}${data.message}`.slice(-4000))
    else if (type === 'test:diagnostic') this.#addDiagnostic(data.message)
    else if (type === 'test:dequeue') this.#path(data).push(data.name)
    else if (type !== 'test:complete') return
    else if (resolve(data.name) === data.file) this.#completeFile(data)
    else this.#completeTest(data)
  }

  /** @param {string} text */
  #addDiagnostic(text) {
    const [, location, message] = LATE_ERROR_PATTERN.exec(text) ?? []
    if (location) this.#lateErrors.push({ location, message })
  }

  /** Returns the names of the suites that contain a test. @param {any} data */
  #path({ file, nesting }) {
    const path = (this.#running.get(file) ?? []).slice(0, nesting)
    this.#running.set(file, path)
    return path
  }

  /** @param {any} data */
  #completeTest({ file, line, name, nesting, skip, todo, details }) {
    const reason = skip ?? todo
    if (reason !== undefined && reason !== false) {
      this.skipped += 1
      const text = reason === true ? 'no reason given' : String(reason)
      this.#skipReasons.set(text, (this.#skipReasons.get(text) ?? 0) + 1)
    } else if (details.passed) {
      if (details.type !== 'suite') this.passed += 1
    } else if (details.error.failureType !== 'subtestsFailed') {
      const path = [...(this.#running.get(file) ?? []).slice(0, nesting), name]
      this.#fail(file, path.join(' › '), details.error, line)
    }
  }

  /** @param {any} data */
  #completeFile({ file, details }) {
    const name = relative(this.root, file)
    this.#files.push({ file, name, duration: details.duration_ms, error: details.error })
    console.log(`${details.passed ? 'ok    ' : 'FAILED'}  ${name}  ${seconds(details.duration_ms)}`)
  }

  /**
   * @param {string} file
   * @param {string} name
   * @param {any} error
   * @param {number} line
   */
  #fail(file, name, error, line) {
    this.failed += 1
    this.#failedFiles.add(file)
    const { message, stack = '' } = error.cause?.message ? error.cause : error
    const [, lineInStack] = new RegExp(`${file.replaceAll(/\W/g, '\\$&')}:(\\d+)`).exec(stack) ?? []
    const key = `${file} ${message}`
    const failure = this.#failures.get(key)
    if (failure) failure.count += 1
    else {
      const location = `${relative('', file)}:${lineInStack ?? line}`
      this.#failures.set(key, { location, name, message: String(message), count: 1 })
    }
  }

  /**
   * Adds the files that failed without a failed test: those that could not be loaded, or whose code outside the tests
   * threw an error.
   */
  #failOtherFiles() {
    for (const { file, error } of this.#files) {
      if (error === undefined || this.#failedFiles.has(file)) continue
      const lateError = this.#lateErrors.find(({ location }) => location.startsWith(`${relative('', file)}:`))
      const stderr = this.#stderr.get(file)?.replaceAll(/^ +at .*(node:|node_modules).*\n/gm, '')
      const message = lateError?.message ?? stderr ?? error.message
      this.#fail(file, '(outside of its tests)', { message, stack: message }, 1)
    }
  }

  text() {
    this.#failOtherFiles()
    const slowest = this.#files.toSorted((a, b) => b.duration - a.duration).slice(0, 8)
    const counts = `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`
    const lines = [
      '',
      `JavaScript: ${counts} in ${this.#files.length} files, ${seconds(Date.now() - this.#startedAt)}`,
      `  slowest: ${slowest.map(({ name, duration }) => `${name} ${seconds(duration)}`).join(', ')}`,
      ...[...this.#skipReasons].map(([reason, count]) => `  skipped ${count}: ${reason}`),
    ]
    const failures = [...this.#failures.values()]
    for (const { location, name, message, count } of failures.slice(0, MAX_FAILURES)) {
      lines.push('', `  FAILED ${location}  ${name}${count > 1 ? ` (and ${count - 1} more with this message)` : ''}`)
      lines.push(...excerpt(message).map((line) => `      ${line}`))
    }
    for (const { location, name } of failures.slice(MAX_FAILURES)) lines.push(`  FAILED ${location}  ${name}`)
    return lines.join('\n')
  }
}

/**
 * @param {{ code: number | null, output: string }} run - The result of scripts/cargo-test.js.
 */
function summarizeRust({ code, output }) {
  const plain = stripVTControlCharacters(output)
  // The summary lines of nextest or cargo.
  const summaries = plain.match(/^ +Summary \[.*$|^test result: .*$/gm)?.join('\n') ?? ''
  const total = (/** @type {string} */ outcome) =>
    [...summaries.matchAll(new RegExp(`(\\d+) ${outcome}`, 'g'))].reduce((sum, [, number]) => sum + Number(number), 0)
  const passed = total('passed')
  const skipped = total('skipped') + total('ignored')
  const failed = Math.max(total('failed'), code === 0 ? 0 : 1)
  const lines = ['', `Rust: ${passed} passed, ${failed} failed, ${skipped} skipped`]
  if (code !== 0) {
    const panics = plain.match(/^.*panicked at .*(?:\n.+){1,5}/gm) ?? plain.match(/^error(\[\w+\])?: .*\n.*$/gm) ?? []
    const shown = panics.length > 0 ? panics.slice(0, MAX_FAILURES) : [plain.trim().split('\n').slice(-15).join('\n')]
    lines.push(...shown.flatMap((text) => ['', ...excerpt(text, 15).map((line) => `      ${line.trim()}`)]))
  }
  return { passed, failed, skipped, text: lines.join('\n') }
}

/**
 * Returns the first lines of a message, without empty lines.
 *
 * @param {string} message
 */
function excerpt(message, lines = MAX_MESSAGE_LINES) {
  const all = message.split('\n').filter((line) => line.trim() !== '')
  const shown = all.slice(0, lines).map((line) => line.slice(0, 160))
  return all.length > lines ? [...shown, '…'] : shown
}

/** @param {number} ms */
const seconds = (ms) => (ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`)

module.exports = { Summary, summarizeRust }
