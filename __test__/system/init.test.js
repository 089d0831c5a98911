/**
 * `logto-authkit init` in projects of each framework: the created application starts, and responds with 401, 200 and
 * 403.
 */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { mkdirSync, rmSync, symlinkSync } = require('node:fs')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const { describe, test } = require('node:test')
const { cli } = require('../support/cli')
const { temporaryFolder } = require('../support/files')
const { ask, bearer } = require('../support/frameworks')
const { AUDIENCE, startIssuer } = require('../support/helpers')
const { ANNOUNCE } = require('../support/start-example')
const { Application } = require('../next/application')

const ROOT = join(__dirname, '../..')
const TSX = require.resolve('tsx/cli')

/** Creates a project inside the repository, so that it finds the frameworks, with the package linked into it. */
function createProject(t, files) {
  const { folder, save } = temporaryFolder(t, join(__dirname, '.init-'))
  for (const [path, content] of Object.entries(files)) save(path, content)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/logto-authkit'), 'junction')
  return folder
}

/** Runs `init` and returns the printed commands. */
async function init(folder, issuer) {
  const args = ['init', '--yes', '--json', '--logto-url', issuer.logtoUrl, '--audience', AUDIENCE]
  const { code, stdout, stderr } = await cli(args, { cwd: () => folder })
  assert.equal(code, 0, stderr)
  const { commands, manual } = JSON.parse(stdout)
  assert.deepEqual(manual, [])
  return { start: commands.find((command) => command.includes('--env-file')), url: commands.at(-1) }
}

