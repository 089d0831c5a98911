const assert = require('node:assert/strict')
const { test } = require('node:test')
const { splitShellWords } = require('../../../js/cli/shell-words')
const { cli } = require('../../support/cli')
const { signToken, createKey } = require('../../support/tokens')

const START = ['npx', 'logto-authkit', 'doctor', '--url']

for (const [what, flags, ending] of /** @type {[string, string[], string[]][]} */ ([
  ['a URL', ['--url', 'http://127.0.0.1:1'], ['http://127.0.0.1:1']],
  [
    'the URL of the keys',
    ['--url', 'http://127.0.0.1:1', '--jwks-uri', 'http://127.0.0.1:1/$a&b/jwks'],
    ['http://127.0.0.1:1', '--jwks-uri', 'http://127.0.0.1:1/$a&b/jwks'],
  ],
  [
    'no URL but that of the keys',
    ['--jwks-uri', 'http://127.0.0.1:1/jwks'],
    ['URL', '--jwks-uri', 'http://127.0.0.1:1/jwks'],
  ],
])) {
  test(`explain without keys prints the complete doctor command for ${what}`, async () => {
    const args = ['explain', '--json', '--any-type', ...flags]
    const { stdout } = await cli(args, { stdin: signToken(createKey('ES384')) })
    const [, command] = /run: (.*)$/m.exec(JSON.parse(stdout).hints.join('\n')) ?? []
    assert.deepEqual(splitShellWords(command ?? ''), [...START, ...ending])
  })
}

test('the printed command runs, however narrow the terminal is', async () => {
  const flags = ['--url', 'http://127.0.0.1:1', '--jwks-uri', `http://127.0.0.1:1/${'a'.repeat(80)}`]
  const { stdout } = await cli(['explain', ...flags], { stdin: signToken(createKey('ES384')), columns: 60 })
  const [, args] = /npx logto-authkit (.*)$/m.exec(stdout) ?? []
  const { code, stderr } = await cli(splitShellWords(args ?? ''))
  assert.deepEqual([code, stderr], [1, ''])
})
