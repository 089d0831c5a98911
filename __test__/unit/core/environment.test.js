const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { afterEach, describe, test } = require('node:test')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { logtoAuth } = require('logto-authkit/express')
const { mcpAuth } = require('logto-authkit/mcp')
const { createResourceMetadata } = require('logto-authkit/resource-metadata')
const { createRevocations } = require('logto-authkit/revocation')
const { DEV_ISSUER_ENV_VARIABLES } = require('../../../js/cli/dev-defaults')
const { parse } = require('../../../js/core/options')
const { invalidOptions, pollute, rejection, verdict } = require('../../support/helpers')
const { AUDIENCE, LOGTO_URL, createKey, optionsFor, signToken } = require('../../support/tokens')

const key = createKey('EdDSA')
const { jwks } = optionsFor(key)

/** The hint in the error for a missing option, if the `.env` file sets these variables. */
const hint = (variables) =>
  new RegExp(
    `^Invalid option .*\\. The file \\.env sets ${variables}, but Node\\.js has not read the file: add --env-file=\\.env to the \`node\`, \`tsx\` or \`nodemon\` command .*, and set .* in the environment of commands such as \`npm test\`(\\. .*)?$`,
  )

/** The hint in the error for an option whose variable, which the `.env` file sets, is empty in the environment. */
const unsetHint = (variable) =>
  new RegExp(
    `^Invalid .*\\. The file \\.env sets ${variable}, but --env-file does not replace an empty variable in the environment: run \`unset ${variable}\`$`,
  )

function enterTemporaryFolder(t) {
  const [folder, previous] = [mkdtempSync(join(tmpdir(), 'logto-authkit-')), process.cwd()]
  process.chdir(folder)
  t.after(() => {
    process.chdir(previous)
    rmSync(folder, { recursive: true })
  })
}

afterEach(() => setEnvironment())

function setEnvironment(url, audience) {
  for (const [name, value] of Object.entries({ LOGTO_URL: url, LOGTO_AUDIENCE: audience })) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}

