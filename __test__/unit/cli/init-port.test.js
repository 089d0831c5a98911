const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { project, unwrapped, uses } = require('../../support/init')

const CREATES = "import express from 'express'\n\nexport const app = express()\n"
const HONO = "import { serve } from '@hono/node-server'\nimport { Hono } from 'hono'\n\nconst app = new Hono()\n"
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

describe('init is certain of the port in', () => {
  for (const [source, port] of /** @type {[string, number][]} */ ([
    ['const port = 4401\napp.listen(port)', 4401],
    ['const PORT = 4402;\n\napp.listen(PORT, () => console.log(`Listening`, 5000));', 4402],
    ['const port: number = 4403\napp.listen(port)', 4403],
    ["const port: string = '4404'\napp.listen(port)", 4404],
    ['const port = Number(process.env.PORT) || 4405\napp.listen(port)', 4405],
    ["const port = parseInt(process.env.PORT || '4406', 10)\napp.listen(port)", 4406],
    ['const port = Number.parseInt(process.env.PORT as string, 10) || 4407\napp.listen(port)', 4407],
    ['const port = process.env.PORT ? Number(process.env.PORT) : 4408\napp.listen(port)', 4408],
    ["app.listen(normalizePort(process.env['PORT'] ?? '4409'))", 4409],
    ['app.listen(+(process.env.PORT ?? 4410))', 4410],
    ['app.listen(Number(process.env.PORT!) || 4411)', 4411],
    ["app.listen({ host: '0.0.0.0', port: 4412 })", 4412],
    ["const port = 4413\nawait app.listen({ port, host: '0.0.0.0' })", 4413],
    ['app.listen({ port: Number(process.env.PORT ?? 4414), backlog: 1024 })', 4414],
    ['app.listen(\n  process.env.PORT ||\n    4415,\n  () => wait(5000),\n)', 4415],
    ['// app.listen(8080)\napp.listen(4416 /* not 5000 */)', 4416],
    ['const HTTP_PORT = 80\napp.listen(HTTP_PORT)', 80],
    ['const HTTPS_PORT = 443\napp.listen(HTTPS_PORT)', 443],
    ['const timeout = 5000\nmongoose.connect(url).then(() => app.listen(4417))', 4417],
    ['const port = 4418\nif (port == 5000 || port >= 6000) exit()\napp.listen(port)', 4418],
    ['app.listen(4419)\napp.listen(4419)', 4419],
    ["require('dotenv').config({ path: 'settings.env' })\napp.listen(4420)", 4420],
  ])) {
    test(JSON.stringify(source), async (t) => {
      const { port: found, isGuess, notes } = await request(t, { 'app.ts': `${CREATES}${source}\n` })
      assert.deepEqual([found, isGuess], [port, false])
      assert.doesNotMatch(notes, /replace/)
    })
  }

  for (const [source, port] of /** @type {[string, number][]} */ ([
    ['serve({ fetch: app.fetch, port: 4501 })', 4501],
    ['const port = 4502\nserve({ port, fetch: app.fetch })', 4502],
    ['serve(app)', 3000],
    ['serve(\n  { fetch: app.fetch },\n  ({ port }) => console.log(port, 5000),\n)', 3000],
    ['serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 4503) })', 4503],
  ])) {
    test(`Hono: ${JSON.stringify(source)}`, async (t) => {
      const { port: found, isGuess } = await request(t, { 'app.ts': HONO + source }, 'hono')
      assert.deepEqual([found, isGuess], [port, false])
    })
  }

  test('listen, even if a package for files or functions is called serve', async (t) => {
    for (const [name, text] of [
      [
        'koa',
        "const Koa = require('koa')\nconst serve = require('koa-static')\nconst app = new Koa()\napp.use(serve('public', { maxage: 86400 }))\napp.listen(4504)\n",
      ],
      ['express', `${CREATES}app.use('/api/inngest', serve({ client, functions }))\napp.listen(4504)\n`],
    ]) {
      const { port, isGuess } = await request(t, { 'app.js': text }, name)
      assert.deepEqual([port, isGuess], [4504, false])
    }
  })
})

