const assert = require('node:assert/strict')
const { dirname } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { createTestIssuer } = require('logto-authkit/testing')
const { cli } = require('../../support/cli')
const { temporaryFolder } = require('../../support/files')
const { AUDIENCE } = require('../../support/tokens')

const { save: file } = temporaryFolder({ after })

let issuer
let env
before(async () => {
  issuer = await createTestIssuer()
  env = { LOGTO_URL: ` ${issuer.logtoUrl}\n`, LOGTO_AUDIENCE: `https://other.example.com ${AUDIENCE}` }
})
after(() => issuer.close())

const CLOSED_PORT = 'http://127.0.0.1:1'

describe('explain', () => {
  test('reads LOGTO_URL and LOGTO_AUDIENCE like an application', async () => {
    assert.equal((await explain([], env)).verdict, 'accepted')
    const other = await explain([], { ...env, LOGTO_AUDIENCE: 'https://other.example.com' })
    assert.equal(other.code, 'invalid_audience')
    const empty = await explain([], { LOGTO_URL: ' ', LOGTO_AUDIENCE: '' })
    assert.equal(empty.verdict, 'unverified')
  })

  test('prefers flags and --options to the environment', async () => {
    const wrong = { LOGTO_URL: CLOSED_PORT, LOGTO_AUDIENCE: 'https://other.example.com' }
    const flags = ['--url', issuer.logtoUrl, '--audience', AUDIENCE]
    assert.equal((await explain(flags, wrong)).verdict, 'accepted')
    const own = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
    assert.equal((await explain(['--options', save(own)], wrong)).verdict, 'accepted')
    // An explicit null disables the check also in an application.
    assert.equal((await explain(['--options', save({ ...own, audience: null })], wrong)).verdict, 'accepted')
    assert.equal((await explain(['--options', save({ requiredScope: 'a' })], env)).code, 'missing_scope')
  })

  test('reads the options of an adapter, and requires the organization if it depends on the request', async () => {
    const adapter = `{ logtoUrl: '${issuer.logtoUrl}', audience: '${AUDIENCE}', publicPaths: ['/'], organizationId() {} }`
    const options = ['--options', file('adapter.mjs', `export default ${adapter}`)]
    const { code, stderr } = await cli(['explain', '-', ...options], { stdin: issuer.mint() })
    assert.equal(code, 2)
    assert.match(stderr, /organizationId is a function of the request: pass .* --organization or --no-organization/)
    assert.equal((await explain([...options, '--no-organization'])).verdict, 'accepted')
    const misspelled = await cli(['explain', '-', '--options', save({ logtoURL: 'https://a.test' })])
    assert.match(misspelled.stderr, /^Unknown option "logtoURL": did you mean "logtoUrl"\?\n/)
  })

  test('describes a failed fetch from LOGTO_URL like one from --url', async () => {
    const flag = await explain(['--url', CLOSED_PORT])
    const variable = await explain([], { LOGTO_URL: CLOSED_PORT })
    assert.equal(variable.code, 'jwks_unavailable')
    assert.match(variable.hints.join('\n'), /127\.0\.0\.1:1/)
    assert.deepEqual(variable.hints, flag.hints)
  })

  test('names LOGTO_URL and LOGTO_AUDIENCE if the checks need them', async () => {
    const { stdout } = await cli(['explain', '-'], { stdin: issuer.mint(), columns: 100 })
    assert.match(stdout, /the signature is valid: not checked [^)]*--url,\s+LOGTO_URL/)
    assert.match(stdout, /not checked [^)]*--audience,\s+LOGTO_AUDIENCE/)
  })
})

describe('doctor', () => {
  test('checks LOGTO_URL and LOGTO_AUDIENCE, and says so', async () => {
    const { code, findings } = await doctor(['--fix'], env)
    assert.equal(code, 0)
    assert.equal(found(findings, 'URL'), `${issuer.logtoUrl} from LOGTO_URL (issuer ${issuer.issuer})`)
    assert.match(found(findings, 'Audience'), new RegExp(`^https://other\\.example\\.com, ${AUDIENCE},`))
  })

  test('prefers flags and --options to the environment', async () => {
    const wrong = { LOGTO_URL: CLOSED_PORT, LOGTO_AUDIENCE: 'wrong' }
    const own = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
    for (const args of [
      ['--url', issuer.logtoUrl, '--audience', AUDIENCE],
      ['--options', save(own)],
    ]) {
      const { code, findings } = await doctor(args, wrong)
      assert.equal(code, 0)
      assert.equal(found(findings, 'URL'), `${issuer.logtoUrl} (issuer ${issuer.issuer})`)
    }
    const { findings } = await doctor(['--options', save({ ...own, audience: null })], wrong)
    assert.equal(found(findings, 'Audience'), 'not checked: the option audience is null')
  })

  test('without a URL, names every way to set one', async () => {
    const { code, stderr } = await cli(['doctor'])
    assert.equal(code, 2)
    assert.match(stderr, /--url.*--options.*LOGTO_URL/)
  })
})

