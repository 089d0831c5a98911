const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { verifyAuth } = require('logto-authkit')
const { createPainter, toPrintable, printableJson } = require('../../../js/cli/terminal')
const { proxyFor } = require('../../../js/cli/proxy')
const { version } = require('../../../package.json')
const { cli, startDev } = require('../../support/cli')
const { temporaryFolder } = require('../../support/files')
const { startIssuer } = require('../../support/helpers')

const MAIN = join(__dirname, '../../../js/cli/main.js')

const TOKEN = `${'a'.repeat(40)}.${'b'.repeat(40)}.${'c'.repeat(40)}`

for (const flag of ['--version', '-v']) {
  test(`${flag} prints the version`, async () => {
    assert.deepEqual(await cli([flag]), { code: 0, stdout: `${version}\n`, stderr: '' })
  })
}

for (const args of [
  ['--help'],
  ['-h'],
  ['doctor', '--help'],
  ['explain', '-h'],
  ['dev', '--help'],
  ['doctor', '--url', 'x', '--help'],
]) {
  test(`${args.join(' ')} prints usage and exit codes`, async () => {
    const { code, stdout, stderr } = await cli(args)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^Usage: logto-authkit /)
    assert.match(stdout, /^Exit codes: 0 /m)
    if (args[0] in COMMANDS) assert.ok(stdout.startsWith(`Usage: logto-authkit ${args[0]}`))
  })
}

test('the help of a command lists all its options', async () => {
  for (const [command, flags] of Object.entries(COMMANDS)) {
    const { stdout } = await cli([command, '--help'])
    for (const flag of flags) assert.match(stdout, new RegExp(`^ +--${flag}\\b`, 'm'), `${command} --${flag}`)
  }
})

for (const columns of [60, 80, 120]) {
  test(`the help fits into ${columns} columns, except for commands and the names of options`, async () => {
    for (const command of ['', ...Object.keys(COMMANDS)]) {
      const { stdout } = await cli([...(command ? [command] : []), '--help'], { columns })
      for (const line of stdout.split('\n')) {
        const isCommand = /^( {2}(curl|npx|pbpaste)|Usage: | {7}logto-authkit) /.test(line)
        assert.ok(line.length <= columns || isCommand || !line.trim().includes(' '), line)
      }
    }
  })
}

/** @type {[string, string[], RegExp][]} */
const WRONG = [
  ['no command', [], /^Usage: /],
  ['an unknown command', ['verify'], /^Unknown command: verify\n/],
  ['an unknown option', ['doctor', '--uri', 'x'], /^Unknown option '--uri'/],
  ['an option without its value', ['doctor', '--url'], /argument missing/],
  ['no URL', ['doctor'], /--url/],
  ['a relative URL', ['doctor', '--url', '/oidc'], /logtoUrl.*absolute/],
  ['two tokens', ['explain', TOKEN, TOKEN], /one token/],
  ['an empty audience', ['explain', '--audience', '', TOKEN], /"audience"/],
  ['an unknown algorithm', ['explain', '--algorithm', 'HS256', TOKEN], /"algorithms"/],
  ['an invalid time', ['explain', '--at', 'noon', TOKEN], /--at/],
  ['an invalid number', ['explain', '--clock-tolerance', '-1s', TOKEN], /clock-tolerance/],
  ['a missing key set file', ['explain', '--jwks', '/nowhere.json', TOKEN], /nowhere\.json/],
  ['a missing options file', ['explain', '--options', './nowhere.js', TOKEN], /nowhere\.js/],
  ['an invalid port', ['dev', '--port', 'x'], /--port/],
]
for (const [what, args, says] of WRONG) {
  test(`${what} is a usage error`, async () => {
    const { code, stdout, stderr } = await cli(args)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, says)
    assert.doesNotMatch(stderr, /aaaa|\n +at /)
  })
}

