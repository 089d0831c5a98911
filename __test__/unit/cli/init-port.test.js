const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { project, unwrapped, uses } = require('../../support/init')

const CREATES = "import express from 'express'\n\nexport const app = express()\n"
const WHOLE = "import express from 'express'\n\nconst app = express()\n\napp.listen(process.env.PORT ?? 3000)\n"

test('init prints the port of the environment file, or else of the application', async (t) => {
  const url = async (files, scripts = {}, names = ['express']) => {
    const { commands } = await project(t, { 'package.json': { scripts, ...uses(...names) }, ...files }).json()
    return /http:\/\/localhost:\S+/.exec(commands.find((command) => command.startsWith('curl')))?.[0]
  }
  const env = { '.env': 'PORT="4000" # local\n' }
  assert.equal(await url({ ...env, 'app.js': WHOLE }), 'http://localhost:4000/me')
  assert.equal(await url(env), 'http://localhost:4000/me')
  assert.equal(await url(env, {}, ['@nestjs/core']), 'http://localhost:4000/me')
  assert.equal(
    await url({ 'app.js': CREATES, 'server.js': "import './app.js'\napp.listen(8080)\n" }),
    'http://localhost:8080/me',
  )
  assert.equal(
    await url(
      { 'app.js': CREATES, 'bin/www': 'server.listen(process.env.PORT || 8080)\n' },
      { start: 'node ./bin/www' },
    ),
    'http://localhost:8080/me',
  )
  assert.equal(await url({ ...env, 'app.js': `${CREATES}app.listen(8080)\n` }), 'http://localhost:8080/me')
  for (const other of ['DB_PORT || 5432', 'WEB_PORT ?? 5173']) {
    const text = `${CREATES}const other = process.env.${other}\napp.listen(8080)\n`
    assert.equal(await url({ 'app.js': text }), 'http://localhost:8080/me')
  }
  assert.equal(await url({ ...env, 'app.js': WHOLE }, { start: 'PORT=5000 node app.js' }), 'http://localhost:5000/me')
  for (const dev of ['next dev -p 4000', 'next dev --turbopack --port=4000', 'PORT=4000 next dev'])
    assert.equal(await url(env, { dev }, ['next']), 'http://localhost:4000/api/me', dev)
  assert.equal(await url(env, { dev: 'next dev' }, ['next']), 'http://localhost:3000/api/me')
})

describe('init prints a command and requests with the same port', () => {
  for (const [what, scripts, files, command, port] of /** @type {[string, any, any, string, number][]} */ ([
    ['of a dev script', { dev: 'PORT=4000 nodemon app.js' }, {}, 'PORT=4000 node --env-file=.env app.js', 4000],
    [
      'of a start script that also builds',
      { start: 'npm run build && PORT=5000 node app.js', dev: 'PORT=4000 nodemon app.js' },
      {},
      'PORT=5000 node --env-file=.env app.js',
      5000,
    ],
    [
      'of the environment, if only the other script sets one',
      { start: 'node app.js', dev: 'PORT=4000 node app.js' },
      { '.env': 'PORT=6000\n' },
      'node --env-file=.env app.js',
      6000,
    ],
    ['of the application', { start: 'node app.js', dev: 'PORT=4000 x' }, {}, 'node --env-file=.env app.js', 3000],
    ['without an invalid PORT', { dev: 'PORT=99999 nodemon app.js' }, {}, 'node --env-file=.env app.js', 3000],
  ])) {
    test(what, async (t) => {
      const { commands } = await project(t, {
        'package.json': { scripts, ...uses('express') },
        'app.js': WHOLE,
        ...files,
      }).json()
      const index = commands.findIndex((text) => text.startsWith('curl'))
      assert.deepEqual(commands.slice(index - 1, index + 1), [command, `curl -iw '\\n' http://localhost:${port}/me`])
    })
  }

  test('of the start script if init prints no command', async (t) => {
    const scripts = { start: 'PORT=5000 ./start.sh' }
    const files = { 'package.json': { scripts, ...uses('express') }, 'app.js': CREATES }
    const { commands } = await project(t, files).json()
    assert.ok(!commands.some((text) => text.includes('app.js')))
    assert.ok(commands.includes("curl -iw '\\n' http://localhost:5000/me"))
  })

  test('of NestJS, whose printed command does not contain the PORT of a script', async (t) => {
    const scripts = { start: 'PORT=4000 nest start' }
    const { commands } = await project(t, { 'package.json': { scripts, ...uses('@nestjs/core') } }).json()
    assert.ok(commands.includes("curl -iw '\\n' http://localhost:3000/me"))
  })
})