describe('init guesses the port in', () => {
  for (const [source, port] of /** @type {[string, number][]} */ ([
    ['const { PORT = 4601, REDIS_PORT = 6379 } = process.env\napp.listen(PORT)', 4601],
    ["let port: string = '4602'\napp.listen(port)", 4602],
    ['const config = { redis: { port: url }, server: { port: 4603, host } }\napp.listen(config.server.port)', 4603],
    ['class Server {\n  port = 4604\n  start() {\n    app.listen(this.port)\n  }\n}', 4604],
    ['const DEFAULT = 4605\nconst port = +(process.env.PORT ?? DEFAULT)\napp.listen(port)', 4605],
    ['const env = z.object({ PORT: z.coerce.number().default(4606) }).parse(process.env)\napp.listen(env.PORT)', 4606],
    ["const port = config.get<number>('PORT', 4607)\napp.listen(port)", 4607],
    ["app.set('port', process.env.PORT || 4608)\napp.listen(app.get('port'))", 4608],
    ['const config = { port: 4609 }\napp.listen(config?.port)', 4609],
    ['export function start(port = 4610) {\n  return app.listen(port)\n}', 4610],
    ['const port = 4611\nfunction start(port) {\n  app.listen(port)\n}\nstart(5000)', 4611],
    ['const port = process.env.APP_PORT || 4612\napp.listen(port)', 4612],
    ["require('dotenv').config({ path: './config/config.env' })\napp.listen(process.env.PORT || 4613)", 4613],
    ['metrics.listen(4614)\napp.listen(5000)', 4614],
    ["app.set('port', process.env.PORT || process.env.NODE_PORT || 4616)\napp.listen(app.get('port'))", 4616],
    ["require('dotenv-flow').config()\napp.listen(process.env.PORT || 4617)", 4617],
    ["process.loadEnvFile('./.env.local')\napp.listen(process.env.PORT || 4618)", 4618],
    ['const port = isDevelopment ? 8080 : 4615\napp.listen(port)', 4615],
  ])) {
    test(JSON.stringify(source), async (t) => {
      const { port: found, isGuess, notes } = await request(t, { 'app.ts': `${CREATES}${source}\n` })
      assert.deepEqual([found, isGuess], [port, true])
      assert.ok(notes.includes(`not certain (replace ${port} if your application listens on another port).`), notes)
    })
  }

  for (const [source, path, text] of /** @type {[string, string, string][]} */ ([
    ["import { config } from './config/index.js'", 'src/config/index.ts', 'export const config = { port: 4701 }'],
    ["import config from './config'", 'src/config.ts', 'export default {\n  port: process.env.PORT || 4701,\n}'],
    ["import {\n  config,\n} from '../config.js'", 'config.js', 'export const config = { port: 4701 }'],
    ["const config = require('./config')", 'src/config/index.js', 'module.exports = { port: 4701 }'],
    ["const { config } = require('./config.cjs')", 'src/config.cjs', 'exports.config = { port: 4701 }'],
    ["import * as config from './config'", 'src/config.mts', 'export const port: number = 4701'],
    [
      "import { config } from './config.mjs'",
      'src/config.mjs',
      "import { PORT } from './env'\nexport const config = { port: PORT }",
    ],
  ])) {
    test(`an imported file: ${source} ${text}`, async (t) => {
      const files = { [path]: `${text}\n`, 'src/env.ts': 'export const PORT = 4701\n' }
      const application = `${CREATES}${source}\n\napp.listen(config.port)\n`
      const { port, isGuess } = await request(t, { 'src/app.ts': application, ...files })
      assert.deepEqual([port, isGuess], [4701, true])
    })
  }

  for (const source of [
    '',
    'app.listen()',
    'app.listen({ host })',
    "app.listen('/run/app-2024')",
    'app.listen(config.port)',
    'app.listen(process.env.PORT)',
    "import { config } from './missing'\napp.listen(config.port)",
    "import { config } from '../outside'\napp.listen(config.port)",
    "import { config } from './app'\napp.listen(config.port)",
    "new Pool({ port: 5432 })\napp.listen(config.get('port'))",
    'new Pool({ port: 5432 })\nfunction start(port) {\n  app.listen(port)\n}',
    'const port = port\napp.listen(port)',
    'const a = b\nconst b = a\napp.listen(a)',
    'const port = 4000 + Number(process.env.INSTANCE)\napp.listen(port)',
    'serve({ fetch: app.fetch, port: env.PORT })\napp.listen(port)',
    'const pool = new Pool({ port: db.PORT || 5432 })\napp.listen(port)',
    "import config from 'config'\nclass Pool {\n  port = 5432\n  url = this.host\n}\napp.listen(config.port)",
    'app.listen(({',
  ])
    test(`3000 without any: ${JSON.stringify(source)}`, async (t) => {
      const { port, isGuess } = await request(t, { 'app.ts': `${CREATES}${source}\n` })
      assert.deepEqual([port, isGuess], [3000, true])
    })

  test('serve with a port or options from elsewhere', async (t) => {
    for (const argument of ['{ fetch: app.fetch, port: env.PORT }', '{ fetch: app.fetch, ...options }', 'options'])
      assert.ok((await request(t, { 'app.ts': `${HONO}serve(${argument})\n` }, 'hono')).isGuess, argument)
  })
})

