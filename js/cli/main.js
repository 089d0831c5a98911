#!/usr/bin/env node

/** The `logto-authkit` executable. */

const { run } = require('./run')

// A reader such as `head` may close the pipe early.
process.stdout.on('error', (error) => {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') throw error
})

run(process.argv.slice(2), process).then((code) => {
  // A file in `--options` may start the user's application, which would keep the process alive. Output to pipes and
  // terminals is asynchronous on some platforms, so it is written first.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
})