describe('init finds the port in', () => {
  for (const [source, port] of /** @type {[string, number][]} */ ([
    ['const port = 4401\napp.listen(port)', 4401],
    ['const PORT = 4402;\n\napp.listen(PORT, () => console.log(`Listening`, 5000));', 4402],
    ['const port: number = 4403\napp.listen(port)', 4403],
    ["let port: string | number = '4404'\napp.listen(port)", 4404],
    ['const port = Number(process.env.PORT) || 4405\napp.listen(port)', 4405],
    ["const port = parseInt(process.env.PORT || '4406', 10)\napp.listen(port)", 4406],
    ['const port = Number.parseInt(process.env.PORT as string, 10) || 4407\napp.listen(port)', 4407],
    ['const port = process.env.PORT ? Number(process.env.PORT) : 4408\napp.listen(port)', 4408],
    ['const { PORT = 4409, REDIS_PORT = 6379 } = process.env\napp.listen(PORT)', 4409],
    ["const port = normalizePort(process.env.PORT || '4410')\nserver.listen(port)", 4410],
    ['const config = { redis: { port: url }, server: { port: 4411, host } }\napp.listen(config.server.port)', 4411],
    ['class Server {\n  port = 4412\n  start() {\n    app.listen(this.port)\n  }\n}', 4412],
    ['const DEFAULT = 4413\nconst port = +(process.env.PORT ?? DEFAULT)\napp.listen(port)', 4413],
    ['const env = z.object({ PORT: z.coerce.number().default(4414) }).parse(process.env)\napp.listen(env.PORT)', 4414],
    ["app.listen({ host: '0.0.0.0', port: 4415 })", 4415],
    ["const port = 4416\nawait app.listen({ port, host: '0.0.0.0' })", 4416],
    ['app.listen({ port: Number(process.env.PORT ?? 4417), backlog: 511 })', 4417],
    ['const options = { port: 4418, backlog: 1024 }\napp.listen(options)', 4418],
    ['app.listen(\n  process.env.PORT ||\n    4419,\n  () => wait(5000),\n)', 4419],
    ['// app.listen(8080)\napp.listen(4420 /* not 5000 */)', 4420],
    ["const port = config.get<number>('PORT', 4421)\napp.listen(port)", 4421],
    ['const HTTP_PORT = 80\napp.listen(HTTP_PORT)', 80],
    ['const timeout = 5000\nmongoose.connect(url).then(() => app.listen(4422))', 4422],
    ["app.set('port', process.env.PORT || 4423)\napp.listen(app.get('port'))", 4423],
    ['const config = { port: 4424 }\napp.listen(config?.port ?? 4424)', 4424],
    ['const config = { port: 4425 }\napp.listen(config?.port)', 4425],
    ['let port = 4426\nif (port >= 5000) port = 4426\nconst f = (port) => 5000\napp.listen(port as number)', 4426],
    ['app.listen(4427)\napp.listen(4427)', 4427],
  ])) {
    test(JSON.stringify(source), async (t) => {
      const { url, isGuess } = await request(t, { 'app.ts': `${CREATES}${source}\n` })
      assert.deepEqual([url, isGuess], [`http://localhost:${port}/me`, false])
    })
  }

  for (const [source, port] of /** @type {[string, number][]} */ ([
    ['serve({ fetch: app.fetch, port: 4501 })', 4501],
    ['const port = 4502\nserve({ port, fetch: app.fetch })', 4502],
    ['serve(app)', 3000],
    ['serve(\n  { fetch: app.fetch },\n  ({ port }) => console.log(port, 5000),\n)', 3000],
  ])) {
    test(`Hono: ${JSON.stringify(source)}`, async (t) => {
      const text = `import { serve } from '@hono/node-server'\nimport { Hono } from 'hono'\n\nconst app = new Hono()\n${source}\n`
      const { url, isGuess } = await request(t, { 'app.ts': text }, 'hono')
      assert.deepEqual([url, isGuess], [`http://localhost:${port}/me`, false])
    })
  }

  test('the configuration of Bun', async (t) => {
    const text =
      "import { Hono } from 'hono'\n\nconst app = new Hono()\nexport default { port: 4503, fetch: app.fetch }\n"
    assert.equal((await request(t, { 'app.ts': text }, 'hono')).url, 'http://localhost:4503/me')
  })

  test('listen, even if a package for files or functions is called serve', async (t) => {
    for (const [name, text] of [
      [
        'koa',
        "const Koa = require('koa')\nconst serve = require('koa-static')\nconst app = new Koa()\napp.use(serve('public', { maxage: 86400 }))\napp.listen(4504)\n",
      ],
      ['express', `${CREATES}app.use('/api/inngest', serve({ client, functions }))\napp.listen(4504)\n`],
    ])
      assert.equal((await request(t, { 'app.js': text }, name)).url, 'http://localhost:4504/me')
  })
})