test('error messages cannot control the terminal', async () => {
  const evil = '\x1b[31m\u202e\nnpx evil'
  for (const args of [
    ['doctor', '--options', `./${evil}.js`],
    ['explain', '--jwks', evil, TOKEN],
    ['doctor', `--${evil}`],
    ['dev', '--port', evil],
  ]) {
    const { code, stderr } = await cli(args)
    assert.equal(code, 2)
    assert.doesNotMatch(stderr.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
    assert.doesNotMatch(stderr, /^npx evil/m)
  }
})

test('a token in the wrong place is not printed', async () => {
  for (const args of [
    [TOKEN],
    ['doctor', TOKEN],
    ['explain', `--${TOKEN}`],
    ['dev', TOKEN],
    ['explain', TOKEN, TOKEN],
  ]) {
    const { code, stdout, stderr } = await cli(args)
    assert.equal(code, 2)
    assert.doesNotMatch(stdout + stderr, /aaaaaaaaaa|cccccccccc/)
  }
})

test('runs as a program, also with a closed pipe', () => {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, '--version'], { encoding: 'utf8', timeout: 30_000 })
  assert.deepEqual([status, stdout], [0, `${version}\n`])
  const piped = `"${process.execPath}" "${MAIN}" explain --help | true`
  const { stderr } = spawnSync('sh', ['-c', piped], { encoding: 'utf8', timeout: 30_000 })
  assert.equal(stderr, '')
})

describe('colors', () => {
  /** @type {[string, boolean, Record<string, string>, boolean][]} */
  const CASES = [
    ['a terminal', true, {}, true],
    ['no terminal', false, {}, false],
    ['NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['FORCE_COLOR', false, { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR against NO_COLOR', false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    ['FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
  ]
  for (const [what, isTTY, env, wanted] of CASES) {
    test(`${what}: ${wanted ? 'yes' : 'no'}`, () => {
      assert.equal(createPainter({ isTTY }, env).good('x') !== 'x', wanted)
    })
  }
})

describe('untrusted text', () => {
  const EVIL = 'a\x1b[2J\r\nb\u009b31m\u202ec\u200b\u2028\u{e0041}\x7f'

  test('is printed on one line without terminal control characters', () => {
    assert.equal(toPrintable(EVIL), 'a\\u{1b}[2J\\u{d}\\u{a}b\\u{9b}31m\\u{202e}c\\u{200b}\\u{2028}\\u{e0041}\\u{7f}')
    assert.equal(toPrintable('äöü 漢字 🙂'), 'äöü 漢字 🙂')
  })

  test('is unchanged in JSON output', () => {
    const json = printableJson({ EVIL, list: [EVIL] })
    assert.deepEqual(JSON.parse(json), { EVIL, list: [EVIL] })
    assert.doesNotMatch(json.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}]/u)
  })
})

describe('the proxy from the environment', () => {
  const HTTPS_PROXY = 'http://proxy.test:3128'
  /** @type {[string, Record<string, string>, string | null][]} */
  const CASES = [
    ['https://a.test', {}, null],
    ['https://a.test', { HTTPS_PROXY }, HTTPS_PROXY],
    ['https://a.test', { https_proxy: HTTPS_PROXY }, HTTPS_PROXY],
    ['https://a.test', { ALL_PROXY: 'proxy.test:3128' }, HTTPS_PROXY],
    ['https://a.test', { HTTP_PROXY: HTTPS_PROXY }, null],
    ['http://a.test', { HTTP_PROXY: HTTPS_PROXY }, HTTPS_PROXY],
    ['http://a.test', { HTTPS_PROXY }, null],
    ['https://127.0.0.1', { HTTPS_PROXY }, null],
    ['https://localhost:3001', { HTTPS_PROXY }, null],
    ['https://[::1]', { HTTPS_PROXY }, null],
    ['https://a.test', { HTTPS_PROXY, NO_PROXY: '*' }, null],
    ['https://a.b.test', { HTTPS_PROXY, no_proxy: 'x.test, b.test' }, null],
    ['https://a.b.test', { HTTPS_PROXY, NO_PROXY: '.b.test' }, null],
    ['https://ab.test', { HTTPS_PROXY, NO_PROXY: 'b.test' }, HTTPS_PROXY],
    ['https://10.1.2.3', { HTTPS_PROXY, NO_PROXY: '10.0.0.0/8' }, null],
    ['https://11.1.2.3', { HTTPS_PROXY, NO_PROXY: '10.0.0.0/8' }, HTTPS_PROXY],
  ]
  for (const [address, env, wanted] of CASES) {
    test(`${address} with ${JSON.stringify(env)}`, () => {
      assert.equal(proxyFor(new URL(address), env).proxy?.origin ?? null, wanted)
    })
  }

  test('is printed without its password', () => {
    const { says } = proxyFor(new URL('https://a.test'), { HTTPS_PROXY: 'http://user:secret@proxy.test:3128' })
    assert.equal(says, 'http://proxy.test:3128 (HTTPS_PROXY)')
  })

  test('is invalid if it is not a URL', () => {
    assert.match(String(proxyFor(new URL('https://a.test'), { HTTPS_PROXY: 'http://a b' }).wrong), /HTTPS_PROXY/)
  })
})

