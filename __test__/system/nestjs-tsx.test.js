/** NestJS under tsx, where `import` and `require` load separate copies of it. */

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { join } = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { temporaryFolder } = require('../support/files')

const MAIN = `
  import 'reflect-metadata'
  import { Controller, Get, HttpException, Module } from '@nestjs/common'
  import { APP_FILTER, APP_GUARD, NestFactory } from '@nestjs/core'
  import { requireScopes, type AuthContext } from 'logto-authkit'
  import { Auth, AuthErrorFilter, LogtoAuthGuard, Protect } from 'logto-authkit/nestjs'
  import { createTestIssuer } from 'logto-authkit/testing'

  @Controller()
  class Routes {
    @Get('me') me(@Auth() auth: AuthContext) { return auth.userId }
    @Get('orders') @Protect({ requiredScope: 'read' }) orders() { return 'orders' }
    @Get('admin') admin(@Auth() auth: AuthContext) { requireScopes(auth, 'admin') }
  }
  async function main() {
    const issuer = await createTestIssuer()
    const audience = 'https://api.example.com'
    const guard = new LogtoAuthGuard({ logtoUrl: issuer.logtoUrl, audience })
    const providers = [{ provide: APP_GUARD, useValue: guard }, { provide: APP_FILTER, useClass: AuthErrorFilter }]
    @Module({ controllers: [Routes], providers })
    class App {}
    const app = await NestFactory.create(App, { logger: false })
    await app.listen(0, '127.0.0.1')
    const headers = { authorization: 'Bearer ' + issuer.mint({ sub: 'alice', audience }) }
    for (const [path, init] of [['me', {}], ['me', { headers }], ['orders', { headers }], ['admin', { headers }]] as const) {
      const response = await fetch(await app.getUrl() + '/' + path, init)
      const text = await response.text()
      console.log(response.status, text.startsWith('{') ? JSON.parse(text).code : text)
    }
    await app.close()
    await issuer.close()
  }
  main()`

test('C10: an application run by tsx gets the status of a rejection, not 500', { timeout: 300_000 }, async (t) => {
  const { folder, save } = temporaryFolder(t, join(__dirname, '.tsx-'))
  save('tsconfig.json', { compilerOptions: { experimentalDecorators: true } })
  save('main.mts', MAIN)
  const options = { cwd: folder, timeout: 250_000 }
  const { stdout } = await promisify(execFile)(process.execPath, [require.resolve('tsx/cli'), 'main.mts'], options)
  assert.equal(stdout, '401 missing_token\n200 alice\n403 missing_scope\n403 missing_scope\n')
})