describe('LOGTO_URL and LOGTO_AUDIENCE', () => {
  test('replace missing options', async () => {
    setEnvironment(`${LOGTO_URL}/`, ` https://other.example.test\n\t${AUDIENCE} `)
    for (const options of [{ jwks }, { jwks, logtoUrl: undefined, audience: undefined }]) {
      for (const aud of [AUDIENCE, 'https://other.example.test']) {
        assert.equal(await verdict(verifyAuth(signToken(key, { aud }), options)), 'accepted')
        assert.equal(await verdict(createVerifier(options).verify(signToken(key, { aud }))), 'accepted')
      }
      assert.equal(await verdict(verifyAuth(signToken(key, { aud: 'x' }), options)), 'invalid_audience')
    }
  })

  test('are enough: createVerifier and verifyAuth work without options', async () => {
    setEnvironment(LOGTO_URL, AUDIENCE)
    assert.equal(createVerifier().stats().jwks.state, 'empty')
    assert.equal((await rejection(verifyAuth({ headers: {} }))).code, 'missing_token')
    assert.equal(typeof logtoAuth(/** @type {any} */ (undefined)), 'function')
  })

  test('never replace explicit options', async () => {
    setEnvironment('https://wrong.example.test', 'https://wrong.example.test')
    assert.equal(await verdict(verifyAuth(signToken(key), optionsFor(key))), 'accepted')
    setEnvironment(LOGTO_URL, 'https://wrong.example.test')
    assert.equal(await verdict(verifyAuth(signToken(key), { jwks })), 'invalid_audience')
    assert.equal(await verdict(verifyAuth(signToken(key), { jwks, audience: null })), 'accepted')
    for (const audience of ['', /** @type {any} */ ([])]) {
      assert.throws(() => createVerifier({ audience }), invalidOptions(/^Invalid option "audience"/))
    }
    for (const logtoUrl of ['', /** @type {any} */ (null)]) {
      assert.throws(() => createVerifier({ logtoUrl, audience: 'a' }), invalidOptions(/^Invalid option "logtoUrl"/))
    }
  })

  test('are mentioned if a file sets them that Node.js has not read', (t) => {
    enterTemporaryFolder(t)
    writeFileSync('.env', 'PORT=3000\nLOGTO_URL=https://t.test\n # LOGTO_AUDIENCE=a\nLOGTO_AUDIENCE=\n')
    for (const options of [undefined, { logtoUrl: '', audience: 'a' }]) {
      assert.throws(() => createVerifier(options), invalidOptions(hint('LOGTO_URL')))
      assert.throws(() => logtoAuth(/** @type {any} */ (options)), invalidOptions(hint('LOGTO_URL')))
    }
    for (const options of [{ logtoUrl: 'x', audience: 'a' }, { logtoUrl: LOGTO_URL }]) {
      assert.throws(() => createVerifier(options), invalidOptions(/^Invalid option (?!.*The file).*$/))
    }
    for (const value of ['', '""', ' # later']) {
      writeFileSync('.env', `LOGTO_AUDIENCE=${value}\nPORT=3000\n`)
      assert.throws(() => createVerifier({ logtoUrl: LOGTO_URL }), invalidOptions(/^Invalid option (?!.*The file).*$/))
    }
    writeFileSync('.env', '  export LOGTO_AUDIENCE = https://api.example.com')
    assert.throws(() => createVerifier({ logtoUrl: LOGTO_URL }), invalidOptions(hint('LOGTO_AUDIENCE')))
    setEnvironment('ftp://t.test', AUDIENCE)
    writeFileSync('.env', 'LOGTO_URL=https://t.test')
    assert.throws(() => createVerifier(), invalidOptions(/^Invalid environment variable LOGTO_URL: (?!.*The file).*$/))
  })

  test('cause an error with an example value if they are missing', () => {
    setEnvironment(undefined, AUDIENCE)
    const url = `such as https://your-tenant.logto.app, or ${DEV_ISSUER_ENV_VARIABLES.LOGTO_URL} for \`npx logto-authkit dev\``
    const noUrl = 'expected an absolute http or https URL, or the environment variable LOGTO_URL, got undefined'
    assert.throws(() => createVerifier(), invalidOptions(`Invalid option "logtoUrl": ${noUrl}. Use a URL ${url}`))
    setEnvironment(LOGTO_URL)
    const missingAudiencePattern =
      /^Invalid option "audience": expected the API identifier \(resource indicator\), .* variable LOGTO_AUDIENCE, got undefined\. Use an API identifier such as https:\/\/api\.example\.com$/
    assert.throws(() => createVerifier({}), invalidOptions(missingAudiencePattern))
  })

  test('cause one error if both are missing', (t) => {
    enterTemporaryFolder(t)
    const both = (end) => invalidOptions(new RegExp(`^Invalid .*LOGTO_URL.*\\. ${end}$`))
    assert.throws(() => createVerifier(), both('LOGTO_AUDIENCE is missing, too'))
    assert.throws(() => logtoAuth(), both('LOGTO_AUDIENCE is missing, too'))
    setEnvironment('ftp://t.test')
    assert.throws(() => createVerifier(), both('LOGTO_AUDIENCE is missing, too'))
    setEnvironment(undefined, ' ')
    assert.throws(() => createVerifier(), both('LOGTO_AUDIENCE is missing, too'))
    setEnvironment()
    const audienceIsGiven = (/** @type {any} */ { message }) => !message.includes('AUDIENCE')
    assert.throws(() => createVerifier({ audience: 'a' }), audienceIsGiven)
    assert.throws(() => mcpAuth({ resource: 'https://api.example.com/mcp' }), audienceIsGiven)
    writeFileSync('.env', 'LOGTO_URL=https://t.test\nLOGTO_AUDIENCE=a\n')
    assert.throws(() => createVerifier(), invalidOptions(hint('LOGTO_URL, LOGTO_AUDIENCE')))
  })

  test('cause an error that contains the missing scheme', () => {
    setEnvironment('tenant.logto.app', AUDIENCE)
    const message =
      'Invalid environment variable LOGTO_URL: expected an absolute http or https URL, got "tenant.logto.app": write https://tenant.logto.app'
    assert.throws(() => createVerifier(), invalidOptions(message))
  })

  test('cause an error that names them if they are empty', () => {
    for (const empty of ['', ' ']) {
      setEnvironment(empty, AUDIENCE)
      const noUrl = 'expected an absolute http or https URL, got an empty string. Use a URL such as '
      const message = new RegExp(`^Invalid environment variable LOGTO_URL: ${noUrl}`)
      assert.throws(() => createVerifier(), invalidOptions(message))
      setEnvironment(LOGTO_URL, empty)
      const missingAudiencePattern =
        'expected API identifiers (resource indicators), separated by white space, got an empty string. Use an API identifier such as https://api.example.com'
      assert.throws(
        () => createVerifier({}),
        invalidOptions(`Invalid environment variable LOGTO_AUDIENCE: ${missingAudiencePattern}`),
      )
    }
  })

  test('that are empty are not replaced by Node.js, so the error says to unset them', (t) => {
    enterTemporaryFolder(t)
    writeFileSync('.env', `LOGTO_URL=${LOGTO_URL}\nLOGTO_AUDIENCE=${AUDIENCE}\n`)
    const script = `require(${JSON.stringify(require.resolve('logto-authkit'))}).createVerifier()`
    const { stderr } = spawnSync(process.execPath, ['--env-file=.env', '-e', script], {
      env: { ...process.env, LOGTO_URL: '' },
      encoding: 'utf8',
    })
    assert.match(stderr, /The file \.env sets LOGTO_URL, but --env-file does not replace .*: run `unset LOGTO_URL`/)
    setEnvironment('', AUDIENCE)
    assert.throws(() => createVerifier(), invalidOptions(unsetHint('LOGTO_URL')))
    setEnvironment(LOGTO_URL, '')
    assert.throws(() => createVerifier(), invalidOptions(unsetHint('LOGTO_AUDIENCE')))
    writeFileSync('.env', 'LOGTO_AUDIENCE=\n')
    assert.throws(() => createVerifier(), invalidOptions(/got an empty string\. Use an API identifier/))
  })

  test('are checked like options, and passwords are never printed', () => {
    setEnvironment('https://user:hunter2@auth.example.test', AUDIENCE)
    const message =
      'Invalid environment variable LOGTO_URL: expected a URL without user name and password, got "https://user:…@auth.example.test"'
    assert.throws(() => createVerifier(), invalidOptions(message))
    setEnvironment(LOGTO_URL, '"https://api.example.com"')
    assert.throws(() => createVerifier(), invalidOptions(/^Invalid environment variable LOGTO_AUDIENCE: /))
  })

  test('are read again for every verification with a plain options object', async () => {
    const token = signToken(key)
    for (const [audience, wanted] of [
      [AUDIENCE, 'accepted'],
      ['https://other.example.test', 'invalid_audience'],
      [AUDIENCE, 'accepted'],
    ]) {
      setEnvironment(LOGTO_URL, audience)
      assert.equal(await verdict(verifyAuth(token, { jwks })), wanted)
    }
    assert.equal(parse('verifier', { jwks }).core, parse('verifier', { jwks }).core)
  })

  test('do not apply to logto-authkit/server, whose options are those of the original', () => {
    setEnvironment(LOGTO_URL, AUDIENCE)
    assert.throws(() => parse('server', {}), invalidOptions(/got undefined$/))
    assert.throws(
      () => parse('server', undefined),
      invalidOptions('Invalid options: expected an object, got undefined'),
    )
  })

  test('are mentioned by createResourceMetadata and mcpAuth, too', (t) => {
    enterTemporaryFolder(t)
    writeFileSync('.env', 'LOGTO_URL=https://t.test\nMCP_URL=https://api.example.com/mcp\n')
    const resource = 'https://api.example.com/mcp'
    for (const create of /** @type {any[]} */ ([createResourceMetadata, mcpAuth])) {
      assert.throws(() => create({ resource }), invalidOptions(hint('LOGTO_URL')))
      assert.throws(() => create({ resource: '', logtoUrl: LOGTO_URL }), invalidOptions(hint('LOGTO_URL')))
    }
  })

  test('are not read from a polluted prototype', async (t) => {
    pollute(t, 'LOGTO_URL', LOGTO_URL)
    pollute(t, 'LOGTO_AUDIENCE', AUDIENCE)
    assert.throws(() => createVerifier(), invalidOptions(/"logtoUrl"/))
  })
})

