const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:net')
const { describe, test } = require('node:test')
const { splitShellWords } = require('../../../js/cli/shell-words')
const { startDev } = require('../../support/cli')
const { startIssuer } = require('../../support/helpers')
const { project, unwrapped, uses } = require('../../support/init')
const { twoFreePorts } = require('../../support/servers')

const EXISTING = {
  express: "import express from 'express'\nconst app = express()\n",
  fastify: "import Fastify from 'fastify'\nconst app = Fastify()\n",
  hono: "import { Hono } from 'hono'\nconst app = new Hono()\n",
  koa: "import Koa from 'koa'\nconst app = new Koa()\n",
}

describe('init says that all other routes are public', () => {
  for (const [framework, source] of Object.entries(EXISTING)) {
    test(`of an application of ${framework}, and how to protect them`, async (t) => {
      const { init } = project(t, { 'package.json': uses(framework), 'app.js': source })
      const { stdout } = await init(['--yes'])
      assert.match(unwrapped(stdout), /\nAll other routes stay public\. To protect [^\n]*logtoAuth[^\n]*\n/)
      assert.ok(stdout.includes(`node_modules/logto-authkit/docs/${framework}.md`), stdout)
    })
  }

  test('of an application, and if CORS does not apply to the new route', async (t) => {
    const notes = async (cors) => {
      const source = `import { Hono } from 'hono'\nconst app = new Hono()\n${cors}\n`
      return (await project(t, { 'package.json': uses('hono'), 'app.js': source }).json()).notes.join('\n')
    }
    const note = 'CORS applies only to paths below /api, so pages on other origins cannot call /me.'
    for (const cors of ["app.use('/api/*', cors())", 'app.use(\n  "/api",\n  cors({ origin }),\n)'])
      assert.ok((await notes(cors)).includes(note), cors)
    for (const cors of ["app.use('*', cors())", "app.use('/*', cors())", 'app.use(cors())', "app.use('/api', f)"])
      assert.ok(!(await notes(cors)).includes('CORS applies'), cors)
  })

  for (const [name, files, page] of /** @type {[string, any, string][]} */ ([
    ['@nestjs/core', {}, 'nestjs'],
    ['next', { 'app/page.jsx': '' }, 'next'],
    ['next', { 'pages/index.jsx': '' }, 'next-pages'],
  ])) {
    test(`of an application of ${name} with ${Object.keys(files).join() || 'no files'}`, async (t) => {
      const { notes } = await project(t, { 'package.json': uses(name), ...files }).json()
      assert.ok(notes[0].startsWith('All other routes stay public.') && notes[0].includes(`docs/${page}.md`))
    })
  }

  test('of an application, with the name of its variable and the imports that the advice requires', async (t) => {
    for (const [name, source, advice] of /** @type {[string, string, RegExp][]} */ ([
      [
        'express',
        "import express from 'express'\nconst server = express()\n",
        /add `import \{ protect \} from 'logto-authkit\/express'`\..*add server\.use\(logtoAuth\(\)\)/,
      ],
      [
        'express',
        'const express = require("express");\nconst app = express();\n',
        /add `const \{ protect \} = require\("logto-authkit\/express"\);`\./,
      ],
      [
        'fastify',
        "const fastify = require('fastify')()\n",
        /change fastify\.get to api\.get, because routes of fastify stay public even there\..* add fastify\.register\(logtoAuth\) after CORS/,
      ],
      ['hono', "import { Hono } from 'hono'\nconst api = new Hono()\n", /add api\.use\(logtoAuth\(\)\)/],
    ])) {
      const { notes } = await project(t, { 'package.json': uses(name), 'app.js': source }).json()
      assert.match(notes[0], advice)
    }
    const { notes } = await project(t, { 'package.json': uses('@nestjs/core') }).json()
    assert.match(notes[0], /`import \{ LogtoAuthGuard \} from 'logto-authkit\/nestjs'`/)
    const pages = { 'package.json': uses('next'), 'src/pages/a.js': '' }
    assert.match(
      (await project(t, pages).json()).notes[0],
      /withApiAuth from src\/lib\/auth\..* use verify in getServerSideProps, or authProxy/,
    )
  })

  test('but not of a new application, even when init runs again', async (t) => {
    const { init } = project(t, { 'package.json': uses('koa') })
    for (let run = 0; run < 2; run += 1) assert.doesNotMatch((await init(['--yes'])).stdout, /public\. To protect/)
  })
})

