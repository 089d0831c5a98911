const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const { text } = require('node:stream/consumers')
const { describe, test } = require('node:test')
const { parseEnv } = require('node:util')
const { WebSocket } = require('ws')
const { startDev } = require('../support/cli')
const { temporaryFolder } = require('../support/files')
const { startIssuer } = require('../support/helpers')
const { ask, bearer, listen } = require('../support/frameworks')
const { ROOT, blocks, read, rows, section } = require('../support/pages')
const { NO_REDIS, startRedis } = require('../support/redis')
const { EXAMPLES, compile, launch, start } = require('../support/start-example')

const AUDIENCE = 'https://api.example.com'

/** Claims of the tokens in the table of permissions; the right one depends on the route. */
const TOKENS = {
  'API resource': () => ({ scope: SCOPES }),
  'organization org1': () => ({ scope: SCOPES, audience: 'urn:logto:organization:org1' }),
  'organization org2': () => ({ scope: SCOPES, audience: 'urn:logto:organization:org2' }),
  'API resource within org1': () => ({ scope: SCOPES, organizationId: 'org1' }),
  'API resource within org2': () => ({ scope: SCOPES, organizationId: 'org2' }),
  'matching token without the scope': (path) => {
    if (path === '/orders') return {}
    return path === '/org1/members' ? { audience: 'urn:logto:organization:org1' } : { organizationId: 'org1' }
  },
}
const SCOPES = 'read:orders read:members'

