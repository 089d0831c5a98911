#!/usr/bin/env node

const { run } = require('./run')

// Whoever reads the output may have seen enough (`| head`).
process.stdout.on('error', (error) => {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') throw error
})

run(process.argv.slice(2), process).then((code) => {
  process.exitCode = code
})