test('init says to list the environment file in .gitignore', async (t) => {
  const says = async (files, name = 'koa') => {
    const { init } = project(t, { 'package.json': uses(name), ...files })
    return /^Add (\S+) to \.gitignore/m.exec((await init(['--yes'])).stdout)?.[1]
  }
  assert.equal(await says({}), '.env')
  assert.equal(await says({ '.gitignore': 'node_modules\n.env.example\n# .env\n' }), '.env')
  assert.equal(await says({ '.gitignore': '.env*\n!.env\n' }), '.env')
  assert.equal(await says({ '.gitignore': '.env\n' }, 'next'), '.env.local')
  for (const line of ['.env', '/.env\r', '**/.env', '.env*', '*.env'])
    assert.equal(await says({ '.gitignore': `node_modules\n${line}\n!.env.example\n` }), undefined, line)
  assert.equal(await says({ '.gitignore': '.env*.local\n' }, 'next'), undefined)
})

for (const [pattern, isIgnored] of /** @type {[string, boolean][]} */ ([
  ['.env', true],
  ['**/.env', true],
  ['/.env', false],
])) {
  test(`init reads the pattern ${pattern} of the repository in a workspace`, async (t) => {
    const files = { '.git/HEAD': '', '.gitignore': `${pattern}\n`, 'packages/api/package.json': uses('koa') }
    const { folder, init } = project(t, files)
    const { stdout } = await init(['--yes'], { cwd: () => `${folder}/packages/api` })
    assert.equal(!/gitignore/.test(stdout), isIgnored)
  })
}

test('init prints a doctor command that a shell can run', async (t) => {
  const audience = 'https://a.example.com/?a=1&b=2;c'
  const { commands } = await project(t, { 'package.json': uses('koa') }).json([
    ...['--logto-url', 'https://auth.example.com'],
    ...['--audience', audience],
  ])
  const command = commands.find((text) => text.includes('doctor'))
  assert.deepEqual(splitShellWords(command).slice(-4), ['--url', 'https://auth.example.com', '--audience', audience])
})