test('every application that a page starts prints its URL', { timeout: 300_000 }, async (t) => {
  const examples = [
    'csrf',
    'express',
    'guests',
    'mcp',
    'mcp-sdk-2',
    'operating',
    'permissions',
    'revocation',
    'roles',
    'server',
  ]
  const templates = ['express', 'fastify', 'hono', 'koa']
  const { save } = temporaryFolder(t, join(EXAMPLES, '.templates-'))
  const files = [
    ...[...examples, 'socket-io', 'websocket'].map((name) => join(EXAMPLES, `${name}.mjs`)),
    ...templates.map((name) => save(`${name}.mjs`, read(`js/cli/templates/${name}.mjs`))),
    compile(t, 'nestjs.ts'),
  ]
  const env = { LOGTO_URL: 'http://127.0.0.1:9', LOGTO_AUDIENCE: AUDIENCE, PORT: '0' }
  for (const file of files) {
    const application = spawn(process.execPath, [file], {
      env: { ...process.env, ...env, LOGTO_WEBHOOK_KEY: 'key', LOGTO_APP_ID: 'my-app', REDIS_URL: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => application.kill())
    const [line] = await once(createInterface(application.stdout), 'line')
    assert.equal(line, 'listening at http://localhost:0', file)
    application.kill()
  }
})

describe('the example', { timeout: 300_000 }, () => {
  test('of permissions accepts and rejects tokens as its page says', async (t) => {
    const { url, token } = await start(t, join(EXAMPLES, 'permissions.mjs'))
    const table = rows(String(section(read('docs/permissions.md'), 'An API with all three models')))
    const [[, ...paths], , ...kinds] = table.map((row) => row.map((cell) => cell.replaceAll('`', '')))
    assert.deepEqual([paths.length, kinds.length], [3, Object.keys(TOKENS).length])
    for (const [kind, ...verdicts] of kinds) {
      for (const [i, path] of paths.entries()) {
        const { status, body } = await ask(url + path, token(TOKENS[kind](path)))
        assert.equal(status === 200 ? 'accepted' : JSON.parse(body).code, verdicts[i], `${kind}: ${path}`)
      }
    }
  })

  /** Runs commands of a page against a server, and returns their output and the statuses of the responses. */
  async function runCommands(commands, url, page) {
    const script = commands.replaceAll('http://127.0.0.1:3002', page).replaceAll('localhost:3000', new URL(url).host)
    const bash = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
    const printed = await text(bash.stdout)
    return { printed, statuses: (printed.match(/(?<=^HTTP\/1\.1 )\d+/gm) ?? []).map(Number) }
  }

  test('of permissions accepts the tokens that its page gets from dev', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const { url } = await launch(t, join(EXAMPLES, 'permissions.mjs'), logtoUrl, 'ignore')
    const [commands] = blocks(['docs/permissions.md']).filter(({ language }) => language === 'sh')
    const { printed, statuses } = await runCommands(commands.code, url, page)
    assert.deepEqual(statuses, [200, 200, 200], printed)
  })

  test('of roles responds to the requests of its page as the page says', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const { url } = await launch(t, join(EXAMPLES, 'roles.mjs'), logtoUrl, 'ignore')
    const commands = blocks(['docs/permissions.md']).filter(({ language }) => language === 'sh')[1]
    const { printed, statuses } = await runCommands(commands.code, url, page)
    assert.deepEqual(statuses, [403, 200], printed)
    assert.match(printed, /"code":"missing_role"[\s\S]*\{"admin":"alice"\}/)
  })

  for (const [i, name] of ['graphql-yoga', 'apollo-server'].entries()) {
    test(`of ${name} responds to the requests of its page as the page says`, async (t) => {
      const { logtoUrl, page } = await startDev(t)
      const { url } = await launch(t, compile(t, `recipes/${name}.ts`), logtoUrl, 'ignore')
      const { code } = blocks(['docs/graphql.md']).filter(({ language }) => language === 'sh')[i]
      const withoutScope = code.replace('&scope=read:orders', '')
      const withoutToken = code.replace(/ -H "Authorization[^"]*"/, '')
      const { printed, statuses } = await runCommands([withoutToken, withoutScope, code].join(''), url, page)
      const [, , ...table] = rows(read('docs/graphql.md')).map(([, response]) => response)
      assert.deepEqual(
        statuses,
        table.map((response) => Number.parseInt(response, 10)),
      )
      const shown = table.map((response) => String(/(?<=`)[^`]+/.exec(response)))
      for (const word of shown) assert.ok(printed.includes(word), `${word}: ${printed}`)
    })
  }

  test('of WebSockets reads the token from the subprotocol, however the client separates the protocols', async (t) => {
    const issuer = await startIssuer(t)
    Object.assign(process.env, { LOGTO_URL: issuer.logtoUrl, LOGTO_AUDIENCE: AUDIENCE })
    const { save } = temporaryFolder(t, join(EXAMPLES, '.websocket-'))
    const { code } = blocks(['docs/websocket.md']).filter(({ language }) => language === 'ts')[0]
    const { authenticate, sockets } = await import(compile(t, save('server.ts', code)))
    const server = createServer().on('upgrade', async (request, socket, head) => {
      const auth = await authenticate(request)
      if (auth !== null) sockets.handleUpgrade(request, socket, head, (ws) => ws.send(auth.userId))
    })
    const url = (await listen(t, server)).replace('http', 'ws')
    const token = issuer.mint({ sub: 'alice', audience: AUDIENCE })
    // `ws` sends `bearer,eyJ…`, and browsers send `bearer, eyJ…`.
    for (const separator of [',', ', ']) {
      const client = new WebSocket(url, ['bearer', token], {
        finishRequest: (request) => {
          const protocols = `bearer${separator}${token}`
          if (separator === ',') assert.equal(request.getHeader('sec-websocket-protocol'), protocols)
          request.setHeader('sec-websocket-protocol', protocols)
          request.end()
        },
      })
      const [message] = await once(client, 'message')
      assert.deepEqual([String(message), client.protocol], ['alice', 'bearer'])
      client.terminate()
    }
    const [{ message }] = await once(new WebSocket(url, ['bearer']), 'error')
    assert.equal(message, 'Unexpected server response: 401')
  })

  test('of AWS Lambda answers events with and without a token', async (t) => {
    const issuer = await startIssuer(t)
    Object.assign(process.env, { LOGTO_URL: issuer.logtoUrl, LOGTO_AUDIENCE: AUDIENCE })
    const { handler } = await import(join(EXAMPLES, 'lambda.mjs'))
    assert.equal(issuer.jwksRequests, 1)
    const token = issuer.mint({ sub: 'alice', audience: AUDIENCE })
    for (const event of [bearer(token), { headers: {}, cookies: ['a=b', `logto_authtoken=${token}`] }]) {
      assert.deepEqual(await handler(event), { statusCode: 200, body: '{"userId":"alice"}' })
    }
    const commands = blocks(['docs/deploying.md']).find(({ code }) => code.includes('index.mjs'))
    const script = String(commands?.code.split('\n').slice(1).join('\n'))
    const here = script.replace('--env-file=.env ', '').replace('./index.mjs', join(EXAMPLES, 'lambda.mjs'))
    const bash = spawn('bash', ['-c', here], {
      env: { ...process.env, TOKEN: token },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    assert.match(await text(bash.stdout), /statusCode: 200/)
    const { statusCode, headers, body } = await handler({ headers: {} })
    assert.deepEqual(
      [statusCode, headers['WWW-Authenticate'], JSON.parse(body).code],
      [401, 'Bearer realm="api"', 'missing_token'],
    )
  })

  test('of revocation responds as its page says to requests from dev', async (t) => {
    const { output } = await startDev(t, [])
    const logtoUrl = String(/LOGTO_URL=(.*)/.exec(output)?.[1])
    const page = String(/Page +(.*)/.exec(output)?.[1])
    const steps = blocks(['docs/revocation.md'])
    const variables = String(steps.find(({ language }) => language === 'text')?.code)
    const env = { ...parseEnv(variables), LOGTO_URL: logtoUrl, REDIS_URL: '' }
    const { url } = await launch(t, join(EXAMPLES, 'revocation.mjs'), logtoUrl, 'inherit', env)
    const isStep = ({ language, code }) =>
      language === 'sh' && code.includes('curl') && !code.includes('localhost:3010')
    const commands = steps.filter(isStep)
    const script = commands.map(({ code }) => code).join('')
    const here = script.replaceAll('http://127.0.0.1:3002', page).replaceAll('localhost:3000', new URL(url).host)
    const bash = spawn('bash', ['-c', here], { stdio: ['ignore', 'pipe', 'inherit'] })
    const printed = await text(bash.stdout)
    const expected = read('docs/revocation.md').match(/Expect .*:$/gm) ?? []
    const announced = expected.join().match(/(?<= )\d{3} `\w+`|(?<= )\d{3}|(?<=`\{"status":)\d+/g)
    const responses = printed.match(/(?<=^HTTP\/1\.1 )\d+|(?<=^\{"status":)\d+|(?<="code":")\w+/gm) ?? []
    assert.deepEqual(
      responses
        .join()
        .replaceAll(/,([a-z_]+)/g, ' `$1`')
        .split(','),
      announced,
    )
    assert.deepEqual([steps.length > 3, announced?.length], [true, 8])
  })

  test('of revocation rejects a token on another instance', { skip: NO_REDIS }, async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const env = { REDIS_URL: (await startRedis(t)).url, LOGTO_WEBHOOK_KEY: 'key', LOGTO_APP_ID: 'my-app' }
    const launchInstance = () => launch(t, join(EXAMPLES, 'revocation.mjs'), logtoUrl, 'inherit', env)
    const [first, second] = await Promise.all([launchInstance(), launchInstance()])
    const commands = blocks(['docs/revocation.md']).find(({ code }) => /curl.*localhost:3010/.test(code))
    const script = String(commands?.code).replaceAll('localhost:3010', new URL(second.url).host)
    const { printed, statuses } = await runCommands(script, first.url, page)
    assert.deepEqual(statuses, [200, 204, 401], printed)
    assert.match(printed, /"code":"token_revoked"/)
  })

  /** Starts an issuer, and the application before and after the changes that a page shows. */
  async function startMigrated(t, page) {
    const issuer = await startIssuer(t)
    const { save } = temporaryFolder(t, join(EXAMPLES, '.migrating-'))
    const changes = blocks([page]).findLast(({ language }) => language === 'diff')?.code ?? ''
    const start = async (mark) => {
      const lines = changes.split('\n').filter((line) => line === '' || line[0] === ' ' || line[0] === mark)
      const module = save(`${mark === '-' ? 'before' : 'after'}.mjs`, lines.map((line) => line.slice(1)).join('\n'))
      return (await launch(t, module, issuer.logtoUrl, 'ignore')).url
    }
    return { issuer, before: await start('-'), after: await start('+') }
  }

  test('of migrating responds with the same statuses before and after, except to a missing role', async (t) => {
    const { issuer, before, after } = await startMigrated(t, 'docs/migrating.md')
    const statuses = async (url, claims) => {
      const options = claims && bearer(issuer.mint({ audience: AUDIENCE, ...claims }))
      return Promise.all(['/me', '/orders', '/admin'].map(async (path) => (await ask(url + path, options)).status))
    }
    for (const [claims, expectedBefore, expectedAfter = expectedBefore] of /** @type {any[]} */ ([
      [undefined, [401, 401, 401]],
      [{ expiresIn: -60 }, [401, 401, 401]],
      [{}, [200, 403, 401], [200, 403, 403]],
      [{ scope: 'read:orders', claims: { roles: ['admin'] } }, [200, 200, 200]],
    ])) {
      assert.deepEqual(await statuses(before, claims), expectedBefore)
      assert.deepEqual(await statuses(after, claims), expectedAfter)
    }
  })

  test('of migrating from jose responds with the same statuses, and with the codes that its page says', async (t) => {
    const { issuer, before, after } = await startMigrated(t, 'docs/migrating-jose.md')
    const pairs = rows(String(section(read('docs/migrating-jose.md'), 'Errors')))
    const mint = (claims) => issuer.mint({ audience: AUDIENCE, ...claims })
    const other = (await startIssuer(t)).mint({ audience: AUDIENCE })
    const unsigned = `${btoa('{"alg":"HS256","typ":"at+jwt"}')}.e30.AAAA`
    for (const url of [before, after]) {
      assert.equal((await ask(`${url}/me`)).status, 401)
      assert.equal((await ask(`${url}/me`, bearer(mint()))).status, 200)
      assert.equal((await ask(`${url}/orders`, bearer(mint()))).status, 403)
      assert.equal((await ask(`${url}/orders`, bearer(mint({ scope: 'read:orders' })))).status, 200)
    }
    for (const token of [
      ...[{ expiresIn: -60 }, { audience: 'https://other.example' }, { notBefore: 60 }].map(mint),
      ...[{ iss: 'https://other.example' }, { exp: 'never' }].map((claims) => mint({ claims })),
      ...[`${mint().slice(0, -9)}AAAAAAAAA`, other, 'a.b', 'opaque', '', unsigned],
    ]) {
      const [old, now] = [await ask(`${before}/me`, bearer(token)), await ask(`${after}/me`, bearer(token))]
      assert.deepEqual([old.status, now.status], [401, 401], now.body)
      const [{ error }, { code }] = [JSON.parse(old.body), JSON.parse(now.body)]
      const row = pairs.find(([first, second]) => first.includes(`\`${error}\``) && second.includes(`\`${code}\``))
      assert.ok(row, `${error}: ${code}`)
    }
  })

  test('of operating says when it is ready, shows its figures and logs why it refuses', async (t) => {
    const { url, issuer, token, example } = await start(t, join(EXAMPLES, 'operating.mjs'), 'pipe')
    const log = createInterface(/** @type {import('node:stream').Readable} */ (example.stderr))
    issuer.setOutage('error')
    assert.equal((await ask(`${url}/ready`)).status, 503)
    const stats = async () => JSON.parse((await ask(`${url}/stats`)).body).jwks
    assert.deepEqual([(await stats()).state, (await stats()).lastError], ['empty', 'the JWKS URL responded with 500'])
    const line = once(log, 'line')
    const { status, body } = await ask(`${url}/me`, token({ expiresIn: -1 }))
    assert.deepEqual([status, JSON.parse(body).code], [503, 'jwks_unavailable'])
    assert.deepEqual(JSON.parse((await line)[0]), {
      code: 'jwks_unavailable',
      path: '/me',
      details: { jwksUri: issuer.jwksUri },
      cause: 'the JWKS URL responded with 500',
    })
  })

  test('of operating is ready once keys are cached', async (t) => {
    const { url, token } = await start(t, join(EXAMPLES, 'operating.mjs'))
    assert.equal((await ask(`${url}/ready`)).status, 200)
    assert.equal((await ask(`${url}/me`, token({ sub: 'alice' }))).body, '{"userId":"alice"}')
    const { jwks, tokens } = JSON.parse((await ask(`${url}/stats`)).body)
    assert.deepEqual([jwks.state, jwks.fetches, tokens.hits, tokens.misses], ['fresh', 1, 0, 0])
  })

  test('of Jest passes', () => {
    const { status, stderr } = run('jest/bin/jest.js', '--rootDir', join(EXAMPLES, 'testing'), '--ci', 'jest.test')
    assert.equal(status, 0, stderr)
    assert.match(stderr, /Tests: +4 passed, 4 total/)
  })

  test('of Vitest passes', () => {
    const { status, stdout } = run('vitest/vitest.mjs', 'run', '--root', join(EXAMPLES, 'testing'), 'vitest.test')
    assert.equal(status, 0, stdout)
    assert.match(stdout, /Tests +1 passed/)
  })

  test('of Vitest passes with the routes of Next.js', (t) => {
    // A folder inside this package, because examples/next is a separate package, without this package installed.
    const { folder, save } = temporaryFolder(t, join(EXAMPLES, 'testing/.next-'))
    for (const name of ['vitest.config.mts', 'orders.test.ts']) save(name, read(`examples/testing/next/${name}`))
    save('lib/auth.ts', read('js/cli/templates/next-auth.ts'))
    save('app/api/orders/route.ts', read('examples/next/app/api/orders/route.ts'))
    const { status, stdout, stderr } = run('vitest/vitest.mjs', 'run', '--root', folder)
    assert.equal(status, 0, stdout + stderr)
    assert.match(stdout, /Tests +1 passed/)
  })

  function run(tool, ...args) {
    const env = { ...process.env, CI: '1', NO_COLOR: '1', NODE_TEST_CONTEXT: undefined }
    const options = { env, encoding: /** @type {const} */ ('utf8'), timeout: 300_000 }
    return spawnSync(process.execPath, [join(ROOT, 'node_modules', tool), ...args], options)
  }
})