describe('the error for an option that the application reads from a variable', () => {
  const SOURCES = /** @type {[string, any][]} */ ([
    ['webhook', { signingKey: 'key' }],
    ['backchannelLogout', { logtoUrl: LOGTO_URL, clientId: 'app' }],
    ['catchUp', { logtoUrl: LOGTO_URL, clientId: 'app', clientSecret: 'secret', hookId: 'hook' }],
  ])
  const ENV_FILE = 'PORT=3000\nLOGTO_APP_ID=\nLOGTO_WEBHOOK_KEY=key\nMY_LOGTO_SECRET=secret\n'

  for (const [source, options] of SOURCES) {
    for (const option of Object.keys(options)) {
      test(`names the variables that only .env sets if ${source} gets no ${option}`, (t) => {
        enterTemporaryFolder(t)
        const revocations = createRevocations()
        t.after(() => revocations.close())
        const throwing = (value) => () => revocations[source]({ ...options, [option]: value })
        assert.throws(throwing(''), invalidOptions(/^Invalid option (?!.*The file)/))
        writeFileSync('.env', ENV_FILE)
        for (const value of [undefined, '', ['']])
          assert.throws(throwing(value), invalidOptions(hint('LOGTO_WEBHOOK_KEY, MY_LOGTO_SECRET')))
        assert.throws(throwing(5), invalidOptions(/^Invalid option (?!.*The file)/))
        writeFileSync('.env', 'A=1\nB=2\nC=3\nD=4\n')
        assert.throws(throwing(''), invalidOptions(hint('A, B, C')))
      })
    }
  }

  test('says to unset a variable that is empty', (t) => {
    enterTemporaryFolder(t)
    writeFileSync('.env', 'LOGTO_WEBHOOK_KEY=key\n')
    process.env.LOGTO_WEBHOOK_KEY = ''
    t.after(() => delete process.env.LOGTO_WEBHOOK_KEY)
    const revocations = createRevocations()
    t.after(() => revocations.close())
    assert.throws(() => revocations.webhook({ signingKey: '' }), invalidOptions(unsetHint('LOGTO_WEBHOOK_KEY')))
    writeFileSync('.env', 'LOGTO_WEBHOOK_KEY=key\nLOGTO_SECRET=secret\n')
    assert.throws(
      () => revocations.webhook({ signingKey: '' }),
      invalidOptions(
        /The file \.env sets LOGTO_SECRET, but Node\.js has not read .*\. The file \.env sets LOGTO_WEBHOOK_KEY, but --env-file .*: run `unset LOGTO_WEBHOOK_KEY`$/,
      ),
    )
  })

  for (const [what, line] of Object.entries({
    'a private key':
      '-----BEGIN PRIVATE KEY-----\nMIIEvAIBADANBgkqhkiG9w0BAQEFAASC\nq83hJ0sfXb5aX0wY7f0Tail==\n-----END-----',
    'a line of Base64': 'q83hJ0sfXb5aX0wY7f0Tail==',
    'a secret in Base32': 'JBSWY3DPEHPK3PXP====',
    'a URL with a password': 'postgres://admin:S3cretPw@db/prod?sslmode=require',
    'an escape sequence': '\x1b[31m\x1b]0;LOGTO_X\x07=1',
    'a very long name': `${'LOGTO_'.repeat(20)}=1`,
  })) {
    test(`prints no text of .env that may not be a name: ${what}`, (t) => {
      enterTemporaryFolder(t)
      const revocations = createRevocations()
      t.after(() => revocations.close())
      for (const start of ['', 'MY_KEY=1\n']) {
        writeFileSync('.env', `${start}DATABASE_URL=\n${line}\n`)
        const message = start === '' ? /^Invalid option (?!.*The file)/ : hint('MY_KEY')
        assert.throws(() => revocations.webhook({ signingKey: '' }), invalidOptions(message))
      }
    })
  }

  test('names no variable that the process has', (t) => {
    enterTemporaryFolder(t)
    writeFileSync('.env', ENV_FILE)
    for (const name of ['PORT', 'LOGTO_WEBHOOK_KEY', 'MY_LOGTO_SECRET']) {
      process.env[name] ??= 'set'
      t.after(() => delete process.env[name])
    }
    const revocations = createRevocations()
    t.after(() => revocations.close())
    assert.throws(() => revocations.webhook({ signingKey: '' }), invalidOptions(/^Invalid option (?!.*The file)/))
  })
})
