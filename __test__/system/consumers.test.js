const assert = require('node:assert/strict')
const { cpSync, mkdirSync, readdirSync, renameSync, symlinkSync } = require('node:fs')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { temporaryFolder } = require('../support/files')
const { ask, bearer } = require('../support/frameworks')
const { startIssuer } = require('../support/helpers')
const { ROOT, CONSUMER_CODE, installPacked } = require('../support/packed')
const { EXAMPLES, launch } = require('../support/start-example')
const { AUDIENCE } = require('../support/tokens')

/** The tools of this repository, which run on an installed package. */
const TOOLS = join(ROOT, 'node_modules')

/** Lets a token expire on the fake clock of a test runner. */
const EXPIRY = `
  const issuer = await createTestIssuer()
  const options = { logtoUrl: issuer.logtoUrl, audience: 'https://api.example.test' }
  const token = issuer.mint({ audience: options.audience, expiresIn: 60 })
  expect((await verifyAuth(token, options)).payload.iat).toBe(Date.UTC(2040, 0, 1) / 1000)
  const timeAfterExpiry = new Date(Date.UTC(2040, 0, 1) + 61_000)
  typeof jest === 'undefined' ? vi.setSystemTime(timeAfterExpiry) : jest.setSystemTime(timeAfterExpiry)
  await expect(verifyAuth(token, options)).rejects.toMatchObject({ code: 'token_expired' })
  await issuer.close()`

let consumer

before(() => {
  consumer = installPacked()
  // An application also has the declarations of Node.js and of its frameworks.
  symlinkSync(join(TOOLS, '@types'), join(consumer.folder, 'node_modules/@types'))
  symlinkSync(join(TOOLS, 'next'), join(consumer.folder, 'node_modules/next'))
})
after(() => consumer.remove())

