const assert = require('node:assert/strict')
const { writeFileSync } = require('node:fs')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { project, uses } = require('../../support/init')

const CREATES = "import express from 'express'\n\nexport const app = express()\n"
const LISTENS = "import { app } from './app'\n\napp.listen(process.env.PORT ?? 3000)\n"
const WHOLE = "import express from 'express'\n\nconst app = express()\n\napp.listen(process.env.PORT ?? 3000)\n"

/** Returns the command that starts the application, and the command that changes the start script. */
async function start(t, scripts, files, names = ['express', 'typescript', 'tsx']) {
  const { commands } = await project(t, { 'package.json': { scripts, ...uses(...names) }, ...files }).json()
  const isStart = (command) => /^(node|npx tsx|npm run build)\b/.test(command)
  return [commands.find(isStart), commands.find((command) => command.startsWith('npm pkg set'))]
}

const withFile = (command, name = 'start') => `npm pkg set scripts.${name}="${command}"`

describe('init prints the command that starts', () => {
  const split = { 'src/app.ts': CREATES, 'src/server.ts': LISTENS }
  for (const [what, scripts, files, expected] of /** @type {[string, any, any, any[]][]} */ ([
    [
      'the source of a compiled application, and adds the flag to its start script',
      { start: 'node dist/server.js', dev: 'tsx watch src/server.ts' },
      split,
      ['npx tsx --env-file=.env src/server.ts', withFile('node --env-file=.env dist/server.js')],
    ],
    [
      'the file of the script, whose options it keeps for Node.js',
      { start: 'node --import ./instrument.js src/server.js' },
      { 'src/app.js': CREATES, 'src/server.js': LISTENS },
      ['node --env-file=.env --import ./instrument.js src/server.js'].flatMap((command) => [
        command,
        withFile(command),
      ]),
    ],
    [
      'the file of node --watch',
      { dev: 'node --watch src/x.js' },
      { 'src/x.js': WHOLE },
      ['node --env-file=.env --watch src/x.js', withFile('node --env-file=.env --watch src/x.js', 'dev')],
    ],
    ['the file of ts-node', { start: 'ts-node src/x.ts' }, { 'src/x.ts': WHOLE }, ['npx tsx --env-file=.env src/x.ts']],
    [
      'the file of nodemon --exec',
      { dev: 'nodemon --watch src --exec ts-node ./src/x.ts' },
      { 'src/x.ts': WHOLE },
      ['npx tsx --env-file=.env src/x.ts'],
    ],
    [
      'the file that listens and imports the application',
      { start: 'node dist/server.js' },
      split,
      ['npx tsx --env-file=.env src/server.ts', withFile('node --env-file=.env dist/server.js')],
    ],
    [
      'the file that listens and creates the application',
      {},
      { 'src/index.ts': WHOLE },
      ['npx tsx --env-file=.env src/index.ts'],
    ],
    [
      'a file without an extension',
      { start: 'node ./bin/www' },
      { 'app.js': CREATES },
      ['node --env-file=.env ./bin/www', withFile('node --env-file=.env ./bin/www')],
    ],
    [
      'a file of JavaScript, and creates the start script',
      undefined,
      { 'server.js': WHOLE },
      ['node --env-file=.env server.js', withFile('node --env-file=.env server.js')],
    ],
    [
      'an application that reads .env already',
      { start: 'node --env-file=.env server.js' },
      { 'server.js': WHOLE },
      ['node --env-file=.env server.js'],
    ],
  ])) {
    test(what, async (t) => {
      const [command, fix = undefined] = expected
      assert.deepEqual(await start(t, scripts, files), [command, fix])
    })
  }

  for (const [what, scripts, files] of /** @type {[string, any, any][]} */ ([
    ['no file listens', {}, { 'src/app.ts': CREATES }],
    [
      'the listening file does not import the application',
      {},
      { 'src/app.ts': CREATES, 'src/server.ts': 'a.listen()' },
    ],
    ['the script runs several commands', { start: 'tsc && node dist/app.js' }, { 'src/app.ts': CREATES }],
    ['the script starts a compiled package', { dev: 'node .' }, { 'src/app.ts': CREATES }],
  ])) {
    test(`no file if ${what}`, async (t) => {
      const manifest = { scripts, main: './dist/app.js', ...uses('express', 'typescript') }
      const own = project(t, { 'package.json': manifest, ...files })
      const { commands } = await own.json()
      assert.ok(!commands.some((command) => /tsx|^node/.test(command)), commands.join('\n'))
      assert.match((await own.init(['--yes'])).stdout, /start your application as usual, with `--env-file=\.env`\.\n\n/)
    })
  }
})

