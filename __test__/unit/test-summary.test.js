const assert = require('node:assert/strict')
const { join, relative } = require('node:path')
const { test } = require('node:test')
const { Summary } = require('../../scripts/test-summary')

test('the summary shows the error of code that continued after its test, not the warnings of its file', (t) => {
  t.mock.method(console, 'log', () => {})
  const root = join(__dirname, '..')
  const file = join(root, 'unit/late.test.js')
  const summary = new Summary(root)
  const message = `Error: Test hook "before" at ${relative('', file)}:3:1 generated asynchronous activity after the test ended. This activity created the error "AssertionError [ERR_ASSERTION]: expected\n1234" and would have caused the test to fail, but instead triggered an uncaughtException event.`
  summary.add({ type: 'test:stderr', data: { file, message: 'a warning\n' } })
  summary.add({ type: 'test:diagnostic', data: { nesting: 0, message } })
  const error = Object.assign(new Error('test failed'), { failureType: 'testCodeFailure' })
  summary.add({ type: 'test:complete', data: { file, name: file, nesting: 0, details: { duration_ms: 1, error } } })

  const text = summary.text()
  assert.match(text, /FAILED \S+late\.test\.js:1 {2}\(outside of its tests\)\n +AssertionError .*: expected\n +1234$/)
})