test('init prints commands and names that cannot control the terminal, and exact JSON', async (t) => {
  const evil = '\x1b[31m\u202e'
  const file = `${evil}.js`
  const { init, json } = project(t, {
    'package.json': { ...uses('express'), main: file, scripts: { start: `node app.js ${evil}` } },
    [file]: `${EXISTING.express}{\n  const app = express()\n}\n`,
    '.env': `LOGTO_URL=https://x.test/${evil}\n`,
  })
  const { code, stdout } = await init(['--yes'])
  assert.equal(code, 0)
  assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
  assert.match(stdout, /^ {2}node --env-file=\.env app\.js \\u\{1b\}\[31m\\u\{202e\}$/m)
  assert.match(stdout, /logto-authkit doctor --url 'https:\/\/x\.test\/\\u\{1b\}\[31m\\u\{202e\}'/)
  assert.ok((await json()).commands.includes(`node --env-file=.env app.js ${evil}`))
})

test('init prints no script with a line break as a command', async (t) => {
  const scripts = { start: 'node app.js\necho evil' }
  const { commands } = await project(t, { 'package.json': { ...uses('koa'), scripts }, 'app.js': EXISTING.koa }).json()
  assert.ok(!commands.some((command) => command.includes('evil')))
})

test('init says why it installs tsx', async (t) => {
  const { init } = project(t, { 'package.json': uses('koa'), 'tsconfig.json': '{}' })
  assert.match((await init(['--yes'])).stdout, /^Install the packages \(tsx runs TypeScript files\):$/m)
})

test('init sends a request to /orders only if it has created the route', async (t) => {
  const orders = async (files, name = 'express') =>
    (await project(t, { 'package.json': uses(name), ...files }).json()).commands.filter((text) =>
      text.includes('/orders '),
    )
  const expected = ['curl -iw \'\\n\' http://localhost:3000/orders -H "Authorization: Bearer $TOKEN"']
  for (const name of ['express', 'fastify', 'hono', 'koa', '@nestjs/core'])
    assert.deepEqual(await orders({}, name), expected, name)
  assert.deepEqual(await orders({ 'app.js': EXISTING.express }), [])
  assert.deepEqual(await orders({ 'app/page.jsx': '' }, 'next'), [])
  const using = `${EXISTING.express}import { logtoAuth } from 'logto-authkit/express'\napp.get('/me', logtoAuth(), f)\n`
  assert.deepEqual(await orders({ 'app.js': `${using}app.post('/orders', f)\n` }), [])
  const { stdout } = await project(t, { 'package.json': uses('koa') }).init(['--yes'])
  assert.match(unwrapped(stdout), /expect 200 \(or 403 for \/orders if the token lacks the scope read:orders\):/)
})

test('init sends no request to /me if the application uses the package without this route', async (t) => {
  const source =
    "import express from 'express'\nimport { logtoAuth } from 'logto-authkit/express'\nconst app = express()\n"
  for (const [route, count] of /** @type {[string, number][]} */ ([
    ["app.get('/cart', logtoAuth(), f)\n", 0],
    ["app.get('/me', logtoAuth(), f)\n", 2],
  ])) {
    const { commands } = await project(t, { 'package.json': uses('express'), 'app.js': source + route }).json()
    assert.equal(commands.filter((command) => command.includes('/me')).length, count)
  }
})

test('init sends a request to /orders if an earlier run has created the route', async (t) => {
  for (const name of ['koa', '@nestjs/core']) {
    const { init } = project(t, { 'package.json': uses(name) })
    for (let run = 0; run < 2; run += 1) assert.match((await init(['--yes'])).stdout, /localhost:3000\/orders -H/, name)
  }
  const next = { 'package.json': uses('next'), 'app/api/orders/route.js': '' }
  assert.match((await project(t, next).init(['--yes'])).stdout, /localhost:3000\/api\/orders -H/)
})

describe('init recognizes the local issuer', () => {
  const stepsFor = async (t, url) => {
    const { commands, notes } = await project(t, { 'package.json': uses('koa'), '.env': `LOGTO_URL=${url}\n` }).json()
    return { commands, notes: notes.join('\n') }
  }
  const starts = (port) => `npx logto-authkit dev --port ${port}`
  const token = (port) => `TOKEN=$(curl -fsS 'http://127.0.0.1:${port + 1}/token?sub=alice&scope=read:orders')`

  test('on another port, before it runs', async (t) => {
    const port = await twoFreePorts()
    for (const url of [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port}/oidc/`]) {
      const { commands, notes } = await stepsFor(t, url)
      assert.ok(commands.includes(starts(port)) && commands.includes(token(port)), commands.join('\n'))
      assert.doesNotMatch(notes, /LOGTO_AUDIENCE in|exactly/)
    }
    const { commands, notes } = await stepsFor(t, `http://localhost:${port}`)
    assert.ok(commands.includes(token(port)))
    assert.match(notes, /set LOGTO_URL in \.env to exactly this URL/)
  })

  test('on another port, while it runs', async (t) => {
    const port = await twoFreePorts()
    const { logtoUrl } = await startDev(t, ['--json', '--port', String(port)])
    const { commands } = await stepsFor(t, logtoUrl)
    assert.ok(commands.includes(token(port)), commands.join('\n'))
  })

  test('and survives a server that switches protocols', async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.after(() => server.close())
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    const { commands } = await stepsFor(t, `http://127.0.0.1:${port}`)
    assert.ok(commands.length > 0)
  })

  test('but not in another server on this machine, or in a URL that it cannot have', async (t) => {
    const { logtoUrl } = await startIssuer(t)
    for (const url of [
      logtoUrl,
      'https://127.0.0.1:1',
      'http://127.0.0.1:1/logto',
      'http://[::1]:1',
      'http://localhost',
      'http://127.0.0.1:0',
    ]) {
      const { commands } = await stepsFor(t, url)
      assert.ok(!commands.some((command) => /^TOKEN|logto-authkit dev/.test(command)), url)
      assert.ok(
        commands.some((command) => command.includes(`doctor --url ${url}`) || url.includes('[')),
        url,
      )
    }
  })
})

test('init names the page that tells how to get a token from Logto', async (t) => {
  const { init, json } = project(t, { 'package.json': uses('koa') })
  const other = ['--logto-url', 'https://auth.example.com']
  const { stdout } = await init(['--yes', ...other])
  assert.match(
    unwrapped(stdout),
    /^Set TOKEN to an access token for this API resource \(see \S*docs\/tokens\.md\),.* and expect 200/m,
  )
  for (const command of (await json(other)).commands) assert.doesNotMatch(command, /^TOKEN/)
  const local = await project(t, { 'package.json': uses('koa') }).init(['--yes'])
  assert.doesNotMatch(local.stdout, /tokens\.md/)
})

test('init says that Enter selects the local issuer', async (t) => {
  const { init } = project(t, { 'package.json': uses('koa') })
  const { stdout } = await init([], { stdin: '\n\nn\n', isTTY: true, env: { NO_COLOR: '1' } })
  assert.match(
    stdout,
    /URL of your Logto, or Enter for the local issuer of `npx logto-authkit dev` \(http:\/\/127\.0\.0\.1:3001\): /,
  )
})

test('init says where users must add the printed lines', async (t) => {
  const source = "import express from 'express'\nfunction f() {\n  const app = express()\n}\n"
  const { init } = project(t, { 'package.json': uses('express'), 'app.js': source })
  const { stdout } = await init(['--yes'])
  assert.match(
    unwrapped(stdout),
    /! Add to app\.js yourself, because a function creates the application\. Put the import at the top, and the rest below the creation of the application and CORS, and above the handlers for 404 and errors:\n\n {2}import/,
  )
})

test('init extends an application that is created with require() in one statement', async (t) => {
  const source = "const fastify = require('fastify')({ logger: true })\n\nfastify.get('/', async () => 'hello')\n"
  const { init, read } = project(t, { 'package.json': uses('fastify'), 'app.js': source })
  await init(['--yes'])
  assert.match(
    read('app.js'),
    /^const \{ logtoAuth \} = require\('logto-authkit\/fastify'\)\nconst fastify = require[\s\S]*fastify\.register\(async \(api\) => /,
  )
})

test('init prints lines in the style of the file, and says that the route exists', async (t) => {
  const source = "const express = require('express')\nconst server = express()\nserver.get('/me', handler)\n"
  const { manual } = await project(t, { 'package.json': uses('express'), 'app.js': source }).json()
  assert.match(manual[0].reason, /already contains \/me/)
  assert.match(manual[0].lines, /^const \{ logtoAuth \} = require\('logto-authkit\/express'\)\n\nserver\.get\('\/me'/)
})

describe('init says what is still to do', () => {
  const express = "const express = require('express')\n"
  for (const [what, files, requests] of /** @type {[string, Record<string, any>, number][]} */ ([
    ['and when to send requests', { 'app.js': `${express}const app = express().disable('etag')\n` }, 2],
    ['and sends no requests to a route of the application', { 'app.js': `${express}app.get('/me', f)\n` }, 0],
  ])) {
    test(what, async (t) => {
      const { init, json } = project(t, { 'package.json': uses('express'), ...files })
      const { commands, manual, notes } = await json(['--yes'])
      assert.deepEqual(
        manual.map(({ path }) => path),
        ['app.js'],
      )
      assert.ok(notes.includes('Still to do: add the lines above to app.js.'))
      assert.equal(commands.filter((command) => command.includes('/me')).length, requests)
      const { stdout } = await init(['--yes', '--audience', 'https://api.example.com'])
      assert.match(stdout, /Nothing to write\.\n\n! Still to do: add the lines above to app\.js\.\n/)
      assert.equal(stdout.includes('\nAfter you have added the lines, send a request without a token'), requests > 0)
    })
  }

  test('and sends no requests to /api/me of a Next.js application', async (t) => {
    const files = { 'package.json': uses('next'), 'app/api/me/route.js': 'export const GET = f\n' }
    const { commands, notes } = await project(t, files).json(['--yes'])
    assert.ok(notes.includes('Still to do: add the lines above to app/api/me/route.js.'))
    assert.ok(!commands.some((command) => command.includes('/me')))
  })
})

test('init prints no steps with --dry-run, and wraps its paragraphs', async (t) => {
  const { init } = project(t, { 'package.json': uses('express'), 'app.js': EXISTING.express })
  assert.match(
    (await init(['--dry-run'])).stdout,
    /Nothing was written \(--dry-run\)\. Without it, init also prints the next steps\.\n\n$/,
  )
  const { stdout } = await init(['--yes'], { columns: 60 })
  for (const line of stdout.split('\n')) assert.ok(line.length <= 60 || /^ {2}|^\S+$/.test(line), line)
})

test('init starts the source of a compiled file, says which module system TypeScript needs, and shows no secrets', async (t) => {
  const files = {
    'package.json': { ...uses('fastify'), scripts: { start: 'node index.js' } },
    'tsconfig.json': '{ "compilerOptions": { "verbatimModuleSyntax": true } }',
    'index.ts': "import Fastify from 'fastify'\nconst app = Fastify()\nawait app.listen({ port: 3000 })\n",
    '.env': 'SECRET=hidden\nLOGTO_URL=https://auth.example.com\n',
  }
  const { init, json } = project(t, files)
  const { files: changes, notes } = await json()
  const { stdout } = await init(['--yes'])
  assert.doesNotMatch(stdout, /hidden/)
  assert.match(stdout, /^ {2}npx tsx --env-file=\.env index\.ts$/m)
  assert.equal(changes.find(({ path }) => path === '.env').content, 'LOGTO_AUDIENCE=https://api.example.com')
  assert.ok(notes.some((note) => note.includes('npm pkg set type=module')))
  assert.ok(notes.some((note) => note.startsWith('Replace LOGTO_AUDIENCE in .env')))
})