describe('init makes scripts read .env:', () => {
  /** Returns the last step, and the commands that change scripts. */
  async function lastStep(t, scripts, files = { 'app.js': WHOLE }) {
    const own = project(t, { 'package.json': { scripts, ...uses('express') }, ...files })
    const { commands } = await own.json()
    const [text = ''] = /^To .*\.env, .*$/m.exec((await own.init(['--yes'])).stdout) ?? []
    return [text, ...commands.filter((command) => command.startsWith('npm pkg set'))]
  }
  const exists = '.env, which must then exist wherever you run the command:'

  test('both start and dev', async (t) => {
    assert.deepEqual(await lastStep(t, { start: 'node app.js', dev: 'node --watch app.js' }), [
      `To make \`npm start\` and \`npm run dev\` read ${exists}`,
      withFile('node --env-file=.env app.js'),
      withFile('node --env-file=.env --watch app.js', 'dev'),
    ])
  })

  test('only the one that does not read it', async (t) => {
    for (const dev of ['tsx app.js', 'tsx watch app.js'])
      assert.deepEqual(await lastStep(t, { start: 'node --env-file=.env app.js', dev }), [
        `To make \`npm run dev\` read ${exists}`,
        withFile(dev.replace(/ app/, ' --env-file=.env app'), 'dev'),
      ])
  })

  test('a script that sets variables', async (t) => {
    const scripts = { start: 'NODE_ENV=test PORT=1 node app.js', dev: 'cross-env PORT=1 tsx watch app.js' }
    assert.deepEqual(await lastStep(t, scripts), [
      `To make \`npm start\` and \`npm run dev\` read ${exists}`,
      withFile('NODE_ENV=test PORT=1 node --env-file=.env app.js'),
      withFile('cross-env PORT=1 tsx watch --env-file=.env app.js', 'dev'),
    ])
  })

  test('a new start script if there is no script', async (t) => {
    const created = [`To add a \`start\` script that reads ${exists}`, withFile('node --env-file=.env app.js')]
    for (const scripts of [undefined, {}, { test: 'node --test' }])
      assert.deepEqual(await lastStep(t, scripts), created)
  })

  test('a script of nodemon or ts-node-dev, which pass the option to Node.js', async (t) => {
    for (const [dev, changed] of [
      ['nodemon app.js', 'nodemon --env-file=.env app.js'],
      ['NODE_ENV=a nodemon --watch src app.js', 'NODE_ENV=a nodemon --env-file=.env --watch src app.js'],
      ['nodemon --exec tsx src/app.ts', 'nodemon --env-file=.env --exec tsx src/app.ts'],
      ['ts-node-dev --respawn src/app.ts', 'ts-node-dev --env-file=.env --respawn src/app.ts'],
    ])
      assert.deepEqual(await lastStep(t, { dev }), [`To make \`npm run dev\` read ${exists}`, withFile(changed, 'dev')])
  })

  test('no script that a shell would change, or whose program has no such option, but says what to do', async (t) => {
    for (const dev of [
      'node "app.js"',
      'node app.js && node b.js',
      'PORT=$P node app.js',
      'nodemon app.ts',
      'nodemon --exec ts-node app.ts',
      'nodemon --exec sucrase-node app.js',
      'nodemon --exec npm start',
      'nodemon -x npx tsx app.ts',
      'nodemon --config nodemon.dev.json',
      'ts-node app.ts',
      'concurrently "nodemon app.js"',
    ]) {
      const [text, ...commands] = await lastStep(t, { dev })
      assert.match(
        text,
        /^To make `npm run dev` read \.env, add `--env-file=\.env` to the `node`, `tsx` or `nodemon` command, or$/,
      )
      assert.deepEqual(commands, [])
    }
  })

  test('no script of a nodemon that is configured elsewhere', async (t) => {
    const scripts = { dev: 'nodemon app.js' }
    for (const files of [
      { 'nodemon.json': '{}' },
      { 'package.json': { scripts, nodemonConfig: {}, ...uses('express') } },
    ]) {
      const own = project(t, { 'package.json': { scripts, ...uses('express') }, 'app.js': WHOLE, ...files })
      assert.ok(!(await own.json()).commands.some((command) => command.startsWith('npm pkg set')))
    }
  })

  test('no script that does not start Node.js', async (t) => {
    assert.deepEqual(await lastStep(t, { dev: 'vite' }), [''])
  })
})