describe('without variables in the environment, doctor and explain', () => {
  const inFolder = (name, content) => ({ cwd: () => dirname(file(name, content)) })
  const variables = () => `LOGTO_URL=${issuer.logtoUrl}\nLOGTO_AUDIENCE=${AUDIENCE}\n`

  test('read .env, and say so', async () => {
    const surroundings = inFolder('.env', variables())
    const notice = 'Read LOGTO_URL and LOGTO_AUDIENCE from .env.\n'
    const doctor = await cli(['doctor', '--json'], surroundings)
    assert.deepEqual([doctor.code, doctor.stderr, JSON.parse(doctor.stdout).ok], [0, notice, true])
    const explained = await cli(['explain', '-'], { ...surroundings, stdin: issuer.mint() })
    assert.deepEqual([explained.code, explained.stderr], [0, notice])
  })

  test('prefer .env.local to .env, and flags and the environment to both', async () => {
    const surroundings = inFolder('.env', `LOGTO_URL=${CLOSED_PORT}\nLOGTO_AUDIENCE=${AUDIENCE}\n`)
    file('.env.local', `LOGTO_URL=${issuer.logtoUrl}\n`)
    const both = await cli(['doctor'], surroundings)
    assert.deepEqual([both.code, both.stderr], [0, 'Read LOGTO_URL from .env.local.\nRead LOGTO_AUDIENCE from .env.\n'])
    const flags = await cli(['doctor', '--url', issuer.logtoUrl, '--audience', AUDIENCE], surroundings)
    assert.deepEqual([flags.code, flags.stderr], [0, ''])
    const set = await cli(['doctor'], { ...surroundings, env })
    assert.deepEqual([set.code, set.stderr], [0, ''])
    file('.env.local', '')
  })

  test('say that an application does not read a variable that is empty in the environment', async () => {
    const surroundings = { ...inFolder('.env', variables()), env: { LOGTO_URL: '', LOGTO_AUDIENCE: AUDIENCE } }
    const { code, stderr } = await cli(['doctor'], surroundings)
    assert.equal(code, 0)
    assert.match(stderr, /^Read LOGTO_URL from \.env, which `--env-file` does not do while .*: `unset LOGTO_URL`\.\n$/)
  })

  test('ignore a file that sets neither', async () => {
    const surroundings = inFolder('.env', '# LOGTO_URL=a\nLOGTO_AUDIENCE=\n')
    assert.match(
      (await cli(['doctor'], surroundings)).stderr,
      /set LOGTO_URL in the environment, \.env\.local or \.env\.$/m,
    )
    assert.match((await explain([], {}, surroundings)).hints[0], /with --url, or set LOGTO_URL\.$/)
  })
})

test('an invalid variable is a usage error that names the variable', async () => {
  for (const [command, variables, says] of /** @type {[string, any, RegExp][]} */ ([
    ['doctor', { LOGTO_URL: 'auth' }, /^Invalid environment variable LOGTO_URL: /],
    ['explain', { LOGTO_URL: 'auth' }, /^Invalid environment variable LOGTO_URL: /],
    ['explain', { LOGTO_AUDIENCE: 'a"' }, /^Invalid environment variable LOGTO_AUDIENCE: /],
  ])) {
    const { code, stderr } = await cli([command], { env: variables })
    assert.equal(code, 2)
    assert.match(stderr, says)
  }
})

const save = (options) => file('auth.json', JSON.stringify(options))

const found = (findings, check) => findings.find((finding) => finding.check === check).found

async function explain(args, variables = {}, surroundings = {}) {
  const { stdout, stderr } = await cli(['explain', '--json', ...args], {
    stdin: issuer.mint(),
    env: variables,
    ...surroundings,
  })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

async function doctor(args, variables) {
  const { code, stdout, stderr } = await cli(['doctor', '--json', ...args], { env: variables })
  assert.equal(stderr, '')
  return { code, ...JSON.parse(stdout) }
}
