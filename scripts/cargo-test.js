// Runs the Rust tests without the N-API binding: with cargo-nextest if it is installed, otherwise with `cargo test`.

const { spawnSync } = require('node:child_process')
const { join } = require('node:path')

const FLAGS = ['--locked', '--no-default-features']

const hasNextest = spawnSync('cargo', ['nextest', '--version'], { stdio: 'ignore' }).status === 0
const runs = hasNextest
  ? // nextest does not run the examples in the documentation.
    [
      ['nextest', 'run', '--no-fail-fast', ...FLAGS],
      ['test', '--doc', ...FLAGS],
    ]
  : [['test', '--no-fail-fast', ...FLAGS]]

for (const args of runs) {
  const { error, status } = spawnSync('cargo', args, { cwd: join(__dirname, '..'), stdio: 'inherit' })
  if (error) console.error(`cargo-test: could not run cargo: ${error.message}`)
  if (status !== 0) process.exitCode = status ?? 1
}
