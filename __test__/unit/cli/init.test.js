const assert = require('node:assert/strict')
const { mkdirSync, readFileSync, symlinkSync, writeFileSync } = require('node:fs')
const { join, relative } = require('node:path')
const { describe, test } = require('node:test')
const { temporaryFolder } = require('../../support/files')
const { project, uses } = require('../../support/init')

describe('init explains', () => {
  const manifest = { ...uses('express') }
  for (const [what, files, says] of /** @type {[string, any, RegExp][]} */ ([
    [
      'a file that cannot be read',
      {},
      /^init cannot read a file: ELOOP: .*\.env'\. Correct or remove the file, and run init again\n/,
    ],
    [
      'a main file that cannot exist',
      { 'package.json': { ...manifest, main: 'a\0b' } },
      /^In package\.json, "main" must be a string/,
    ],
    [
      'a script that is not a string',
      { 'package.json': { ...manifest, scripts: { start: { toString: 1 } } } },
      /^In package\.json, "scripts\.start" must be a string/,
    ],
  ])) {
    test(what, async (t) => {
      const { folder, init } = project(t, { 'package.json': manifest, ...files })
      if (files['package.json'] === undefined) symlinkSync('.env', join(folder, '.env'))
      const { code, stdout, stderr } = await init(['--dry-run'])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, says)
    })
  }

  test('a folder in place of a file', async (t) => {
    const { folder, init } = project(t, { 'package.json': manifest })
    mkdirSync(join(folder, '.env'))
    const { code, stderr } = await init(['--yes'])
    assert.deepEqual([code, stderr], [1, 'logto-authkit: .env is not a file: nothing was written\n'])
  })
})

test('init ignores a folder .gitignore, as Git does, and a packageManager that is not a string', async (t) => {
  const manifest = { ...uses('express'), packageManager: { toString: 1 } }
  const { init } = project(t, { 'package.json': manifest, '.gitignore/x': '' })
  const { code, stdout } = await init(['--yes'])
  assert.equal(code, 0)
  assert.match(stdout, /^Add \.env to \.gitignore/m)
})

describe('init recognizes', () => {
  for (const [framework, names, files, created] of /** @type {[string, string[], object, string[]][]} */ ([
    ['express', ['express'], {}, ['.env', 'app.js']],
    ['fastify', ['fastify'], {}, ['.env', 'app.js']],
    ['hono', ['hono', '@hono/node-server'], {}, ['.env', 'app.js']],
    ['koa', ['koa'], {}, ['.env', 'app.js']],
    ['express', ['express', 'typescript'], { 'src/x.ts': '' }, ['.env', 'src/app.ts']],
    ['nestjs', ['@nestjs/core', 'express'], {}, ['.env', 'src/me.controller.ts']],
    [
      'next',
      ['next', 'react'],
      { 'app/page.jsx': '' },
      ['.env.local', 'next.config.mjs', 'lib/auth.js', 'app/api/me/route.js'],
    ],
    [
      'next',
      ['next'],
      { 'src/app/page.tsx': '', 'tsconfig.json': '{}' },
      ['.env.local', 'next.config.ts', 'src/lib/auth.ts', 'src/app/api/me/route.ts'],
    ],
    [
      'next',
      ['next', 'typescript'],
      { 'pages/index.tsx': '' },
      ['.env.local', 'next.config.ts', 'lib/auth.ts', 'pages/api/me.ts'],
    ],
  ])) {
    test(`${framework} among ${names.join(', ')} with ${Object.keys(files).join(', ') || 'no files'}`, async (t) => {
      const result = await project(t, { 'package.json': uses(...names), ...files }).json()
      assert.equal(result.framework, framework)
      assert.deepEqual(
        result.files.map(({ path }) => path),
        created,
      )
    })
  }

  test('ES modules and CommonJS', async (t) => {
    for (const [type, says] of [
      ['module', /^import express from 'express'$/m],
      ['commonjs', /^const express = require\('express'\)$/m],
    ]) {
      const { files } = await project(t, { 'package.json': { type, ...uses('express') } }).json()
      assert.match(files[1].content, /** @type {RegExp} */ (says))
    }
  })

  test('the package manager by packageManager, the lock file, or how it was started', async (t) => {
    for (const [manifest, files, env, expected] of /** @type {any[]} */ ([
      [{ packageManager: 'pnpm@10.0.0' }, { 'yarn.lock': '' }, {}, 'pnpm add logto-authkit'],
      [{}, { 'yarn.lock': '' }, { npm_config_user_agent: 'npm/10' }, 'yarn add logto-authkit'],
      [{}, {}, { npm_config_user_agent: 'bun/1.2.0' }, 'bun add logto-authkit'],
      [{}, {}, {}, 'npm install logto-authkit'],
    ])) {
      const { commands } = await project(t, { 'package.json': { ...manifest, ...uses('express') }, ...files }).json(
        [],
        {
          env,
        },
      )
      assert.equal(commands[0], expected)
    }
  })

  test('the path alias of create-next-app, and does without it', async (t) => {
    const files = { 'package.json': uses('next'), 'app/page.tsx': '' }
    const route = async (tsconfig) =>
      (await project(t, { ...files, 'tsconfig.json': tsconfig }).json()).files.at(-1).content
    assert.match(await route('{ "compilerOptions": { "paths": { "@/*": ["./*"] } } }'), /from '@\/lib\/auth'/)
    assert.match(await route('{}'), /from '\.\.\/\.\.\/\.\.\/lib\/auth'/)
  })
})