describe('docs/cli.md', () => {
  const page = readFileSync(join(__dirname, '../../../docs/cli.md'), 'utf8')
  const lines = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block.trim().split('\n'))

  test('contains commands that work', async (t) => {
    const { logtoUrl, mint } = await startIssuer(t)
    const { page, logtoUrl: local } = await startDev(t)
    const ran = []
    for (const line of lines) {
      const [, command, text] = /npx logto-authkit (\w+)(.*)$/.exec(line) ?? []
      // `init` and `dev` do not exit on their own. `init` asks questions, and both have their own tests.
      if (command === 'dev' || command === 'init') continue
      if (line.startsWith('curl')) {
        const [, address] = /'(http.*)'/.exec(line) ?? []
        const token = await (await fetch(address.replace('http://127.0.0.1:3002', page))).text()
        const auth = await verifyAuth(token, { logtoUrl: local, audience: 'https://api.example.com' })
        assert.deepEqual([auth.userId, auth.scopes], ['alice', ['read:orders']])
        ran.push('curl')
        continue
      }
      const args = text
        .trim()
        .split(' ')
        .map((word) => word.replace('https://auth.example.com', logtoUrl))
      const stdin = mint({ audience: 'https://api.example.com', scope: 'read:orders' })
      const { code, stdout } = await cli([command, ...args], { stdin })
      assert.equal(code, 0, stdout)
      ran.push(command)
    }
    assert.deepEqual(ran, ['doctor', 'explain', 'curl'])
  })

  test('lists every check of doctor and every route of dev', async (t) => {
    const { logtoUrl } = await startIssuer(t)
    const closed = [
      '--redis',
      'redis://127.0.0.1:1',
      '--webhook',
      'http://127.0.0.1:1',
      '--backchannel',
      'http://127.0.0.1:1',
    ]
    const options = temporaryFolder(t).save('options.json', { logtoUrl })
    const { stdout } = await cli(['doctor', '--options', options, '--json', ...closed], {
      env: { LOGTO_WEBHOOK_KEY: 'key' },
    })
    const checks = [...JSON.parse(stdout).findings.map((/** @type {any} */ { check }) => check), 'TLS']
    const [, doctor] = page.split(/^## /m).filter((part) => /^(init|doctor)/.test(part))
    const named = [...doctor.matchAll(/^\| ([A-Z][\w ]+) \|/gm)].map(([, name]) => name)
    assert.deepEqual(named.sort(), checks.sort())
    for (const route of ['/token', '/api/tokens', '/api/rotation', '/api/outage', '/api/state'])
      assert.ok(page.includes(route), route)
  })
})

describe('a file in --options that starts the application', () => {
  const listens = "require('node:http').createServer().listen(0)\n"
  const run = (file) => {
    const env = { ...process.env, LOGTO_URL: 'http://127.0.0.1:1', LOGTO_AUDIENCE: 'https://api.example.com' }
    return spawnSync(process.execPath, [MAIN, 'doctor', '--options', file], { env, encoding: 'utf8', timeout: 30_000 })
  }

  test('does not keep the command running', (t) => {
    const { save } = temporaryFolder(t)
    const { status, stdout } = run(save('options.cjs', `${listens}exports.options = { jwksTimeoutMs: 1000 }\n`))
    assert.equal(status, 1)
    assert.match(stdout, /✓ Options [\s\S]*✗ Connection/)
  })

  test('causes an error if it exports nothing', (t) => {
    const { save } = temporaryFolder(t)
    const { status, stderr } = run(save('server.cjs', listens))
    assert.equal(status, 2)
    assert.match(
      stderr,
      /expected an export named `options`, or a default export\. Move the options of your application to/,
    )
  })
})

const COMMANDS = {
  doctor: [
    'url',
    'audience',
    'issuer',
    'jwks-uri',
    'algorithm',
    'timeout',
    'redis',
    'redis-prefix',
    'webhook',
    'backchannel',
    'json',
    'help',
  ],
  explain: [
    ...['url', 'audience', 'issuer', 'jwks-uri', 'jwks', 'scope', 'any-scope', 'role', 'role-claim', 'organization'],
    ...[
      'no-organization',
      'token-type',
      'any-type',
      'algorithm',
      'clock-tolerance',
      'at',
      'timeout',
      'options',
      'json',
    ],
  ],
  dev: ['port', 'page-port', 'json', 'help'],
  init: ['logto-url', 'audience', 'framework', 'yes', 'dry-run', 'json', 'help'],
}