/** Starts the application with the printed command, on a free port. */
async function start(t, folder, command) {
  const [program, ...args] = command.split('   #')[0].replace('npx tsx', `tsx`).split(' ')
  const child = spawn(process.execPath, program === 'tsx' ? [TSX, ...args] : args, {
    cwd: folder,
    env: { ...process.env, PORT: '0', NODE_OPTIONS: `--import=${ANNOUNCE}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill())
  // The application prints a line as well.
  for await (const line of createInterface(child.stdout)) if (/^\d+$/.test(line)) return `http://127.0.0.1:${line}`
  throw new Error(`${command} printed no port`)
}

async function statusOf(url, request = {}) {
  const { status, body } = await ask(url, request)
  return status === 200 ? [200, JSON.parse(body).userId] : [status, JSON.parse(body).code]
}

const uses = (names, more = {}) => ({ ...more, dependencies: Object.fromEntries(names.map((name) => [name, '*'])) })
const EXISTING = {
  express: `import express from 'express'\n\nconst app = express()\n\napp.get('/', (_req, res) => res.send('public'))\napp.listen(process.env.PORT)\n`,
  fastify: `const fastify = require('fastify')\n\nconst app = fastify({ logger: false })\n\napp.get('/', async () => 'public')\napp.listen({ port: Number(process.env.PORT) })\n`,
  hono: `import { serve } from '@hono/node-server'\nimport { Hono } from 'hono'\n\nconst app = new Hono()\n\napp.get('/', (c) => c.text('public'))\nserve({ fetch: app.fetch, port: Number(process.env.PORT) })\n`,
  koa: `import Koa from 'koa'\n\nconst app = new Koa()\n\napp.use((ctx) => {\n  ctx.body = 'public'\n})\napp.listen(process.env.PORT)\n`,
}
const MODULE = { type: 'module' }

describe('init', { timeout: 600_000 }, () => {
  for (const [what, files] of Object.entries({
    'Express, CommonJS': { 'package.json': uses(['express']) },
    'Fastify, CommonJS': { 'package.json': uses(['fastify']) },
    'Hono, ES modules': { 'package.json': uses(['hono', '@hono/node-server'], MODULE) },
    'Koa, TypeScript': { 'package.json': uses(['koa', 'typescript']) },
  })) {
    test(`creates an application: ${what}`, async (t) => {
      const issuer = await startIssuer(t)
      const folder = createProject(t, files)
      const url = await start(t, folder, (await init(folder, issuer)).start)
      assert.deepEqual(await statusOf(`${url}/me`), [401, 'missing_token'])
      const token = (scope) => bearer(issuer.mint({ sub: 'alice', audience: AUDIENCE, scope }))
      assert.deepEqual(await statusOf(`${url}/me`, token('')), [200, 'alice'])
      assert.deepEqual(await statusOf(`${url}/orders`, token('')), [403, 'missing_scope'])
      assert.equal((await ask(`${url}/orders`, token('read:orders'))).status, 200)
    })
  }

  for (const [what, files] of Object.entries({
    'Express, TypeScript': {
      'package.json': uses(['express', 'typescript'], MODULE),
      'src/index.ts': EXISTING.express,
    },
    'Fastify, CommonJS': { 'package.json': uses(['fastify']), 'server.js': EXISTING.fastify },
    'Hono, TypeScript': {
      'package.json': uses(['hono', '@hono/node-server', 'typescript'], MODULE),
      'src/index.ts': EXISTING.hono,
    },
    'Koa, ES modules': { 'package.json': uses(['koa'], MODULE), 'index.js': EXISTING.koa },
  })) {
    test(`adds a route to an application, whose other routes stay public: ${what}`, async (t) => {
      const issuer = await startIssuer(t)
      const folder = createProject(t, files)
      const url = await start(t, folder, (await init(folder, issuer)).start)
      assert.deepEqual(await statusOf(`${url}/me`), [401, 'missing_token'])
      assert.deepEqual(await statusOf(`${url}/me`, bearer(issuer.mint({ sub: 'alice' }))), [200, 'alice'])
      assert.equal((await ask(`${url}/`)).body, 'public')
    })
  }

  test('adds a controller to an application of NestJS', async (t) => {
    const issuer = await startIssuer(t)
    const folder = createProject(t, {
      'package.json': uses(['@nestjs/core', '@nestjs/common', '@nestjs/platform-express']),
      'tsconfig.json': { compilerOptions: { experimentalDecorators: true } },
      'src/app.controller.ts': `import { Controller, Get } from '@nestjs/common';\n\n@Controller()\nexport class AppController {\n  @Get()\n  getHello(): string {\n    return 'public';\n  }\n}\n`,
      'src/app.module.ts': `import { Module } from '@nestjs/common';\nimport { AppController } from './app.controller';\n\n@Module({\n  imports: [],\n  controllers: [AppController],\n  providers: [],\n})\nexport class AppModule {}\n`,
      'src/main.ts': `import { NestFactory } from '@nestjs/core';\nimport { AppModule } from './app.module';\n\nasync function bootstrap() {\n  const app = await NestFactory.create(AppModule, { logger: ['error'] });\n  await app.listen(process.env.PORT ?? 3000);\n}\nbootstrap();\n`,
    })
    const { start: command } = await init(folder, issuer)
    assert.equal(command, 'npm run build && node --env-file=.env dist/main.js')
    // Compiled on the fly, because the compiler of NestJS is not installed.
    const url = await start(t, folder, 'npx tsx --env-file=.env src/main.ts')
    assert.deepEqual(await statusOf(`${url}/me`), [401, 'missing_token'])
    assert.deepEqual(await statusOf(`${url}/me`, bearer(issuer.mint({ sub: 'alice' }))), [200, 'alice'])
    assert.deepEqual(await statusOf(`${url}/orders`, bearer(issuer.mint())), [403, 'missing_scope'])
    assert.equal((await ask(`${url}/`)).body, 'public')
  })

  test('adds routes to an application of Next.js, for both routers', async (t) => {
    const issuer = await startIssuer(t)
    const files = {
      'package.json': uses(['next', 'react', 'react-dom', 'typescript']),
      'tsconfig.json': {
        compilerOptions: {
          strict: true,
          module: 'esnext',
          moduleResolution: 'bundler',
          jsx: 'preserve',
          paths: { '@/*': ['./*'] },
        },
      },
      'next.config.ts': `import type { NextConfig } from "next";\n\nconst nextConfig: NextConfig = {\n  /* config options here */\n};\n\nexport default nextConfig;\n`,
      'app/layout.tsx': `export default function Layout({ children }: { children: React.ReactNode }) {\n  return <html><body>{children}</body></html>\n}\n`,
    }
    const pages = createProject(t, {
      'package.json': files['package.json'],
      'tsconfig.json': files['tsconfig.json'],
      'pages/index.tsx': '',
    })
    await init(pages, issuer)
    const source = createProject(t, files)
    await init(source, issuer)
    rmSync(join(source, 'node_modules'), { recursive: true })

    const application = new Application(source, { next: 16, files: { 'pages/api/legacy.ts': readPage(pages) } })
    t.after(() => application.remove())
    const { url } = await application.serve('dev')
    for (const path of ['/api/me', '/api/legacy']) {
      assert.deepEqual(await statusOf(url + path), [401, 'missing_token'])
      assert.deepEqual(await statusOf(url + path, bearer(issuer.mint({ sub: 'alice' }))), [200, 'alice'])
    }
  })
})

const readPage = (folder) => require('node:fs').readFileSync(join(folder, 'pages/api/me.ts'), 'utf8')