describe('init refuses politely', () => {
  for (const [what, files, args, says] of /** @type {[string, object, string[], RegExp][]} */ ([
    ['outside a project', {}, [], /^No package\.json in .*npm init -y/],
    ['a damaged manifest', { 'package.json': '{' }, [], /package\.json is not valid JSON/],
    ['a project without a framework', { 'package.json': {} }, [], /No supported framework.*install one of next/],
    ['the root of a monorepo', { 'package.json': { workspaces: ['a'] } }, [], /in the folder of the workspace/],
    ['two frameworks', { 'package.json': uses('koa', 'hono') }, [], /choose one with --framework hono\|koa/],
    ['an unknown framework', { 'package.json': {} }, ['--framework', 'hapi'], /--framework takes one of next, nestjs/],
    ['an invalid URL', { 'package.json': uses('koa') }, ['--logto-url', 'auth'], /^Invalid --logto-url: expected/],
    [
      'an invalid audience',
      { 'package.json': uses('koa') },
      ['--audience', 'a b'],
      /^Invalid --audience: not a URL or an identifier: remove white space/,
    ],
    ['a positional argument', { 'package.json': uses('koa') }, ['koa'], /init takes only options/],
    [
      'to change an entry',
      { 'package.json': uses('koa'), '.env': 'LOGTO_URL="https://a.example.com"\n' },
      ['--logto-url', 'https://b.example.com'],
      /LOGTO_URL is already set in \.env/,
    ],
  ])) {
    test(what, async (t) => {
      const { init, list } = project(t, files)
      const before = list()
      const { code, stdout, stderr } = await init(['--yes', ...args])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, says)
      assert.deepEqual(list(), before)
    })
  }
})

test('init refuses to rewrite an environment file that is not UTF-8', async (t) => {
  const { folder, init, list } = project(t, { 'package.json': uses('koa') })
  const latin1 = Buffer.from('DB_PASSWORD=caf\u00e9\n', 'latin1')
  writeFileSync(join(folder, '.env'), latin1)
  const { code, stderr } = await init(['--yes'])
  assert.notEqual(code, 0)
  assert.match(stderr, /\.env is not valid UTF-8, so it cannot be edited: nothing was written/)
  assert.deepEqual(readFileSync(join(folder, '.env')), latin1)
  assert.deepEqual(list(), ['.env', 'package.json'])
})

test('init edits no file outside the project', async (t) => {
  const victim = temporaryFolder(t)
  const source = "import express from 'express'\nconst app = express()\napp.listen(3000)\n"
  victim.save('app.mjs', source)
  for (const folder of ['', 'x/../']) {
    const { folder: own, init } = project(t, {})
    const main = `./${folder}${relative(own, join(victim.folder, 'app.mjs'))}`
    writeFileSync(join(own, 'package.json'), JSON.stringify({ ...uses('express'), main }))
    assert.equal((await init(['--yes'])).code, 0)
    assert.equal(readFileSync(join(victim.folder, 'app.mjs'), 'utf8'), source)
  }
})