describe('init takes PORT from the environment file', () => {
  for (const [source, isGuess] of /** @type {[string, boolean][]} */ ([
    ['const PORT = process.env.PORT || 4000;\napp.listen(PORT)', false],
    ["app.listen(process.env['PORT'] || 4000)", false],
    ['app.listen(process.env.PORT)', false],
    ['let PORT = 4000;\nif (process.env.PORT) PORT = Number(process.env.PORT);\napp.listen(PORT)', true],
    ['const { PORT = 4000, HOST } = process.env\napp.listen(PORT)', true],
    ["app.listen(config.get('PORT', 4000))", true],
    ['app.listen(port)', true],
  ]))
    test(`if the source is ${JSON.stringify(source)}`, async (t) => {
      const found = await request(t, { '.env': 'PORT=6000\n', 'app.js': `${CREATES}${source}\n` })
      assert.deepEqual([found.port, found.isGuess], [6000, isGuess])
    })

  for (const source of [
    'const PORT = 4000;\napp.listen(PORT)',
    'const PORT = 4000; // development\napp.listen(PORT)',
    "const PORT = 4000, HOST = '0.0.0.0'\napp.listen(PORT)",
    'const PORT=4000\napp.listen(PORT)',
  ])
    test(`but not if the source is ${JSON.stringify(source)}`, async (t) => {
      const found = await request(t, { '.env': 'PORT=6000\n', 'app.js': `${CREATES}${source}\n` })
      assert.deepEqual([found.port, found.isGuess], [4000, false])
    })

  for (const [what, files, scripts] of /** @type {[string, any, any][]} */ ([
    ['the script reads another file', {}, { start: 'node --env-file=.env.local app.js' }],
    [
      'a script passes another file to dotenv',
      {},
      { start: 'node -r dotenv/config app.js dotenv_config_path=.env.dev' },
    ],
    ['another file sets it', { '.env.local': 'PORT=5000\n' }, {}],
    ['only one of the scripts sets it', {}, { start: 'node app.js', dev: 'PORT=5000 nodemon app.js' }],
    [
      'an imported file reads another file',
      { 'config.js': "require('dotenv').config({ path: 'settings.env' })\n", 'app.js': "require('./config')\n" },
      {},
    ],
  ]))
    test(`or says that it is a guess, because ${what}`, async (t) => {
      const source = `${files['app.js'] ?? ''}${CREATES}app.listen(process.env.PORT || 4000)\n`
      const found = await request(t, { ...files, 'app.js': source }, 'express', scripts)
      assert.deepEqual([found.port, found.isGuess], [4000, true])
    })

  test('or says that it is a guess, because a module of NestJS names another file', async (t) => {
    const files = {
      'src/main.ts': "import { AppModule } from './app.module'\nawait app.listen(process.env.PORT ?? 4000)\n",
      'src/app.module.ts': "ConfigModule.forRoot({ envFilePath: '.development.env' })\n",
    }
    const { port, isGuess } = await request(t, files, '@nestjs/core')
    assert.deepEqual([port, isGuess], [4000, true])
  })

  test('unless its value refers to another variable, which makes the port a guess', async (t) => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of environment files
    const files = { '.env': 'PORT=${APP_PORT}\n', 'app.js': `${CREATES}app.listen(process.env.PORT || 4000)\n` }
    const { port, isGuess } = await request(t, files)
    assert.deepEqual([port, isGuess], [4000, true])
  })
})