describe('TypeScript', () => {
  const SOURCE = `
    import type { IncomingMessage } from 'node:http'
    import { AuthError, createVerifier, verifyAuth, type AuthContext } from 'logto-authkit'
    import { createCsrfMiddleware } from 'logto-authkit/csrf'
    import { logtoAuth, protect } from 'logto-authkit/express'
    import { withAuth } from 'logto-authkit/next'
    import { withLogtoAuth } from 'logto-authkit/next/config'
    import { verifyNextAuth } from 'logto-authkit/server'
    import { createTestIssuer } from 'logto-authkit/testing'

    export async function who(request: IncomingMessage): Promise<string | null> {
      const auth: AuthContext = await verifyAuth(request, { logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' })
      return auth.isAuthenticated ? auth.userId : null
    }
    export const status = (error: unknown): number => (error instanceof AuthError ? error.status : 500)
    export const all = [createVerifier, createCsrfMiddleware, logtoAuth, protect, withAuth, withLogtoAuth, verifyNextAuth, createTestIssuer]
    const options = { logtoUrl: 'https://auth.example.com', audience: 'https://api.example.com' }
    export const user = (request: IncomingMessage): Promise<string> => createVerifier(options).verify(request).then(({ userId }) => userId)
    export const visitor = async (request: IncomingMessage): Promise<string | null> => (await verifyAuth(request, { ...options, allowGuest: true })).userId
    // @ts-expect-error guests are not registered
    logtoAuth({ ...options, allowGuest: true })
  `
  const SEVEN = join(TOOLS, 'typescript/bin/tsc')
  const SIX = join(TOOLS, 'typescript-6/bin/tsc')
  const FIVE = join(TOOLS, 'typescript-5.6/bin/tsc')
  /** @type {[string, string, string, object][]} */
  const CONFIGURATIONS = [
    ['node16', SEVEN, 'mts', { module: 'node16', moduleResolution: 'node16' }],
    ['node16, CommonJS', SEVEN, 'cts', { module: 'node16', moduleResolution: 'node16', esModuleInterop: true }],
    ['nodenext', SEVEN, 'mts', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['bundler', SEVEN, 'ts', { module: 'esnext', moduleResolution: 'bundler' }],
    ['nodenext with TypeScript 5.6', FIVE, 'mts', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['bundler with TypeScript 5.6', FIVE, 'ts', { module: 'esnext', moduleResolution: 'bundler' }],
    ['node16 with TypeScript 6', SIX, 'mts', { module: 'node16', moduleResolution: 'node16' }],
    [
      'node10 with TypeScript 6',
      SIX,
      'ts',
      { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0', esModuleInterop: true },
    ],
  ]
  for (const [name, tsc, extension, options] of CONFIGURATIONS) {
    test(`${name} finds the declarations of every entry`, () => {
      const file = consumer.write(`types.${extension}`, SOURCE)
      const compilerOptions = {
        strict: true,
        noEmit: true,
        target: 'es2022',
        types: ['node'],
        skipLibCheck: true,
        ...options,
      }
      const config = consumer.write(`tsconfig.${extension}.json`, { compilerOptions, files: [file] })
      const { status, stdout } = consumer.node([tsc, '-p', config])
      assert.deepEqual([status, stdout], [0, ''])
    })
  }
})

describe('Jest', () => {
  test('runs tests with the test issuer, in several files in parallel', () => {
    mkdirSync(join(consumer.folder, 'jest'))
    for (const name of ['a', 'b']) {
      consumer.write(
        `jest/${name}.test.js`,
        `const { verifyAuth, AuthError } = require('logto-authkit')
        const { createTestIssuer } = require('logto-authkit/testing')
        test('accepts', async () => { ${CONSUMER_CODE} expect(auth.userId).toBe('alice') })
        test('rejects', async () => {
          const options = { logtoUrl: 'https://auth.example.test', audience: 'https://api.example.test' }
          await expect(verifyAuth('opaque', options)).rejects.toMatchObject({ code: 'opaque_token', status: 401 })
          await expect(verifyAuth('opaque', options)).rejects.toBeInstanceOf(AuthError)
        })
        test('C2: fake timers', async () => {
          jest.useFakeTimers({ now: Date.UTC(2040, 0, 1) })
          try { ${EXPIRY} } finally { jest.useRealTimers() }
        })`,
      )
    }
    const { status, stderr } = consumer.node([
      join(TOOLS, 'jest/bin/jest.js'),
      '--rootDir',
      join(consumer.folder, 'jest'),
      '--ci',
    ])
    assert.equal(status, 0, stderr)
    assert.match(stderr, /Tests: +6 passed, 6 total/)
  })
})

describe('Vitest', () => {
  for (const pool of ['threads', 'forks']) {
    test(`runs tests with the test issuer, in ${pool}`, () => {
      mkdirSync(join(consumer.folder, 'vitest'), { recursive: true })
      consumer.write(
        'vitest/a.test.mjs',
        `import { AuthError, verifyAuth } from 'logto-authkit'
        import { createTestIssuer } from 'logto-authkit/testing'
        test('accepts', async () => { ${CONSUMER_CODE} expect(auth.userId).toBe('alice') })
        test('rejects', async () => {
          await expect(verifyAuth('x', { logtoUrl: 'https://auth.example.test', audience: 'a' })).rejects.toBeInstanceOf(AuthError)
        })
        test('C2: fake timers', async () => {
          vi.setSystemTime(Date.UTC(2040, 0, 1))
          try { ${EXPIRY} } finally { vi.useRealTimers() }
        })`,
      )
      const args = [
        join(TOOLS, 'vitest/vitest.mjs'),
        'run',
        '--globals',
        '--pool',
        pool,
        '--root',
        join(consumer.folder, 'vitest'),
      ]
      const { status, stdout, stderr } = consumer.node(args, { CI: '1', NO_COLOR: '1' })
      assert.equal(status, 0, stdout + stderr)
      assert.match(stdout, /Tests +3 passed/)
    })
  }
})

describe('a server bundle', () => {
  const ENTRY = `
    import { verifyAuth } from 'logto-authkit'
    import { createTestIssuer } from 'logto-authkit/testing'
    async function main() { ${CONSUMER_CODE} console.log(auth.userId) }
    main()
  `
  before(() => {
    mkdirSync(join(consumer.folder, 'bundle'))
    consumer.write('bundle/entry.mjs', ENTRY)
  })

  for (const format of ['cjs', 'esm']) {
    test(`built with esbuild works with the package external, as ${format}`, () => {
      const out = join(consumer.folder, `bundle/esbuild.${format === 'cjs' ? 'cjs' : 'mjs'}`)
      esbuild(['--external:logto-authkit', `--format=${format}`, `--outfile=${out}`])
      assert.equal(consumer.node([out]).stdout, 'alice\n')
    })
  }

  test('built with esbuild works with the package and its binary inside', () => {
    const folder = join(consumer.folder, 'bundle/inside')
    esbuild(['--loader:.node=copy', '--format=cjs', `--outdir=${folder}`])
    assert.ok(readdirSync(folder).some((name) => name.endsWith('.node')))
    assert.equal(consumer.node([join(folder, 'entry.js')]).stdout, 'alice\n')
  })

  test('built with webpack works with the package external', () => {
    const config = {
      mode: 'production',
      target: 'node',
      entry: join(consumer.folder, 'bundle/entry.mjs'),
      output: { path: join(consumer.folder, 'bundle'), filename: 'webpack.cjs' },
    }
    const script = consumer.write(
      'bundle/build.cjs',
      `const config = ${JSON.stringify(config)}
      config.externals = [({ request }, done) => (/^logto-authkit(\\/|$)/.test(request) ? done(null, 'commonjs ' + request) : done())]
      require(${JSON.stringify(join(TOOLS, 'webpack'))})(config, (error, stats) => {
        if (error || stats.hasErrors()) throw error ?? new Error(stats.toString())
      })`,
    )
    const { status, stderr } = consumer.node([script])
    assert.equal(status, 0, stderr)
    assert.equal(consumer.node([join(consumer.folder, 'bundle/webpack.cjs')]).stdout, 'alice\n')
  })

  test('for browsers contains only the error that explains what to do', () => {
    const out = join(consumer.folder, 'bundle/browser.cjs')
    const args = ['--bundle', '--platform=browser', '--format=cjs', `--outfile=${out}`]
    const { status, stderr } = consumer.node([...ESBUILD, join(consumer.folder, 'bundle/entry.mjs'), ...args])
    assert.equal(status, 0, stderr)
    assert.match(consumer.node([out]).stderr, /logto-authkit runs only in Node\.js/)
  })

  function esbuild(args) {
    const entry = join(consumer.folder, 'bundle/entry.mjs')
    const { status, stderr } = consumer.node([
      ...ESBUILD,
      entry,
      '--bundle',
      '--platform=node',
      '--log-level=error',
      ...args,
    ])
    assert.equal(status, 0, stderr)
  }
})

describe('Nitro', () => {
  test('builds the recipe into a server that contains the package', { timeout: 300_000 }, async (t) => {
    symlinkSync(join(TOOLS, 'nitro'), join(consumer.folder, 'node_modules/nitro'))
    cpSync(join(EXAMPLES, 'recipes/nitro'), consumer.folder, { recursive: true })
    const { status, stdout, stderr } = consumer.node([join(TOOLS, 'nitro/dist/cli/index.mjs'), 'build'])
    assert.equal(status, 0, stdout + stderr)
    // In another folder, the server cannot load the package that the project has installed.
    const { folder } = temporaryFolder(t)
    renameSync(join(consumer.folder, '.output'), join(folder, 'output'))
    const issuer = await startIssuer(t)
    const { url } = await launch(t, join(folder, 'output/server/index.mjs'), issuer.logtoUrl, 'ignore')
    const token = (claims) => bearer(issuer.mint({ audience: AUDIENCE, ...claims }))
    const missing = await ask(`${url}/me`)
    assert.deepEqual([missing.status, missing.headers['www-authenticate']], [401, 'Bearer realm="api"'])
    assert.equal(JSON.parse(missing.body).code, 'missing_token')
    assert.equal(JSON.parse((await ask(`${url}/me`, token({ sub: 'alice' }))).body).userId, 'alice')
    const refused = await ask(`${url}/orders`, token({}))
    assert.deepEqual([refused.status, JSON.parse(refused.body).code], [403, 'missing_scope'])
    const orders = await ask(`${url}/orders`, token({ sub: 'alice', scope: 'read:orders' }))
    assert.deepEqual(JSON.parse(orders.body), { owner: 'alice' })
  })
})

// `bin/esbuild` is the native binary or a script, depending on esbuild's install script, so Node cannot run it itself.
const ESBUILD = [
  '--eval',
  `require('node:child_process').execFileSync(${JSON.stringify(join(TOOLS, 'esbuild/bin/esbuild'))}, process.argv.slice(1), { stdio: 'inherit' })`,
  '--',
]