describe('init shows the changes', () => {
  const files = { 'package.json': uses('express') }

  test('and writes nothing without --yes, and nothing with --dry-run', async (t) => {
    const { init, list } = project(t, files)
    for (const [args, code, says] of /** @type {[string[], number, RegExp][]} */ ([
      [[], 1, /add --yes/],
      [['--yes', '--dry-run'], 0, /--dry-run/],
      [['--dry-run'], 0, /--dry-run/],
      [['--json'], 0, /"written": false/],
    ])) {
      const result = await init(args)
      assert.equal(result.code, code)
      assert.match(result.stdout, says)
      assert.deepEqual(list(), ['package.json'])
    }
  })

  test('and asks on a terminal', async (t) => {
    for (const [stdin, code, url] of /** @type {any[]} */ ([
      ['\n\n\n', 0, 'http://127.0.0.1:3001'],
      ['https://auth.example.com\nhttps://orders.example.com\ny\n', 0, 'https://auth.example.com'],
      ['\n\nn\n', 1, null],
      ['', 1, null],
    ])) {
      const { init, list, read } = project(t, files)
      const result = await init([], { stdin, isTTY: true, env: { NO_COLOR: '1' } })
      assert.equal(result.code, code)
      if (url) assert.ok(read('.env').includes(`LOGTO_URL=${url}\n`))
      else assert.deepEqual(list(), ['package.json'])
    }
  })

  test('and asks again at once if an answer is invalid', async (t) => {
    const { init, read } = project(t, files)
    const answers = 'my.logto.app\n\nmy api\nhttps://orders.example.com\ny\n'
    const { code, stdout } = await init([], { stdin: answers, isTTY: true, env: { NO_COLOR: '1' } })
    assert.equal(code, 0)
    assert.match(
      stdout,
      /expected an absolute http or https URL, got "my\.logto\.app".*\n.*\(https:\/\/my\.logto\.app\): /,
    )
    assert.match(stdout, /not a URL or an identifier: .*\nIdentifier of your API resource/)
    assert.equal(read('.env'), 'LOGTO_URL=https://my.logto.app\nLOGTO_AUDIENCE=https://orders.example.com\n')
  })

  test('and names the flag or the file that has an invalid value', async (t) => {
    const flag = await project(t, files).init(['--yes', '--logto-url', 'my.logto.app'])
    assert.equal(flag.code, 2)
    assert.match(flag.stderr, /^Invalid --logto-url: expected an absolute http or https URL, got "my\.logto\.app"/)
    const file = await project(t, { ...files, '.env': 'LOGTO_URL=my.logto.app\n' }).init(['--yes'])
    assert.match(file.stderr, /^Invalid LOGTO_URL in \.env: expected an absolute/)
    const secret = await project(t, { ...files, '.env': 'LOGTO_URL=https://user:pa$word@t.test\n' }).init(['--yes'])
    assert.match(secret.stderr, /^Invalid LOGTO_URL in \.env: not a URL or an identifier: remove /)
    assert.doesNotMatch(secret.stderr + secret.stdout, /pa\$word/)
  })

  test('and accepts several audiences in an environment file', async (t) => {
    const env = 'LOGTO_URL=https://t.test\nLOGTO_AUDIENCE=https://a.test https://b.test\n'
    const { init, read } = project(t, { ...files, '.env': env })
    assert.equal((await init(['--yes'])).code, 0)
    assert.equal(read('.env'), env)
  })

  test('and suggests http for a local server whose URL lacks the scheme', async (t) => {
    const { init } = project(t, files)
    const { stdout } = await init([], { stdin: 'localhost:3001\n\n\ny\n', isTTY: true, env: { NO_COLOR: '1' } })
    assert.match(stdout, /\(http:\/\/localhost:3001\): /)
  })

  test('and everything that the user must do, before it asks whether to write the changes', async (t) => {
    const source = "const express = require('express')\nconst server = express()\nserver.get('/me', handler)\n"
    const { init } = project(t, { ...files, 'app.js': source })
    const { stdout } = await init([], { stdin: '\n\nn\n', isTTY: true, env: { NO_COLOR: '1' } })
    assert.match(
      stdout,
      /! Add to app\.js yourself[\s\S]*server\.get\('\/me'[\s\S]*All other routes stay public\.[\s\S]*Write these changes\?/,
    )
  })

  test('but does not claim that everything is there if the user must add lines', async (t) => {
    const source = "const express = require('express')\nconst app = express()\napp.get('/me', handler)\n"
    const { init } = project(t, { ...files, 'app.js': source, '.env': 'LOGTO_URL=https://t.test\nLOGTO_AUDIENCE=a\n' })
    assert.match((await init([])).stdout, /! Add to app\.js yourself[\s\S]*\nNothing to write\.\n/)
  })

  test('as a diff with the surrounding lines', async (t) => {
    const source = [
      "import cors from 'cors'",
      "import express from 'express'",
      '',
      'const app = express()',
      'app.use(cors())',
      '',
      'const a = 1',
    ]
    const { init } = project(t, { ...files, 'index.js': `${source.join('\n')}\n` })
    const { stdout } = await init(['--dry-run'])
    assert.ok(
      stdout.includes(`index.js
    import cors from 'cors'
    import express from 'express'
  + import { logtoAuth } from 'logto-authkit/express'

    const app = express()
    app.use(cors())

  + // Added by logto-authkit init: requires a valid token.
  + app.get('/me', logtoAuth(), (req, res) => {
  +   res.json({ userId: req.auth.userId, scopes: req.auth.scopes })
  + })
  +
    const a = 1
`),
      stdout,
    )
  })

  test('and escapes control characters', async (t) => {
    const source = "import express from 'express'\n// \u001b[2J\nconst app = express()\n"
    const { stdout } = await project(t, { ...files, 'index.js': source }).init(['--dry-run'])
    assert.ok(stdout.includes('\\u{1b}[2J') && !stdout.includes('\u001b'))
  })
})

describe('init never overwrites anything', () => {
  test('running it twice changes nothing', async (t) => {
    for (const files of [
      { 'package.json': uses('express') },
      { 'package.json': uses('koa'), 'app.js': "const Koa = require('koa')\nconst app = new Koa()\n" },
      { 'package.json': uses('next'), 'app/page.jsx': '', 'next.config.js': 'module.exports = config\n' },
      { 'package.json': uses('@nestjs/core'), 'src/app.module.ts': 'const a = {\n  controllers: [],\n}\n' },
    ]) {
      const { init } = project(t, files)
      assert.match((await init(['--yes'])).stdout, /✓ Written/)
      const again = await init(['--yes'])
      assert.equal(again.code, 0)
      assert.match(again.stdout, /Nothing to change/)
      assert.doesNotMatch(again.stdout, /yourself/)
    }
  })

  test('entries of the environment file are kept, and missing ones are added', async (t) => {
    const { init, read } = project(t, {
      'package.json': uses('fastify'),
      '.env': 'PORT=4000\r\nexport LOGTO_URL="https://auth.example.com"',
    })
    await init(['--yes', '--audience', 'https://orders.example.com'])
    const expected =
      'PORT=4000\r\nexport LOGTO_URL="https://auth.example.com"\r\nLOGTO_AUDIENCE=https://orders.example.com\r\n'
    assert.equal(read('.env'), expected)
  })

  test('empty entries of the environment file are filled in', async (t) => {
    const { init, read } = project(t, {
      'package.json': uses('koa'),
      '.env': 'LOGTO_URL=\nexport LOGTO_AUDIENCE=""\nA=\n',
    })
    await init(['--yes'])
    assert.equal(read('.env'), 'LOGTO_URL=http://127.0.0.1:3001\nexport LOGTO_AUDIENCE=https://api.example.com\nA=\n')
  })

  test('entries in the other files that Next.js reads are kept, because .env.local would override them', async (t) => {
    const files = { 'package.json': uses('next'), 'app/page.jsx': '' }
    const entries = 'LOGTO_URL=https://auth.example.com\nLOGTO_AUDIENCE=https://orders.example.com\n'
    for (const path of ['.env', '.env.development', '.env.development.local']) {
      const { init, list } = project(t, { ...files, [path]: entries })
      const { stdout } = await init(['--yes'])
      assert.match(stdout, /doctor --url https:\/\/auth\.example\.com --audience https:\/\/orders\.example\.com/)
      assert.ok(!list().includes('.env.local'))
      const { code, stderr } = await init(['--yes', '--audience', 'https://api.example.com'])
      assert.equal(code, 2)
      assert.ok(stderr.startsWith(`LOGTO_AUDIENCE is already set in ${path}: change it there`))
    }
  })

  test('an entry that only .env sets is used, and an empty entry of .env.local is filled in with it', async (t) => {
    const files = { 'package.json': uses('next'), 'app/page.jsx': '', '.env': 'LOGTO_URL=https://auth.example.com\n' }
    const { init, read } = project(t, files)
    await init(['--yes'])
    assert.equal(read('.env.local'), 'LOGTO_AUDIENCE=https://api.example.com\n')
    const empty = project(t, { ...files, '.env.local': 'LOGTO_URL=\n' })
    await empty.init(['--yes'])
    const expected = 'LOGTO_URL=https://auth.example.com\nLOGTO_AUDIENCE=https://api.example.com\n'
    assert.equal(empty.read('.env.local'), expected)
  })

  test('files with other contents are left alone, and the lines are shown', async (t) => {
    const { init, read } = project(t, { 'package.json': uses('next'), 'app/a.jsx': '', 'lib/auth.js': 'mine' })
    const { stdout } = await init(['--yes'])
    assert.equal(read('lib/auth.js'), 'mine')
    assert.match(stdout, /! Add to lib\/auth\.js yourself, because the file exists:\n\n {2}import \{ createNextAuth/)
  })
})

describe('init extends', () => {
  const APPLICATIONS = {
    express: ["const express = require('express')\nconst app = express()\n", "app.get('/me', logtoAuth(), (req, res)"],
    fastify: [
      "import Fastify from 'fastify'\n\nconst app = Fastify({\n  logger: { level: 'info)' },\n})\n",
      'app.register(',
    ],
    hono: [
      "import { Hono } from 'hono'\n\nconst api = new Hono<{ Variables: V }>()\n",
      "api.get('/me', logtoAuth(), (c)",
    ],
    koa: ['import Koa from "koa";\n\nconst app = new Koa();\n', 'app.use((ctx, next) => {'],
  }
  for (const [framework, [source, route]] of Object.entries(APPLICATIONS)) {
    test(`an application of ${framework}, in its style`, async (t) => {
      const { files, manual } = await project(t, { 'package.json': uses(framework), 'index.ts': source }).json()
      const { action, content } = files[1]
      assert.deepEqual([action, manual], ['extend', []])
      assert.ok(content.includes(route), content)
      const quote = source.includes('"') ? '"' : "'"
      assert.ok(content.includes(`${quote}logto-authkit/${framework}${quote}`), content)
      assert.equal(/;$/m.test(content), /;$/m.test(source), content)
    })
  }

  test('the file that scripts or main name', async (t) => {
    const [source] = APPLICATIONS.express
    for (const manifest of [{ scripts: { dev: 'nodemon ./bin/www.js' } }, { main: 'bin/www.js' }]) {
      const { files } = await project(t, {
        'package.json': { ...manifest, ...uses('express') },
        'bin/www.js': source,
      }).json()
      assert.equal(files[1].path, 'bin/www.js')
    }
  })

  for (const [what, source] of Object.entries({
    'two applications': "import express from 'express'\nconst a = express()\nconst b = express()\n",
    'a chained call': "import express from 'express'\nconst app = express()\n  .use(a)\n",
    'an application created in a function':
      "import express from 'express'\nfunction f() {\n  const app = express()\n}\n",
    'a route that exists': "import express from 'express'\nconst app = express()\napp.get('/me', f)\n",
    'two statements on one line': "import express from 'express'\nconst app = express(); app.use(a)\n",
    'a string that does not end': "import express from 'express'\nconst app = express('a)\n",
  })) {
    test(`no file with ${what}, but shows the lines`, async (t) => {
      const { files, manual } = await project(t, { 'package.json': uses('express'), 'app.js': source }).json()
      assert.deepEqual([files.length, manual.length, manual[0].path], [1, 1, 'app.js'])
      assert.match(manual[0].lines, /logto-authkit\/express/)
    })
  }

  for (const [name, before, after] of [
    ['next.config.ts', 'export default nextConfig;\n', 'export default withLogtoAuth(nextConfig);\n'],
    ['next.config.js', 'module.exports = nextConfig\n', 'module.exports = withLogtoAuth(nextConfig)\n'],
    ['next.config.mjs', 'export default withMDX(nextConfig)\n', 'export default withLogtoAuth(withMDX(nextConfig))\n'],
    ['next.config.mjs', 'export default {\n  a: 1,\n}\n', null],
    ['next.config.mjs', "export default withMDX()('(')\n", null],
    ['next.config.mjs', 'export default async () => ({})\n', null],
  ]) {
    test(`${name} with ${JSON.stringify(before)}`, async (t) => {
      const { files, manual } = await project(t, {
        'package.json': uses('next'),
        'app/page.jsx': '',
        [String(name)]: before,
      }).json()
      const changed = files.find(({ path }) => path === name)
      if (after === null) assert.deepEqual([changed, manual[0].path], [undefined, name])
      else assert.ok(changed.content.endsWith(after) && changed.content.includes('logto-authkit/next/config'))
    })
  }

  test('the module of a NestJS application', async (t) => {
    const module =
      "import { Module } from '@nestjs/common';\n\n@Module({\n  controllers: [AppController],\n})\nexport class AppModule {}\n"
    const { files } = await project(t, { 'package.json': uses('@nestjs/core'), 'src/app.module.ts': module }).json()
    const { content } = files.find(({ path }) => path === 'src/app.module.ts')
    assert.match(content, /^import \{ MeController \} from '\.\/me\.controller';$/m)
    assert.match(content, /^ {2}controllers: \[AppController, MeController\],$/m)
  })

  test('the module of a NestJS application with ES modules, which imports files with their extension', async (t) => {
    const module =
      "import { Module } from '@nestjs/common';\nimport { AppController } from './app.controller.js';\n\n@Module({\n  controllers: [AppController],\n})\nexport class AppModule {}\n"
    const { files } = await project(t, { 'package.json': uses('@nestjs/core'), 'src/app.module.ts': module }).json()
    const { content } = files.find(({ path }) => path === 'src/app.module.ts')
    assert.match(content, /^import \{ MeController \} from '\.\/me\.controller\.js';$/m)
  })

  test('a NestJS application with a controller in the style of its module', async (t) => {
    for (const [module, style] of /** @type {[string, RegExp][]} */ ([
      ["import { Module } from '@nestjs/common';\n", /'logto-authkit';\n[\s\S]*return \{ userId, scopes \};\n/],
      ['import { Module } from "@nestjs/common"\n', /"logto-authkit"\n[\s\S]*return \{ userId, scopes \}\n/],
    ])) {
      const files = { 'package.json': uses('@nestjs/core'), 'src/app.module.ts': module }
      const added = (await project(t, files).json()).files.find(({ path }) => path === 'src/me.controller.ts')
      assert.match(added.content, style)
    }
  })

  test('no module of a NestJS application without a list of controllers, but shows the lines', async (t) => {
    for (const [type, path] of [
      ['module', './me.controller.js'],
      ['commonjs', './me.controller'],
    ]) {
      const files = {
        'package.json': { ...uses('@nestjs/core'), type },
        'src/app.module.ts': 'export class AppModule {}\n',
      }
      const { manual } = await project(t, files).json()
      assert.ok(manual[0].lines.includes(`from '${path}'`), manual[0].lines)
    }
  })
})

test('init ends with the steps to a first request', async (t) => {
  const local = await project(t, { 'package.json': uses('koa', 'logto-authkit') }).json()
  assert.deepEqual(local.commands.slice(0, 3), [
    'npx logto-authkit dev',
    'node --env-file=.env app.js',
    "curl -iw '\\n' http://localhost:3000/me",
  ])
  const source = "import express from 'express'\nconst app = express()\napp.listen(process.env.PORT || 8080)\n"
  const files = { 'package.json': uses('express', 'typescript'), 'src/index.ts': source }
  const own = project(t, files)
  const url = ['--logto-url', 'https://auth.example.com']
  assert.deepEqual((await own.json(url)).commands.slice(1, 5), [
    'npm install --save-dev tsx',
    'npx logto-authkit doctor --url https://auth.example.com --audience https://api.example.com',
    'npx tsx --env-file=.env src/index.ts',
    "curl -iw '\\n' http://localhost:8080/me",
  ])
  // An interactive zsh passes the words of a comment as arguments.
  const { stdout } = await own.init(['--yes', ...url])
  assert.match(
    stdout,
    /\nStart the application, and leave it running:\n\n {2}npx tsx --env-file=\.env src\/index\.ts\n\n/,
  )
  assert.doesNotMatch(stdout, / # /)
})