test('init knows the port of an application that it creates', async (t) => {
  for (const name of ['express', 'fastify', 'hono', 'koa']) assert.ok(!(await request(t, {}, name)).isGuess)
})

describe('the port is found in little time in', () => {
  const { findPort } = require('../../../js/cli/init-port')
  const names = Array.from({ length: 7000 }, (_, i) => `v${i} = v${i + 1}`).join('\n')
  const cycles = 'abcdefghij'.replace(/./g, (one) => `${one} = a, ${one} = b, ${one} = c, ${one} = d\n`)
  for (const [what, text] of /** @type {[string, string][]} */ ([
    ['a chain of names', `app.listen(v0)\n${names}`],
    ['thousands of definitions', `app.listen(a)\n${'a = b, b = a, '.repeat(30_000)}`],
    ['names that refer to each other', `app.listen(a)\n${cycles}${'x\n'.repeat(100_000)}`],
    ['nested objects', `app.listen(${'{port:'.repeat(50_000)}`],
    ['empty lines', `const port = a ||${'\n'.repeat(200_000)}3000\napp.listen(port)`],
    ['thousands of calls of serve', `import '@hono/node-server'\n${'serve('.repeat(50_000)}`],
    ['thousands of calls of listen', '.listen('.repeat(50_000)],
    ['thousands of members', `${'port:port '.repeat(30_000)}\napp.listen(port)`],
    ['thousands of words', `(${'port '.repeat(30_000)}\napp.listen(port)`],
    ['thousands of imports', `${'import a '.repeat(30_000)}\napp.listen(port)`],
    ['character classes', '=/['.repeat(30_000)],
    ['calls of config', 'config({'.repeat(50_000)],
  ])) {
    // In quadratic time, each of these would take at least a minute.
    test(what, { timeout: 20_000 }, () => {
      const { port } = findPort({ read: () => text, startScript: '', devScript: '' }, ['app.js'], null)
      assert.equal(port, '3000')
    })
  }
})

/** Returns the port of the first request, whether the output says that it is a guess, and the notes. */
async function request(t, files, name = 'express', scripts = {}) {
  const { json, init } = project(t, { 'package.json': { ...uses(name), scripts }, ...files })
  const { commands, notes } = await json()
  const [text = ''] = /^.* a request without a token.*/m.exec(unwrapped((await init(['--yes'])).stdout)) ?? []
  const [, port] = /^curl .*http:\/\/localhost:(\d+)\//.exec(commands.find((line) => line.startsWith('curl'))) ?? []
  const isGuess = text.includes(` (replace ${port} if your application listens on another port), and expect`)
  return { port: Number(port), isGuess, notes: notes.join('\n') }
}
