/** `doctor --redis` on real servers, with every supported client. */

const assert = require('node:assert/strict')
const { mkdirSync, mkdtempSync, rmSync, symlinkSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { dirname, join } = require('node:path')
const { describe, test } = require('node:test')
const { cli } = require('../support/cli')
const { NO_REDIS, startRedis, startTcpProxy } = require('../support/redis')

const STREAM = 'logto-authkit:revocations'
const CHECKS = ['Redis', 'Persistence', 'Memory', 'Stream', 'Entries', 'Lag']
const entry = (members) => JSON.stringify(JSON.stringify({ v: 1, ...members }))
const ALICE = entry({ kind: 'subject', id: 'alice', before: Math.floor(Date.now() / 1000) })
const DURABLE = ['--appendonly', 'yes']

describe('doctor --redis', { skip: NO_REDIS }, () => {
  for (const name of ['redis', 'redis-5', 'redis-4', 'ioredis', 'ioredis-5', 'iovalkey']) {
    test(`finds no problem on a healthy server with ${name}, and leaves nothing behind`, async (t) => {
      const server = await startRedis(t, ...DURABLE)
      await server.command(`XADD ${STREAM} * e ${ALICE}`)
      const { code, findings } = await doctor(server.url, { cwd: projectWith(t, name) })
      assert.deepEqual(failures(findings), [])
      assert.deepEqual([code, findings.map(({ check, ok }) => [check, ok])], [0, CHECKS.map((check) => [check, true])])
      const library = name.replace(/-\d$/, '')
      assert.match(found(findings, 'Redis'), new RegExp(`^Redis [\\d.]+ at 127\\.0\\.0\\.1:\\d+, through ${library}$`))
      assert.match(found(findings, 'Stream'), /^logto-authkit:revocations: 1 item, oldest .* ago, newest .* ago$/)
      assert.match(found(findings, 'Entries'), /^1 loaded in \d+ ms$/)
      assert.match(found(findings, 'Lag'), /^\d+ ms until another instance rejects; slowest of 20: \d+ ms$/)
      assert.equal(await server.command('KEYS *'), `*1\r\n$${STREAM.length}\r\n${STREAM}\r\n`)
      assert.match(await server.command(`XLEN ${STREAM}`), /^:1\r/)
    })
  }

  test('reports a server that forgets: without persistence, or with a policy that evicts the stream', async (t) => {
    const server = await startRedis(t)
    const limit = (policy) => server.command(`CONFIG SET maxmemory 50mb maxmemory-policy ${policy}`)
    await limit('allkeys-lru')
    const { code, findings } = await doctor(server.url)
    assert.deepEqual([code, failures(findings)], [1, ['Persistence', 'Memory']])
    assert.match(finding(findings, 'Persistence').advice, /appendonly yes/)
    assert.match(finding(findings, 'Memory').advice, /maxmemory-policy noeviction/)
    assert.deepEqual(finding(findings, 'Stream').ok, null)
    assert.match(finding(findings, 'Stream').advice, /--redis-prefix/)
    for (const policy of ['noeviction', 'volatile-lru']) {
      await limit(policy)
      assert.deepEqual(failures((await doctor(server.url)).findings), ['Persistence'])
    }
  })

  test('counts entries that this release does not understand', async (t) => {
    const server = await startRedis(t, ...DURABLE)
    await server.command(`XADD eu:revocations * e ${ALICE} e ${entry({ v: 2, kind: 'x' })} e garbage`)
    const { findings } = await doctor(server.url, {}, '--redis-prefix', 'eu')
    assert.deepEqual(failures(findings), ['Entries'])
    assert.match(found(findings, 'Entries'), /^2 not understood, 1 loaded in \d+ ms$/)
  })

  test('names the key that something else uses', async (t) => {
    const server = await startRedis(t, ...DURABLE)
    await server.command(`SET ${STREAM} text`)
    const { findings } = await doctor(server.url)
    assert.deepEqual(failures(findings), ['Stream'])
    assert.match(found(findings, 'Stream'), /^logto-authkit:revocations: .*WRONGTYPE/)
    assert.equal(found(findings, 'Lag'), 'not checked, see Stream')
  })

  test('reports a replica with its primary', async (t) => {
    const primary = await startRedis(t)
    const replica = await startRedis(t, '--replicaof', `127.0.0.1 ${primary.port}`)
    const { findings } = await doctor(replica.url)
    assert.deepEqual(failures(findings), ['Redis'])
    assert.match(finding(findings, 'Redis').advice, /Pass the URL of its primary, 127\.0\.0\.1/)
    assert.equal(found(findings, 'Lag'), 'not checked, see Redis')
  })

  test('says why it cannot reach a server, and never prints the password', async (t) => {
    const server = await startRedis(t)
    await server.command('CONFIG SET requirepass open-sesame')
    const stopped = await startRedis(t)
    await stopped.kill('SIGSTOP')
    t.after(() => stopped.kill('SIGCONT'))
    const { port } = server
    for (const [url, says] of /** @type {[string, RegExp][]} */ ([
      ['redis://127.0.0.1:1', /^127\.0\.0\.1:1: connection refused \(ECONNREFUSED\)/],
      ['redis://redis.invalid', /^redis\.invalid: .*\((ENOTFOUND|EAI_AGAIN)\)/],
      [server.url, /NOAUTH.*The URL needs a user name and a password/],
      [`redis://:wrong-secret@127.0.0.1:${port}`, /WRONGPASS.*The URL needs a user name and a password/],
      [`rediss://127.0.0.1:${port}`, /redis:\/\/ instead of rediss:\/\//],
      [stopped.url, /no response within 300 ms/],
    ])) {
      for (const name of ['redis', 'ioredis']) {
        const { code, findings, stdout } = await doctor(url, { cwd: projectWith(t, name) }, '--timeout', '300')
        assert.deepEqual([code, failures(findings)], [1, ['Redis']], url)
        assert.match(`${found(findings, 'Redis')} ${finding(findings, 'Redis').advice}`, says, `${name} ${url}`)
        assert.doesNotMatch(stdout, /wrong-secret/)
      }
    }
    const unusable = await doctor(`redis://:open%zz-sesame@127.0.0.1:${port}`)
    assert.match(found(unusable.findings, 'Redis'), /rejects the URL/)
    assert.doesNotMatch(unusable.stdout, /sesame/)
    const { findings, stdout } = await doctor(`redis://:open-sesame@127.0.0.1:${port}`)
    assert.deepEqual(failures(findings), ['Persistence'])
    assert.doesNotMatch(stdout, /open-sesame/)
  })

  test('measures a slow connection, which fails', async (t) => {
    const server = await startRedis(t, ...DURABLE)
    const proxy = await startTcpProxy(t, server.port)
    proxy.delay = 300
    const { findings } = await doctor(`redis://127.0.0.1:${proxy.port}`)
    assert.deepEqual(failures(findings), ['Lag'])
    assert.match(finding(findings, 'Lag').advice, /Check the network/)
  })

  test('fits into 60 columns without breaking words', async (t) => {
    const server = await startRedis(t)
    const { code, stdout } = await cli(['doctor', '--redis', server.url], { columns: 60 })
    assert.equal(code, 1)
    for (const line of stdout.split('\n')) assert.ok(line.length <= 60, line)
    assert.match(stdout, /^✗ Persistence no append-only file/m)
    assert.match(stdout, /\n1 problem, 1 warning\.\n$/)
  })
})

test('doctor --redis without a client in the project says how to install one', async (t) => {
  const { code, findings } = await doctor('redis://localhost', { cwd: projectWith(t) })
  assert.deepEqual([code, failures(findings)], [1, ['Redis']])
  assert.match(found(findings, 'Redis'), /^none of the packages redis, ioredis, iovalkey is installed in \//)
  assert.match(finding(findings, 'Redis').advice, /npm install redis$/)
})

test('doctor --redis takes only the URL of a Redis server, and does not print another', async () => {
  for (const url of ['localhost:6379', 'https://user:secret@localhost', 'redis://', '', 'redis://:secret@localhost']) {
    const { code, stdout, stderr } = await cli(['doctor', '--redis', url])
    assert.deepEqual([code, stdout], [2, ''], url)
    const says = url.includes('secret')
      ? /^--redis takes no password: pass the name of an environment variable that contains the URL\n/
      : /^--redis takes a URL that starts with redis:\/\/ or rediss:\/\/ without a user name\n/
    assert.match(stderr, says)
    const named = await cli(['doctor', '--redis', 'SECRET'], { env: { SECRET: url.replace('redis:', 'http:') } })
    assert.deepEqual([named.code, named.stdout], [2, ''], url)
    assert.match(named.stderr, /^the environment variable SECRET must contain a URL that starts with redis:/)
    assert.doesNotMatch(stderr + named.stderr, /secret/)
  }
})

/** Returns the folder of a project, in which only this client is installed. */
function projectWith(t, name = '') {
  const folder = mkdtempSync(join(tmpdir(), 'logto-authkit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  if (name !== '') {
    mkdirSync(join(folder, 'node_modules'))
    const target = join(folder, 'node_modules', name.replace(/-\d$/, ''))
    symlinkSync(join(dirname(require.resolve('../../package.json')), 'node_modules', name), target, 'junction')
  }
  return () => folder
}

async function doctor(url, surroundings = {}, ...args) {
  const env = { ...surroundings.env, REDIS_URL: url }
  const { code, stdout, stderr } = await cli(['doctor', '--json', '--redis', 'REDIS_URL', ...args], {
    ...surroundings,
    env,
  })
  assert.equal(stderr, '')
  return { code, stdout, ...JSON.parse(stdout) }
}

const failures = (findings) => findings.filter(({ ok }) => ok === false).map(({ check }) => check)

function finding(findings, check) {
  const found = findings.find((finding) => finding.check === check)
  assert.ok(found, check)
  return found
}

const found = (findings, check) => finding(findings, check).found
