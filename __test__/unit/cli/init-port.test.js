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
    ['const env = read()\nconst names = { PORT: z.coerce.number().default(4414) }\napp.listen(env.PORT)', 4414],
    ["app.listen({ host: '0.0.0.0', port: 4415 })", 4415],
    ["const port = 4416\nawait app.listen({ port, host: '0.0.0.0' })", 4416],
    ['app.listen({ port: Number(process.env.PORT ?? 4417), backlog: 1024 })', 4417],
    ['const options = { port: 4418, backlog: 1024 }\napp.listen(options)', 4418],
    ['app.listen(\n  process.env.PORT ||\n    4419,\n  () => wait(5000),\n)', 4419],
    ['// app.listen(8080)\napp.listen(4420)', 4420],
    ["app.listen(process.env.NODE_ENV === 'production' ? 8080 : 4421)", 4421],
    ['const HTTP_PORT = 80\napp.listen(HTTP_PORT)', 80],
    ['const timeout = 5000\nmongoose.connect(url).then(() => app.listen(4422))', 4422],
    ['const app2 = http.createServer(app)\napp2.setTimeout(5000)\napp2.listen(4423)', 4423],
  ])) {
    test(JSON.stringify(source), async (t) => {
      const { url, text } = await request(t, { 'app.ts': `${CREATES}${source}\n` })
      assert.equal(url, `http://localhost:${port}/me`)
      assert.equal(text, 'Send a request without a token, and expect 401:')
    })
  }

  for (const [source, port] of /** @type {[string, number][]} */ ([
    ['serve({ fetch: app.fetch, port: 4501 })', 4501],
    ['const port = 4502\nserve({ port, fetch: app.fetch })', 4502],
    ['serve(app)', 3000],
    ['serve({ fetch: app.fetch }, ({ port }) => console.log(port, 5000))', 3000],
    ['export default { port: 4503, fetch: app.fetch }', 4503],
  ])) {
    test(`Hono: ${JSON.stringify(source)}`, async (t) => {
      const text = `import { Hono } from 'hono'\n\nconst app = new Hono()\n${source}\n`
      assert.equal((await request(t, { 'app.ts': text }, 'hono')).url, `http://localhost:${port}/me`)
    })
  }
})

test('init does not take PORT of the environment for a variable with this name', async (t) => {
  const files = { '.env': 'PORT=6000\n', 'app.js': `${CREATES}const PORT = 4000;\napp.listen(PORT)\n` }
  assert.equal((await request(t, files)).url, 'http://localhost:4000/me')
  files['app.js'] = `${CREATES}const PORT = process.env.PORT || 4000;\napp.listen(PORT)\n`
  assert.equal((await request(t, files)).url, 'http://localhost:6000/me')
})

test('init says that the port is a guess if the application does not contain it', async (t) => {
  for (const source of [
    '',
    'app.listen()',
    'app.listen(config.port)',
    "const config = require('./config')\nconst redis = { port: 6379 }\napp.listen(config.port)",
    'app.listen(process.env.PORT)\nconst redis = { PORT: 6379 }',
    'const db = { port: 5432 }\nconst web = { port: 8080 }\napp.listen(web.port)',
    'const port = port\napp.listen(port)',
    'app.listen(({',
  ]) {
    const { url, text } = await request(t, { 'app.js': `${CREATES}${source}\n` })
    assert.equal(url, 'http://localhost:3000/me', source)
    assert.match(
      text,
      /request without a token \(replace 3000 if your application listens on another port\), and expect/,
    )
  }
})

test('init knows the port of an application that it creates', async (t) => {
  for (const name of ['express', 'fastify', 'hono', 'koa'])
    assert.doesNotMatch((await request(t, {}, name)).text, /replace/)
})

/** Returns the URL of the first request, and the text above it. */
async function request(t, files, name = 'express') {
  const { json, init } = project(t, { 'package.json': uses(name), ...files })
  const command = (await json()).commands.find((line) => line.startsWith('curl'))
  const [text] = /^.* a request without a token.*/m.exec(unwrapped((await init(['--yes'])).stdout)) ?? []
  return { url: command.split(' ').at(-1), text }
}
