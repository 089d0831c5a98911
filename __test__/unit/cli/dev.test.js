const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { mkdirSync, symlinkSync } = require('node:fs')
const http = require('node:http')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { verifyAuth } = require('logto-authkit')
const { TOKEN_KINDS } = require('../../../js/cli/dev-tokens')
const { run } = require('../../../js/cli/run')
const { protectedPath, readSources } = require('../../../js/cli/source-files')
const { createTestIssuer } = require('logto-authkit/testing')
const { cli, startDev } = require('../../support/cli')
const { verdict } = require('../../support/helpers')
const { text } = require('node:stream/consumers')
const { serve } = require('../../support/frameworks')
const { project, uses } = require('../../support/init')
const { freePort } = require('../../support/servers')
const { AUDIENCE } = require('../../support/tokens')
const express = require('express')
const { logtoAuth, protect } = require('logto-authkit/express')
const { createRevocations } = require('logto-authkit/revocation')

describe('dev', { timeout: 60_000 }, () => {
  test('issues tokens that the library accepts with the printed options', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const { status, body } = await post(page, '/api/tokens', { sub: 'alice', scope: 'read:orders', clientId: 'my-app' })
    assert.equal(status, 200)
    const auth = await verifyAuth(body.token, { logtoUrl, audience: AUDIENCE, requiredScope: 'read:orders' })
    assert.deepEqual([auth.userId, auth.payload], ['alice', body.claims])
    assert.equal(body.header.typ, 'at+jwt')
  })

  test('issues ID tokens, opaque tokens and expired tokens', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const options = { logtoUrl, audience: null }
    for (const [kind, wanted] of [
      ['id', 'invalid_token_type'],
      ['opaque', 'opaque_token'],
    ]) {
      const { body } = await post(page, '/api/tokens', { kind, sub: 'alice', clientId: 'my-app' })
      assert.equal(await verdict(verifyAuth(body.token, options)), wanted)
    }
    const { body } = await post(page, '/api/tokens', { expiresIn: -60 })
    assert.equal(await verdict(verifyAuth(body.token, options)), 'token_expired')
  })

  test('issues tokens as text, for scripts', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const options = { logtoUrl, audience: AUDIENCE, requiredScope: 'read:orders' }
    for (const [query, expected] of [
      ['sub=alice&scope=read:orders', 'accepted'],
      ['sub=alice', 'missing_scope'],
      ['expiresIn=-60', 'token_expired'],
      ['scope=read:orders&notBefore=600', 'token_not_active'],
      ['kind=id', 'invalid_token_type'],
      ['kind=opaque', 'opaque_token'],
      ['kind=personal', 'opaque_token'],
    ]) {
      const response = await fetch(`${page}/token?${query}`)
      assert.equal(response.headers.get('content-type'), 'text/plain')
      const token = await response.text()
      assert.equal(token.startsWith('pat_'), query === 'kind=personal')
      assert.equal(await verdict(verifyAuth(token, options)), expected, query)
    }
    for (const [query, says] of /** @type {[string, RegExp][]} */ ([
      ['kind=refresh', /"kind": expected access, machine, resource, organization, id, opaque or personal/],
      ['subject=alice', /subject/],
      ['expiresIn=soon', /"expiresIn"/],
      ['expiresIn=', /"expiresIn"/],
      ['expiresIn=+', /"expiresIn"/],
      ['notBefore=', /"notBefore"/],
      ['roles=admin', /^Unknown option "roles": known options are audience, claims, .*, kind, .*, sub$/],
      [
        'claims=admin',
        /^Invalid option "claims": expected a JSON object such as \{"roles":\["admin"\]\}, got "admin"$/,
      ],
      ['claims=["admin"]', /^Invalid option "claims": expected a JSON object .*, got "\["admin"\]"$/],
      ['claims=', /^Invalid option "claims": expected a JSON object .*, got ""$/],
    ])) {
      const response = await fetch(`${page}/token?${query}`)
      assert.equal(response.status, 400)
      assert.match(/** @type {any} */ (await response.json()).error, says)
    }
  })

  test('issues tokens with the claims in the query', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const options = { logtoUrl, audience: AUDIENCE, requiredRole: 'admin' }
    const token = async (claims) => (await fetch(`${page}/token?sub=alice&claims=${encodeURIComponent(claims)}`)).text()
    assert.equal(await verdict(verifyAuth(await token('{"roles":["admin"]}'), options)), 'accepted')
    assert.equal(await verdict(verifyAuth(await token('{"roles":["user"]}'), options)), 'missing_role')
  })

  test('issues every kind of token that the page offers', async (t) => {
    const { page } = await startDev(t)
    const html = await (await fetch(page)).text()
    const [select] = html.split('name="kind"')[1].split('</select>')
    const kinds = [...select.matchAll(/value="(\w+)"/g)].map(([, kind]) => kind)
    assert.deepEqual(kinds, TOKEN_KINDS)
    const claims = async (query) => {
      const token = await (await fetch(`${page}/token?${query}`)).text()
      return JSON.parse(atob(token.split('.')[1]))
    }
    const machine = await claims('kind=machine&clientId=worker')
    assert.deepEqual([machine.sub, machine.client_id, machine.aud], ['worker', 'worker', AUDIENCE])
    const resource = await claims('kind=resource&scope=read:orders')
    assert.deepEqual(
      [resource.sub, resource.organization_id, resource.aud, resource.scope],
      ['alice', 'my-org', AUDIENCE, 'read:orders'],
    )
    assert.equal((await claims('kind=organization')).aud, 'urn:logto:organization:my-org')
    assert.equal((await claims('kind=organization&organizationId=o')).aud, 'urn:logto:organization:o')
  })

  test('prints each rejected request for a token, with the reason', async (t) => {
    const { page, stderr } = await startDev(t)
    await fetch(`${page}/token?kind=access`)
    await fetch(`${page}/nowhere`)
    assert.equal(stderr(), '')
    await fetch(`${page}/token?kind=refresh`)
    assert.match(stderr(), /^GET \/token\?kind=refresh was rejected: Invalid option "kind": expected access, .*\n$/)
    await post(page, '/api/tokens', { subject: 'x' })
    assert.match(stderr(), /\nPOST \/api\/tokens was rejected: Unknown option "subject"/)
    const printed = stderr()
    await fetch(`${page}/token?text=of+another+site`, { headers: { 'sec-fetch-site': 'cross-site' } })
    assert.equal(stderr(), printed)
  })

  test('issues tokens for the user alice and the application my-app unless the request names others', async (t) => {
    const { page } = await startDev(t)
    for (const [query, claim, expected] of [
      ['', 'client_id', 'my-app'],
      ['', 'sub', 'alice'],
      ['kind=id', 'aud', 'my-app'],
      ['clientId=web', 'client_id', 'web'],
      ['kind=id&clientId=web', 'aud', 'web'],
    ]) {
      const token = await (await fetch(`${page}/token?${query}`)).text()
      assert.equal(JSON.parse(atob(token.split('.')[1]))[claim], expected, query)
      const { body } = await post(page, '/api/tokens', Object.fromEntries(new URLSearchParams(query)))
      assert.equal(body.claims[claim], expected, query)
    }
  })

  test('names the route that init creates in a Next.js project', async (t) => {
    const { output } = await startDev(t, [])
    assert.match(output, /the routes \/me \(in Next\.js: \/api\/me\) and \/orders/)
    const url = /Page +(.*)/.exec(output)?.[1]
    const html = await (await fetch(String(url))).text()
    assert.match(html, /In Next\.js, replace <code>\/me<\/code> with <code>\/api\/me<\/code>/)
  })

  for (const [what, files, me, orders] of /** @type {[string, any, string, string | null][]} */ ([
    ['a new project', { 'package.json': uses('express') }, 'localhost:3000/me', 'localhost:3000/orders'],
    [
      'an application on another port',
      {
        'package.json': uses('koa'),
        'app.js': "const Koa = require('koa')\nconst app = new Koa()\napp.listen(4000)\n",
      },
      'localhost:4000/me',
      null,
    ],
    ['a Next.js project', { 'package.json': uses('next'), 'app/page.jsx': '' }, 'localhost:3000/api/me', null],
    [
      'a Next.js project on another port, with the second route of the guide',
      { 'package.json': { ...uses('next'), scripts: { dev: 'next dev -p 4000' } }, 'src/app/api/orders/route.ts': '' },
      'localhost:4000/api/me',
      'localhost:4000/api/orders',
    ],
  ])) {
    test(`sends the example requests to the routes of ${what}`, async (t) => {
      const { folder } = project(t, files)
      const { output } = await startDev(t, [], folder)
      const urls = output.match(/(?<=curl -iw '\\n' )\S+/g)
      assert.deepEqual([...new Set(urls)], [me, ...(orders === null ? [] : [orders])])
      assert.match(output, /Requests to the application in this\s+folder, after `npx logto-authkit init`:/)
      const page = /Page +(.*)/.exec(output)?.[1]
      const { audience, routes } = await stateOf(page)
      assert.equal(audience, AUDIENCE)
      const { portNote: _, allowsGuests: __, ...rest } = routes
      assert.deepEqual(rest, {
        application: 'planned',
        url: `http://${me}`,
        me: `http://${me}`,
        orders: orders && `http://${orders}`,
      })
    })
  }

  test('expects guests in an application that allows them', async (t) => {
    const source = "import { logtoAuth } from 'logto-authkit/express'\nconst app = express()\n"
    for (const [code, expected] of [
      [
        "app.use(logtoAuth({ allowGuest: true }))\napp.get('/me', f)\n",
        /Without a token, expect 200 \(as a guest\), or 401/,
      ],
      ["app.get('/me', logtoAuth(), f) // without allowGuest\n", /Without a token, expect 401:/],
      ["app.get('/cart', logtoAuth({ allowGuest: true }), f)\n", /Without a token, expect 200 \(as a guest\), or 401/],
    ]) {
      const files = { 'package.json': uses('express'), 'app.js': source + code }
      const { output } = await startDev(t, [], project(t, files).folder)
      assert.match(output, /** @type {RegExp} */ (expected))
    }
  })

  test('says that the port is a guess if the application does not contain it', async (t) => {
    const note = /in this folder, after [^:]*\(replace 3000 if your\s+application listens on another port\):\n/
    for (const [source, expected] of /** @type {[string, RegExp][]} */ ([
      ['app.listen(config.port)', note],
      ['app.listen(4000)', /localhost:4000/],
    ])) {
      const files = { 'package.json': uses('express'), 'app.js': `const app = express()\n${source}\n` }
      const { output } = await startDev(t, [], project(t, files).folder)
      assert.match(output, expected)
      if (expected !== note) assert.doesNotMatch(output, note)
      const { routes } = await stateOf(/Page +(.*)/.exec(output)?.[1])
      assert.equal(routes.portNote === '', expected !== note)
    }
  })

  for (const [what, files, me] of /** @type {[string, any, string][]} */ ([
    [
      'the port of a Next.js script',
      { 'package.json': { ...uses('next'), scripts: { dev: 'next dev --port 300000' } }, 'app/page.jsx': '' },
      'localhost:3000/api/me',
    ],
    [
      'PORT in a script',
      { 'package.json': { ...uses('express'), scripts: { start: 'PORT=99999 node app.js' } } },
      'localhost:3000/me',
    ],
    ['PORT=0', { 'package.json': uses('express'), '.env': 'PORT=0\n' }, 'localhost:3000/me'],
    [
      'PORT in .env',
      {
        'package.json': uses('express'),
        'app.js': 'const app = express()\napp.listen(process.env.PORT)\n',
        '.env': 'PORT=808080\n',
      },
      'localhost:3000/me',
    ],
    [
      'a number in the source code',
      {
        'package.json': uses('express'),
        'app.js':
          "import { logtoAuth } from 'logto-authkit/express'\napp.get('/me')\napp.listen({ port: process.env.APP_PORT, backlog: 90000 })\n",
      },
      'localhost:3000/me',
    ],
    [
      'the default in the source code',
      { 'package.json': uses('express'), 'app.js': 'const app = express()\napp.listen(process.env.PORT || 808080)\n' },
      'localhost:3000/me',
    ],
  ])) {
    test(`ignores a port that cannot exist: ${what}`, { timeout: 20_000 }, async (t) => {
      const { folder } = project(t, files)
      const { output } = await startDev(t, [], folder)
      assert.equal(output.match(/(?<=curl -iw '\\n' )\S+/)?.[0], me)
    })
  }

  for (const [what, manifest, prepare] of /** @type {[string, any, (folder: string) => void][]} */ ([
    ['a symbolic link to itself', {}, (folder) => symlinkSync('.env', join(folder, '.env'))],
    ['a folder .gitignore', {}, (folder) => mkdirSync(join(folder, '.gitignore'))],
    ['a named pipe', {}, (folder) => spawnSync('mkfifo', [join(folder, 'app.js')])],
    ['a null character in main', { main: 'a\0b' }, () => {}],
    ['a script that is not a string', { scripts: { start: { toString: 1 } } }, () => {}],
  ])) {
    test(`starts in a folder with ${what}`, { timeout: 20_000 }, async (t) => {
      const { folder } = project(t, { 'package.json': { ...uses('express'), ...manifest } })
      prepare(folder)
      const { output } = await startDev(t, [], folder)
      assert.match(output, /curl -iw '\\n' localhost:3000\/me/)
    })
  }

  test('uses the first audience of the project for tokens', { timeout: 20_000 }, async (t) => {
    const files = {
      'package.json': uses('express'),
      '.env': 'LOGTO_AUDIENCE="https://a.test/?b=\'c https://other.test"',
    }
    const { folder } = project(t, files)
    const { output } = await startDev(t, [], folder)
    assert.match(
      output,
      /LOGTO_AUDIENCE="https:\/\/a\.test\/\?b='c https:\/\/other\.test"\n\n {2}Tokens are for the first audience/,
    )
    const { page, logtoUrl } = await startDev(t, ['--json'], folder)
    const { body } = await post(page, '/api/tokens', {})
    for (const token of [await (await fetch(`${page}/token`)).text(), body.token]) {
      const auth = await verifyAuth(token, { logtoUrl, audience: "https://a.test/?b='c" })
      assert.equal(auth.userId, 'alice')
    }
    const other = await (await fetch(`${page}/token?audience=https://b.test`)).text()
    assert.equal((await verifyAuth(other, { logtoUrl, audience: 'https://b.test' })).userId, 'alice')
  })

  test('warns if the project uses another Logto server', { timeout: 20_000 }, async (t) => {
    const port = await freePort()
    for (const [url, isOther] of [
      ['https://auth.example.com', true],
      ['auth.example.com', true],
      [`http://127.0.0.1:${port}/`, false],
    ]) {
      const { folder } = project(t, { 'package.json': uses('express'), '.env': `LOGTO_URL=${url}\n` })
      const { output, stop } = await startDev(t, ['--port', String(port), '--page-port', '0'], folder)
      assert.equal(output.includes(`In .env, LOGTO_URL is ${url}, and`), isOther, output)
      if (isOther)
        assert.match(output, /change it there, or in the environment,\s+which\s+overrides the file, and restart/)
      await stop()
    }
    assert.doesNotMatch((await startDev(t, [], project(t, {}).folder)).output, /LOGTO_URL is/)
    const { output } = await startDev(t, [], project(t, {}).folder, { LOGTO_URL: 'https://auth.example.com' })
    assert.match(output, /In the environment, LOGTO_URL is https:\/\/auth\.example\.com, and not the URL above\.\s/)
    assert.match(output, /issuer,\s+change\s+it,\s+and\s+restart/)
  })

  test('prints the path of a route so that it controls neither the terminal nor the shell', async (t) => {
    const source =
      "import { logtoAuth } from 'logto-authkit/express'\napp.get('/a\x1b[31m\u202e;reboot', logtoAuth(), f)\n"
    const { folder } = project(t, { 'package.json': uses('express'), 'app.js': source })
    const { output } = await startDev(t, [], folder)
    assert.match(output, /curl -iw '\\n' 'localhost:3000\/a\\u\{1b\}\[31m\\u\{202e\};reboot'\n/)
  })

  test('stops both servers if an error occurs after they have started', async () => {
    const [port, pagePort] = [String(await freePort()), String(await freePort())]
    const fail = () => {
      throw new Error('no space left')
    }
    const surroundings = /** @type {any} */ ({
      stdout: { write: fail },
      stderr: { write: () => {} },
      env: {},
      cwd: process.cwd,
    })
    assert.equal(await run(['dev', '--port', port, '--page-port', pagePort], surroundings), 1)
    for (const one of [port, pagePort])
      await assert.rejects(
        fetch(`http://127.0.0.1:${one}`),
        (/** @type {any} */ { cause }) => cause.code === 'ECONNREFUSED',
      )
  })

  const EXISTING =
    "import express from 'express'\nimport { logtoAuth } from 'logto-authkit/express'\nconst app = express()\n"
  const USING = "import { createVerifier } from 'logto-authkit'\n"
  for (const [what, files, expected] of /** @type {[string, any, any][]} */ ([
    [
      'with /me',
      { 'package.json': uses('express'), 'app.js': `${EXISTING}app.use(logtoAuth())\napp.get('/me', f)\n` },
      { url: 'http://localhost:3000/me', me: 'http://localhost:3000/me', orders: null },
    ],
    [
      'with /me in another file, and with /orders',
      {
        'package.json': uses('express'),
        'app.js': `${EXISTING}app.listen(4000)\n`,
        'src/routes/me.js': "router.get('/me', f)\nrouter.get('/orders', protect({ requiredScope: 'read:orders' }), f)",
      },
      { url: 'http://localhost:4000/me', me: 'http://localhost:4000/me', orders: 'http://localhost:4000/orders' },
    ],
    [
      'with /me, and with /orders that accepts only POST',
      {
        'package.json': uses('express'),
        'app.js': `${EXISTING}app.get('/me', f)\napp.post('/orders', protect({ requiredScope: 'read:orders' }), f)\n`,
      },
      { url: 'http://localhost:3000/me', me: 'http://localhost:3000/me', orders: null },
    ],
    [
      'in plain Node.js, without /me',
      { 'package.json': {}, 'server.mjs': `${USING}createServer(f).listen(4000)\n` },
      { url: 'http://localhost:4000', me: null, orders: null },
    ],
    [
      'with another route instead of /me',
      {
        'package.json': uses('express'),
        'app.js': `${EXISTING}app.get('/health', f)\napp.use(logtoAuth())\napp.get('/cart', f)\n`,
      },
      { url: 'http://localhost:3000/cart', me: null, orders: null },
    ],
    [
      'in Next.js, without /api/me',
      { 'package.json': uses('next'), 'app/api/cart/route.js': "import { withAuth } from 'logto-authkit/next'\n" },
      { url: 'http://localhost:3000', me: null, orders: null },
    ],
    [
      'in Next.js, with /api/orders instead of /api/me',
      {
        'package.json': uses('next'),
        'lib/auth.ts': "export const { withAuth } = createNextAuth() // from 'logto-authkit/next'\n",
        'app/api/orders/route.ts': "export const GET = withAuth(f, { requiredScope: 'read:orders' })\n",
      },
      { url: 'http://localhost:3000/api/orders', me: null, orders: null },
    ],
    [
      'with middleware per route',
      {
        'package.json': uses('express'),
        'app.js': `${EXISTING}app.get('/orders', globalAuth, protect({ requiredScope: 'read:orders' }), f)\n`,
      },
      { url: 'http://localhost:3000/orders', me: null, orders: null },
    ],
  ])) {
    test(`promises only what is known about an application that uses the package: ${what}`, async (t) => {
      const { folder } = project(t, files)
      const { output } = await startDev(t, [], folder)
      const { audience, routes } = await stateOf(/Page +(.*)/.exec(output)?.[1])
      assert.equal(audience, AUDIENCE)
      const { portNote, allowsGuests, ...rest } = routes
      assert.equal(allowsGuests, false)
      assert.deepEqual(rest, { application: 'existing', ...expected })
      assert.equal(portNote === '', /listen\(|"next"/.test(JSON.stringify(files)))
      assert.ok(output.replace(/\s+/g, ' ').includes(`Requests to the application in this folder${portNote}: `), output)
      if (expected.me !== null) return
      // A route that is not known to be protected may respond with 200.
      if (new URL(expected.url).pathname === '/') {
        assert.match(output, /Replace \/ with the path of a protected route/)
        assert.doesNotMatch(output, /curl -iw '\\n' \S+\n/)
      } else assert.match(output, /Without a token, expect 401:\n +curl -iw '\\n' \S+\n/)
      assert.doesNotMatch(output, /expect (200|403)|\/me|logto-authkit init/)
    })
  }

  for (const [what, source, expected] of /** @type {[string, string, string | undefined][]} */ ([
    [
      'the plugin of Fastify, in its block',
      "app.get('/health', f)\napp.register(async (api) => {\n  await api.register(logtoAuth)\n\n  api.get('/cart', f)\n})\n",
      '/cart',
    ],
    [
      'no route after the block of the plugin',
      "app.register(async (api) => {\n  await api.register(logtoAuth)\n  api.post('/cart', f)\n})\napp.get('/health', f)\n",
      undefined,
    ],
    ['a wrapped route', "app.get(\n  '/cart',\n  cors(),\n  logtoAuth(),\n  f,\n)\napp.get('/health', f)\n", '/cart'],
    ['no GET route', "app.post('/cart', logtoAuth(), f)\napp.get('/health', f)\n", undefined],
    ['no route without logtoAuth', "app.get('/health', f)\n", undefined],
    ['no route after a comment', "// before logtoAuth()\napp.get('/health', f)\n", undefined],
    [
      'a route below a path',
      "app.use('/api/*', logtoAuth())\napp.get('/health', f)\napp.get('/api/cart', f)\n",
      '/api/cart',
    ],
    [
      'the chained calls of Hono',
      "new Hono()\n  .get('/health', f)\n  .use(logtoAuth())\n  .get('/cart', f)\n",
      '/cart',
    ],
  ])) {
    test(`finds a protected route: ${what}`, () => {
      assert.equal(protectedPath({ path: 'app.js', text: `const app = create()\n${source}` }), expected)
    })
  }

  test('reads neither dependencies, nor hidden folders, nor large files, and stops at 1000 files', (t) => {
    const { folder } = project(t, {
      'app.js': '',
      'src/a/b.ts': '',
      'src/node_modules/x/index.js': '',
      'src/.cache/x.js': '',
      'src/bundle.js': ' '.repeat(1024 * 1024 + 1),
    })
    assert.deepEqual(
      readSources(folder).map(({ path }) => path),
      ['app.js', 'src/a/b.ts'],
    )
    const large = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`lib/${index}.js`, '']))
    assert.equal(readSources(project(t, large).folder).length, 1000)
  })

  test('reads each source file once', (t) => {
    const { folder } = project(t, { 'package.json': uses('express'), 'src/routes/cart.js': '' })
    const script =
      "const fs = require('node:fs'); const read = fs.readFileSync; let count = 0; fs.readFileSync = (path, ...rest) => { if (String(path).endsWith('cart.js')) count += 1; return read(path, ...rest) }; require(process.argv[1]).exampleRoutes(process.argv[2], {}); console.log(count)"
    const main = join(__dirname, '../../../js/cli/example-routes.js')
    assert.equal(spawnSync(process.execPath, ['-e', script, main, folder], { encoding: 'utf8' }).stdout, '1\n')
  })

  test('prints commands that show a 200, a 401 and a 403', { timeout: 120_000 }, async (t) => {
    const { output } = await startDev(t, [])
    const issuer = /LOGTO_URL=(.*)/.exec(output)?.[1]
    const app = express()
    app.use(logtoAuth({ logtoUrl: issuer, audience: AUDIENCE }))
    app.get('/me', (_req, res) => res.json({}))
    app.get('/orders', protect({ requiredScope: 'read:orders' }), (_req, res) => res.json({}))
    const url = await serve(t, app)
    const commands = output.match(/^ {4}(?!LOGTO_).*$/gm) ?? []
    const script = commands.join('\n').replaceAll('localhost:3000', url.replace('http://', ''))
    const bash = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
    const answers = (await text(bash.stdout)).match(/(?<=HTTP\/1\.1 )\d+/g)
    const announced = output.match(/(?<=expect\s+)\d+/g)
    assert.deepEqual(announced, ['401', '200', '403', '200', '401'])
    assert.deepEqual(answers, announced)
  })

  test('rotates keys', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const options = { logtoUrl, audience: AUDIENCE, skipJwksCache: true }
    const { body: former } = await post(page, '/api/tokens', {})
    const { body: state } = await post(page, '/api/rotation', { alg: 'ES256' })
    assert.equal(state.key.alg, 'ES256')
    assert.equal(await verdict(verifyAuth(former.token, options)), 'accepted')
    await post(page, '/api/rotation', { keepPrevious: false })
    assert.equal(await verdict(verifyAuth(former.token, options)), 'unknown_key')
    assert.equal((await stateOf(page)).rotations, 2)
  })

  test('starts and ends outages', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const options = { logtoUrl, audience: AUDIENCE, skipJwksCache: true }
    const { body } = await post(page, '/api/tokens', {})
    assert.equal((await post(page, '/api/outage', { mode: 'error' })).body.outage, 'error')
    assert.equal(await verdict(verifyAuth(body.token, options)), 'jwks_unavailable')
    assert.equal((await post(page, '/api/outage', { mode: null })).body.outage, null)
    assert.equal(await verdict(verifyAuth(body.token, options)), 'accepted')
  })

  test('sends logout tokens and webhooks, which revoke the tokens of a user', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const revocations = createRevocations()
    t.after(() => revocations.close())
    const app = express()
    app.post('/logout', revocations.backchannelLogout({ logtoUrl, clientId: 'my-app' }))
    app.post('/webhook', revocations.webhook({ signingKey: 'secret' }))
    const url = await serve(t, app)
    const options = { logtoUrl, audience: AUDIENCE, revocations }
    for (const [path, body] of /** @type {[string, any][]} */ ([
      ['/api/logout', { url: `${url}/logout`, sub: 'alice' }],
      ['/api/webhook', { url: `${url}/webhook`, userId: 'bob', signingKey: 'secret' }],
    ])) {
      const sub = body.sub ?? body.userId
      const { token } = (await post(page, '/api/tokens', { sub })).body
      assert.equal(await verdict(verifyAuth(token, options)), 'accepted')
      assert.equal((await post(page, path, body)).body.status, 200)
      assert.equal(await verdict(verifyAuth(token, options)), 'token_revoked')
    }
    const wrong = { url: `${url}/webhook`, userId: 'bob', signingKey: 'other' }
    assert.equal((await post(page, '/api/webhook', wrong)).body.status, 401)
    for (const target of ['https://example.com/', 'http://127.0.0.1.example.com', 'file:///etc/passwd', 5]) {
      const { status, body } = await post(page, '/api/logout', { url: target })
      assert.equal(status, 400)
      assert.match(body.error, /expected a URL on this machine/)
    }
    const port = await freePort()
    const closed = await post(page, '/api/logout', { url: `http://127.0.0.1:${port}/` })
    assert.deepEqual(
      [closed.status, closed.body.error],
      [400, `No response from http://127.0.0.1:${port}: ECONNREFUSED`],
    )
  })

  test('describes what is wrong with a request', async (t) => {
    const { page } = await startDev(t)
    for (const [path, body, says] of /** @type {[string, any, RegExp][]} */ ([
      ['/api/tokens', { sub: 5 }, /"sub": expected a string/],
      ['/api/tokens', { subject: 'x' }, /subject/],
      ['/api/rotation', { alg: 'HS256' }, /"alg": expected one of/],
      ['/api/outage', { mode: 'fire' }, /"mode"/],
      ['/api/tokens', [], /JSON object/],
      ['/api/tokens', 'x'.repeat(70_000), /too long/],
    ])) {
      const { status, body: answer } = await post(page, path, body)
      assert.ok(status === 400 || status === 413, String(status))
      assert.match(answer.error, says)
    }
  })

  test('rejects requests for other hostnames, which prevents DNS rebinding', async (t) => {
    const { page } = await startDev(t)
    const port = new URL(page).port
    for (const [host, wanted] of [
      [`127.0.0.1:${port}`, 200],
      [`localhost:${port}`, 200],
      ['localhost', 200],
      [`evil.example:${port}`, 403],
      [`127.0.0.1.evil.example:${port}`, 403],
      [`localhost.evil.example`, 403],
    ]) {
      for (const path of ['/', '/api/state'])
        assert.equal(await statusWithHost(port, String(host), path), wanted, String(host))
    }
  })

  test('links from the issuer to its page', async (t) => {
    const { logtoUrl, page } = await startDev(t)
    const response = await fetch(logtoUrl)
    assert.equal(response.headers.get('content-type'), 'text/html')
    assert.ok((await response.text()).includes(`<a href="${page}">`))
    const other = await createTestIssuer()
    t.after(() => other.close())
    assert.doesNotMatch(await (await fetch(other.logtoUrl)).text(), /<a/)
  })

  test('listens on 127.0.0.1', async (t) => {
    assert.equal(new URL((await startDev(t)).page).hostname, '127.0.0.1')
  })

  test('rejects requests from other origins', async (t) => {
    const { page } = await startDev(t)
    const json = { 'Content-Type': 'application/json' }
    for (const headers of [
      { ...json, Origin: 'https://evil.example' },
      { ...json, Origin: 'null' },
      { 'Content-Type': 'text/plain' },
      {},
    ]) {
      const { status } = await fetch(`${page}/api/rotation`, {
        method: 'POST',
        headers: /** @type {any} */ (headers),
        body: '{}',
      })
      assert.ok(status === 403 || status === 415, String(status))
    }
    assert.equal((await fetch(`${page}/api/rotation`)).status, 404)
    assert.equal((await stateOf(page)).rotations, 0)
  })

  test('has a content security policy that forbids external content and framing', async (t) => {
    const { page } = await startDev(t)
    for (const path of ['/', '/page.js', '/style.css', '/api/state', '/nowhere']) {
      const { headers } = await fetch(page + path)
      assert.match(String(headers.get('content-security-policy')), /^default-src 'none'; .*frame-ancestors 'none'$/)
      assert.equal(headers.get('cache-control'), 'no-store')
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.equal(headers.get('access-control-allow-origin'), null)
    }
  })

  test('stops on a signal and frees its ports', async (t) => {
    const { page, logtoUrl, stop } = await startDev(t)
    assert.equal(await stop(), 0)
    for (const address of [page, logtoUrl]) {
      await assert.rejects(fetch(address), (/** @type {any} */ error) => error.cause.code === 'ECONNREFUSED')
    }
  })

  test('names the option to use if a port is taken', async (t) => {
    const { page } = await startDev(t)
    const { port } = new URL(page)
    for (const [args, flag] of [
      [['--port', port], '--port'],
      [['--port', '0', '--page-port', port], '--page-port'],
    ]) {
      const { code, stderr } = await cli(['dev', .../** @type {string[]} */ (args)])
      assert.deepEqual(
        [code, stderr],
        [
          1,
          `logto-authkit: port ${port} is in use: if another \`logto-authkit dev\` is running, use it or stop it; otherwise choose another port with ${flag}, or 0 for any free port\n`,
        ],
      )
    }
  })

  test('runs as a program until it is interrupted', async (t) => {
    const main = join(__dirname, '../../../js/cli/main.js')
    const child = spawn(process.execPath, [main, 'dev', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    const [text] = await once(child.stdout.setEncoding('utf8'), 'data')
    assert.match(text, /^✓ Issuer {2}http:\/\/127\.0\.0\.1:\d+\n✓ Page {4}http:\/\/127\.0\.0\.1:\d+\n/)
    child.kill('SIGINT')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })
})

async function post(page, path, body) {
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(page + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: response.status, body: /** @type {any} */ (await response.json()) }
}

/** @type {(page: string) => Promise<any>} */
const stateOf = async (page) => (await fetch(`${page}/api/state`)).json()

async function statusWithHost(port, host, path) {
  const request = http.get({ host: '127.0.0.1', port, path, agent: false, headers: { Host: host } })
  const [response] = await once(request, 'response')
  response.resume()
  return response.statusCode
}
