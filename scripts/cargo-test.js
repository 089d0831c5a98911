// Runs the Rust tests, on a build without N-API: with cargo-nextest where it is installed, else with cargo's own runner.

const { spawnSync } = require('node:child_process')
const { join } = require('node:path')

const WITHOUT_NODE = '--no-default-features'

const hasNextest = spawnSync('cargo', ['nextest', '--version'], { stdio: 'ignore' }).status === 0
const runs = hasNextest
  ? // nextest leaves the examples of the documentation out, `cargo test` does not.
    [
      ['nextest', 'run', WITHOUT_NODE],
      ['test', '--doc', WITHOUT_NODE],
    ]
  : [['test', WITHOUT_NODE]]

for (const args of runs) {
  const { error, status } = spawnSync('cargo', args, { cwd: join(__dirname, '..'), stdio: 'inherit' })
  if (error) console.error(`cargo-test: cargo does not run here: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}
