const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { test } = require('node:test')
const { runInNewContext } = require('node:vm')
const { build } = require('esbuild')

const ROOT = join(__dirname, '../..')

function entries() {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const paths = Object.keys(exports).filter((path) => path !== './package.json')
  return paths.map((path) => path.replace('.', 'logto-authkit'))
}

/** The export conditions of tools for runtimes without native addons. All of them include `browser`. */
const TOOLS = {
  'bundlers for browsers': ['browser'],
  'Next.js on the Edge runtime': ['edge-light', 'worker', 'browser'],
  'Vercel Edge Functions': ['edge-light', 'browser'],
  'Wrangler, for Cloudflare Workers': ['workerd', 'worker', 'browser'],
}

for (const [tool, conditions] of Object.entries(TOOLS)) {
  test(`every entry point throws on import under the conditions of ${tool}`, () => {
    // One after the other: Node 26 fails if a module that throws is imported several times at once.
    const code = `
      (async () => {
        for (const entry of ${JSON.stringify(entries())}) {
          try { require(entry) } catch ({ message }) { console.log(message) }
          await import(entry).catch(({ message }) => console.log(message))
        }
      })()`
    const flags = conditions.flatMap((condition) => ['-C', condition])
    const { stdout } = spawnSync(process.execPath, [...flags, '-e', code], { cwd: ROOT, encoding: 'utf8' })
    const messages = stdout.trim().split('\n')
    assert.equal(messages.length, 2 * entries().length, stdout)
    for (const message of messages) {
      assert.match(message, /^logto-authkit runs only in Node\.js: .+docs\/troubleshooting\.md\)$/)
    }
  })
}

test('every entry point throws when it is bundled for a browser', async () => {
  for (const entry of entries()) {
    const stdin = { contents: `import * as all from '${entry}'; console.log(all)`, resolveDir: ROOT }
    const { outputFiles } = await build({ stdin, bundle: true, platform: 'browser', write: false, logLevel: 'silent' })
    const [{ text }] = outputFiles
    assert.doesNotMatch(text, /\.node\b|require\('node:/, entry)
    assert.throws(() => runInNewContext(text), {
      message: /^logto-authkit runs only in Node\.js: .+docs\/troubleshooting\.md\)$/,
    })
  }
})