describe('init finds the port in an imported file:', () => {
  for (const [source, path, text] of /** @type {[string, string, string][]} */ ([
    ["import { config } from './config/index.js'", 'src/config/index.ts', 'export const config = { port: 4601 }'],
    [
      "import config from './config'",
      'src/config.ts',
      'export default {\n  db: { port: 5432 },\n  port: process.env.PORT || 4601,\n}',
    ],
    ["import {\n  config,\n} from '../config.js'", 'config.js', 'export const config = { port: 4601 }'],
    ["const config = require('./config')", 'src/config/index.js', 'module.exports = { port: 4601 }'],
    ["const { config } = require('./config.cjs')", 'src/config.cjs', 'exports.config = { port: 4601 }'],
    ["import * as config from './config'", 'src/config.mts', 'export const port: number = 4601'],
    [
      "import { config } from './config'",
      'src/config.ts',
      "import { PORT } from './env'\nexport const config = { port: PORT }",
    ],
  ])) {
    test(`${source} ${text}`, async (t) => {
      const files = { [path]: `${text}\n`, 'src/env.ts': 'export const PORT = 4601\n' }
      const application = `${CREATES}${source}\n\napp.listen(config.port)\n`
      assert.equal((await request(t, { 'src/app.ts': application, ...files })).url, 'http://localhost:4601/me')
    })
  }

  test('a port that the file exports', async (t) => {
    const files = {
      'src/app.js': `${CREATES}import { port } from './config.js'\nconst redis = new Redis({ port: 6379 })\napp.listen(port)\n`,
      'src/config.js': 'export const port = 4602\n',
    }
    assert.equal((await request(t, files)).url, 'http://localhost:4602/me')
  })
})

describe('init prints PORT of the environment', () => {
  const ports = async (t, source, files = {}) =>
    (await request(t, { '.env': 'PORT=6000\n', 'app.js': `${CREATES}${source}\n`, ...files })).url

  for (const source of [
    'const PORT = process.env.PORT || 4000;\napp.listen(PORT)',
    "app.listen(process.env['PORT'] || 4000)",
    'let PORT = 4000;\nif (process.env.PORT) PORT = Number(process.env.PORT);\napp.listen(PORT)',
    'const { PORT = 4000, HOST } = process.env\napp.listen(PORT)',
    "app.listen(config.get('PORT', 4000))",
    'const env = envalid.cleanEnv(process.env, { PORT: port({ default: 4000 }) })\napp.listen(env.PORT)',
    'app.listen(port)',
  ])
    test(`if the source is ${JSON.stringify(source)}`, async (t) => {
      assert.equal(await ports(t, source), 'http://localhost:6000/me')
    })

  test('if an imported file reads it', async (t) => {
    const files = { 'config.js': 'export const config = { port: process.env.PORT || 4000 }\n' }
    const source = "import { config } from './config.js'\napp.listen(config.port)"
    assert.equal(await ports(t, source, files), 'http://localhost:6000/me')
  })

  for (const source of [
    'const PORT = 4000;\napp.listen(PORT)',
    'const PORT = 4000; // development\napp.listen(PORT)',
    "const PORT = 4000, HOST = '0.0.0.0'\napp.listen(PORT)",
    'const PORT=4000\napp.listen(PORT)',
  ])
    test(`but not if the source is ${JSON.stringify(source)}`, async (t) => {
      assert.equal(await ports(t, source), 'http://localhost:4000/me')
    })
})