describe('init prints no --env-file if', () => {
  for (const [what, scripts, files] of /** @type {[string, any, any][]} */ ([
    [
      'the application imports dotenv/config',
      { start: 'node app.js' },
      { 'app.js': `import 'dotenv/config'\n${WHOLE}` },
    ],
    ['the application calls dotenv', {}, { 'app.js': `require('dotenv').config({ quiet: true })\n${WHOLE}` }],
    ['the application calls loadEnvFile', {}, { 'app.js': `process.loadEnvFile()\n${WHOLE}` }],
    [
      'the file that imports the application loads dotenv before',
      {},
      { 'app.js': CREATES, 'server.js': `import 'dotenv/config'\n${LISTENS}` },
    ],
    [
      'a file that the application imports loads dotenv',
      {},
      { 'app.js': `import { config } from './config.js'\n${WHOLE}`, 'config.js': "import 'dotenv/config'\n" },
    ],
    [
      'a file that the application requires calls dotenv',
      { start: 'node app.js' },
      {
        'app.js': "const config = require('./config')\nconst app = require('express')()\napp.listen(config.port)\n",
        'config/index.js': "require('dotenv').config()\nmodule.exports = { port: 4000 }\n",
      },
    ],
    ['the script loads dotenv', { start: 'node -r dotenv/config app.js' }, { 'app.js': WHOLE }],
  ])) {
    test(what, async (t) => {
      const [command, fix] = await start(t, scripts, files, ['express'])
      assert.match(command, /^node (-r dotenv\/config )?\w+\.js$/)
      assert.equal(fix, undefined)
    })
  }

  test('NestJS loads dotenv', async (t) => {
    const files = { 'src/main.ts': "import 'dotenv/config'\nimport { AppModule } from './app.module'\n" }
    assert.deepEqual(await start(t, {}, files, ['@nestjs/core']), ['npm run build && node dist/main.js', undefined])
  })
})

test('init prints --env-file if the application loads .env too late, or loads another file', async (t) => {
  for (const files of [
    { 'app.js': CREATES, 'server.js': `${LISTENS}process.loadEnvFile()\n` },
    { 'server.js': `${WHOLE}require('dotenv').config()\n` },
    { 'app.js': CREATES, 'server.js': `import dotenv from 'dotenv'\n${LISTENS}dotenv.config()\n` },
    { 'server.js': `require('dotenv').config({ path: 'settings.env' })\n${WHOLE}` },
    { 'server.js': `// require('dotenv').config()\n${WHOLE}` },
    { 'server.js': `${WHOLE}require('./late')\n`, 'late.js': "require('dotenv').config()\n" },
    { 'server.js': `import './config.js'\n${WHOLE}`, 'config.js': "// import 'dotenv/config'\n" },
  ]) {
    const [command] = await start(t, {}, files, ['express'])
    assert.equal(command, 'node --env-file=.env server.js')
  }
})

test('init prints the path before all routes, and when it runs again', async (t) => {
  const hono = "import { Hono } from 'hono'\n\nconst app = new Hono()"
  for (const [framework, files, path] of /** @type {[string, Record<string, string>, string][]} */ ([
    ['hono', { 'app.js': `${hono}.basePath('/api')\n` }, '/api/me'],
    ['hono', { 'app.js': `${hono}\n  .basePath("/api/v1/")\n` }, '/api/v1/me'],
    ['hono', { 'app.js': `${hono}\nconst sub = app.basePath('/sub')\n` }, '/me'],
    ['@nestjs/core', { 'src/main.ts': "app.setGlobalPrefix('v1')\n" }, '/v1/me'],
    ['next', { 'app/page.jsx': '', 'next.config.js': "module.exports = { basePath: '/docs' }\n" }, '/docs/api/me'],
  ])) {
    const { json, init, folder } = project(t, { 'package.json': uses(framework), ...files })
    const url = async () => (await json()).commands.find((text) => text.startsWith('curl')).split(':3000')[1]
    assert.equal(await url(), path)
    await init(['--yes'])
    if ('app.js' in files)
      writeFileSync(join(folder, 'app.js'), `import 'logto-authkit/hono'\n${files['app.js']}'/me'\n`)
    assert.equal(await url(), path)
  }
})

test('init tells how to start NestJS during development, and leaves Next.js alone', async (t) => {
  const last = async (files) => (await project(t, files).json()).commands.at(-1)
  assert.match(await last({ 'package.json': uses('next'), 'app/page.jsx': '' }), /^curl/)
  assert.equal(await last({ 'package.json': uses('@nestjs/core') }), 'npm run start:dev -- --env-file .env')
  const scripts = { start: 'nest start', 'start:dev': 'nest start --watch' }
  const { init } = project(t, { 'package.json': { scripts, ...uses('@nestjs/core') } })
  assert.match(
    (await init(['--yes'])).stdout.replace(/\s+/g, ' '),
    /To make `npm run start` and `npm run start:dev` read .* npm run start -- --env-file \.env npm run start:dev -- --env-file \.env/,
  )
  assert.equal(
    await last({ 'package.json': uses('@nestjs/core'), 'pnpm-lock.yaml': '' }),
    'pnpm run start:dev --env-file .env',
  )
})