describe('init says that the port is a guess if the source is', () => {
  for (const source of [
    '',
    'app.listen()',
    "app.listen('/run/app-2024')",
    'app.listen(config.port)',
    "const config = require('config')\nconst redis = { port: 6379 }\napp.listen(config.port)",
    "import config from 'config'\nconst redis = { port: 6379 }\napp.listen(config.port)",
    "import { config } from './missing'\napp.listen(config.port)",
    "import { config } from '../outside'\napp.listen(config.port)",
    "import { config } from './app'\napp.listen(config.port)",
    "import { port } from './missing'\nnew Redis({ port: 6379 })\napp.listen(port)",
    'const { port } = loadConfig()\nnew Redis({ port: 6379 })\napp.listen(port)',
    "new Pool({ port: 5432 })\napp.listen(config.get('port'))",
    'new Pool({ port: 5432 })\nfunction start(port) {\n  app.listen(port)\n}',
    'const port = process.env.HTTP_PORT\nnew Pool({ port: 5432 })\napp.listen(port)',
    'const config = loadConfig()\nnew Pool({ port: 5432 })\napp.listen(config.port)',
    'class S {\n  db = { port: 5432 }\n  start() {\n    app.listen(this.config.port)\n  }\n}',
    'const { PORT } = process.env\nconst db = { PORT: 5432 }\napp.listen(PORT)',
    'app.listen(process.env.PORT)\nconst redis = { PORT: 6379 }',
    'const config = { a: { port: 4000 }, b: { port: 5000 } }\napp.listen(config.a.port)',
    'const port = port\napp.listen(port)',
    'const a = b\nconst b = a\napp.listen(a)',
    'const env = z.object({ PORT: z.number().min(1024).max(65535) }).parse(process.env)\napp.listen(env.PORT)',
    "const port = required('PORT', 'must be at least 1024')\napp.listen(port)",
    'const port = await getPort({ port: portNumbers(3001, 3100) })\napp.listen(port)',
    'const TIMEOUT = 5000\nconst port = load({ timeout: TIMEOUT }).port\napp.listen(port)',
    'const port = isDevelopment ? 4000 : 8080\napp.listen(port)',
    'const port = 4000 + Number(process.env.INSTANCE)\napp.listen(port)',
    'broker.listen({ port: 5672 })\napp.listen(port())',
    'metrics.listen(9090)\napp.listen(4000)',
    'serve({ fetch: app.fetch, port: env.PORT })\napp.listen(port)',
    'app.listen(({',
  ])
    test(JSON.stringify(source), async (t) => {
      const { url, isGuess, notes } = await request(t, { 'app.js': `${CREATES}${source}\n` })
      assert.deepEqual([url, isGuess], ['http://localhost:3000/me', true])
      assert.match(notes, /replace 3000 if your application listens on another port/)
    })

  test('serve with a port or options from elsewhere', async (t) => {
    for (const argument of ['{ fetch: app.fetch, port: env.PORT }', '{ fetch: app.fetch, ...options }', 'options']) {
      const text = `import { serve } from '@hono/node-server'\nimport { Hono } from 'hono'\n\nconst app = new Hono()\nserve(${argument})\n`
      assert.ok((await request(t, { 'app.ts': text }, 'hono')).isGuess, argument)
    }
  })
})

test('init knows the port of an application that it creates', async (t) => {
  for (const name of ['express', 'fastify', 'hono', 'koa']) assert.ok(!(await request(t, {}, name)).isGuess)
})

test('the port is found in little time in any source code', { timeout: 20_000 }, () => {
  const { findPort } = require('../../../js/cli/init-port')
  const names = Array.from({ length: 7000 }, (_, i) => `v${i} = v${i + 1}`).join('\n')
  for (const text of [
    `app.listen(v0)\n${names}`,
    `app.listen(a)\n${'a = b, b = a, '.repeat(30_000)}`,
    `app.listen(${'{port:'.repeat(50_000)}`,
    `const port = a ||${'\n'.repeat(200_000)}3000\napp.listen(port)`,
    'serve('.repeat(50_000),
    '.listen('.repeat(50_000),
    `${'port:port '.repeat(30_000)}\napp.listen(port)`,
    `${'import a '.repeat(30_000)}\napp.listen(port)`,
    '=/['.repeat(30_000),
    `app.listen(a)\n${'abcdefghij'.replace(/./g, (one) => `${one} = a, ${one} = b, ${one} = c, ${one} = d\n`)}${'x\n'.repeat(100_000)}`,
  ])
    assert.ok(
      ['3000', undefined].includes(findPort({ read: () => text, startScript: '', devScript: '' }, ['app.js'], null)),
    )
})

/** Returns the URL of the first request, whether its port is a guess, and the notes. */
async function request(t, files, name = 'express') {
  const { json, init } = project(t, { 'package.json': uses(name), ...files })
  const { commands, notes } = await json()
  const [text = ''] = /^.* a request without a token.*/m.exec(unwrapped((await init(['--yes'])).stdout)) ?? []
  return {
    url: commands
      .find((line) => line.startsWith('curl'))
      .split(' ')
      .at(-1),
    isGuess: text.includes('(replace 3000 if your application listens on another port), and expect'),
    notes: notes.join('\n'),
  }
}
