/**
 * Logto's client SDKs, from the sign-in to an API request, with the library that Logto is built on, and with the local
 * issuer of `dev`.
 */

const assert = require('node:assert/strict')
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { describe, test } = require('node:test')
const { buildSync } = require('esbuild')
const express = require('express')
const { logtoAuth, protect } = require('logto-authkit/express')
const { Application, freePort } = require('../next/application')
const { startDev } = require('../support/cli')
const { serve } = require('../support/frameworks')
const { read } = require('../support/pages')
const { EXAMPLES } = require('../support/start-example')
const { AUDIENCE } = require('../support/tokens')
const { until } = require('../support/until')

const APP = { appId: 'an-app', audience: AUDIENCE }
const CHROMIUM = '/usr/bin/chromium'
/** The headers with which browsers request a page. */
const PAGE = { headers: { accept: 'text/html' } }

/** Servers at which users sign in, each with the steps for signing in, in a browser and over HTTP. */
const SERVERS = {
  'the library that Logto is built on': {
    async start(t, options) {
      const { startIdentityServer } = await import('../../examples/next/identity-server.mjs')
      const server = await startIdentityServer({ ...APP, ...options })
      t.after(() => server.close())
    },
    async signInOnPage(page) {
      await page.getByLabel('Name').fill('alice')
      await page.getByLabel('Password').fill('wonderland')
      await page.getByRole('button').click()
    },
    signIn(visitor, url) {
      assert.match(url, /^http:\/\/localhost:\d+\/sign-in\/[\w-]+/)
      return visitor(url, { method: 'POST', body: new URLSearchParams({ name: 'alice', password: 'wonderland' }) })
    },
    afterSignOut: /Sign out of everything/,
    host: 'localhost',
  },
  'the local issuer': {
    start: (t, /** @type {any} */ { port, args = [] }) =>
      startDev(t, ['--json', '--port', String(port), '--page-port', '0', ...args]),
    async signInOnPage(page) {
      await page.getByLabel('User id').fill('alice')
      await page.getByRole('button', { name: 'Sign in' }).click()
    },
    signIn(visitor, url) {
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/oidc\/auth\?/)
      return visitor(`${url}&user=alice&grant=read:orders`)
    },
    afterSignOut: /Sign in|home/i,
    host: '127.0.0.1',
  },
}

describe("Logto's SDKs", { timeout: 600_000 }, () => {
  const skip = existsSync(CHROMIUM) ? false : `Chromium is not installed at ${CHROMIUM}`
  for (const [name, server] of Object.entries(SERVERS))
    test(`@logto/browser with ${name}: signs in, and gets and refreshes tokens that the API accepts`, {
      skip,
    }, async (t) => {
      const isLocal = name === 'the local issuer'
      const port = await freePort()
      const endpoint = `http://${server.host}:${port}`
      const pages = express()
      pages.get('/main.js', (_req, res) => void res.type('js').send(script(endpoint)))
      pages.get(
        ['/', '/callback'],
        (_req, res) => void res.send('<!doctype html><script type=module src=main.js></script>'),
      )
      const tokens = new Set()
      pages.use(logtoAuth({ logtoUrl: endpoint, audience: AUDIENCE }))
      pages.get('/orders', protect({ requiredScope: 'read:orders' }), (req, res) => {
        tokens.add(req.headers.authorization)
        res.json({ owner: req.auth.userId })
      })
      const appUrl = (await serve(t, pages)).replace('127.0.0.1', 'localhost')
      await server.start(t, { port, appUrl, tokenLifetime: () => 60 })

      const { chromium } = require('playwright-core')
      const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
      t.after(() => browser.close())
      const page = await browser.newPage()
      page.setDefaultTimeout(120_000)
      await page.clock.install()
      const evaluate = (code) => page.evaluate(`window.logtoReady.then(() => ${code})`)

      await page.goto(appUrl)
      await assert.rejects(evaluate('listOrders()'), /Not authenticated/)
      await evaluate('logto.signIn(location.origin + "/callback")').catch(() => {})
      await server.signInOnPage(page)
      await page.waitForURL(`${appUrl}/`)
      assert.deepEqual(await evaluate('listOrders()'), { owner: 'alice' })
      assert.deepEqual(await evaluate('listOrders()'), { owner: 'alice' })
      assert.equal(tokens.size, 1)
      if (isLocal) await evaluate('logto.clearAccessToken()')
      else await page.clock.fastForward(90_000)
      assert.deepEqual(await evaluate('listOrders()'), { owner: 'alice' })
      assert.equal(tokens.size, 2)
      // The tokens that a page would send if its author had not read this library's documentation.
      for (const wrong of ['logto.getAccessToken()', 'logto.getIdToken()']) {
        const headers = { authorization: `Bearer ${await evaluate(wrong)}` }
        const { code } = /** @type {any} */ (await (await fetch(`${appUrl}/orders`, { headers })).json())
        assert.equal(code, wrong.includes('Id') ? 'invalid_token_type' : 'opaque_token')
      }
    })

  /** The script of the page, which contains the recipe. */
  function script(endpoint) {
    const contents = `
      import { createClient, listOrders } from './recipes/browser-client'
      const logto = createClient(${JSON.stringify(endpoint)}, 'an-app')
      const isCallback = location.pathname === '/callback'
      const ready = isCallback ? logto.handleSignInCallback(location.href).then(() => location.replace('/')) : Promise.resolve()
      Object.assign(window, { logto, logtoReady: ready, listOrders: () => listOrders(logto, location.origin) })`
    const options = /** @type {const} */ ({ bundle: true, format: 'esm', platform: 'browser', write: false })
    return buildSync({ stdin: { contents, resolveDir: EXAMPLES }, ...options }).outputFiles[0].text
  }

  const variants = {
    'the token in the cookie': {
      'lib/auth.ts': 'js/cli/templates/next-auth.ts',
      'app/callback/route.ts': 'examples/recipes/next-client/app/callback/route.ts',
    },
    "the token from the SDK's session": {
      'lib/auth.ts': 'examples/recipes/next-session/lib/auth.ts',
      'app/callback/route.ts': 'examples/recipes/next-session/app/callback/route.ts',
    },
  }
  for (const [variant, files] of Object.entries(variants)) {
    for (const [name, server] of Object.entries(SERVERS)) {
      // The variants differ only in the application, and each of these tests takes half a minute.
      if (name === 'the local issuer' && variant !== 'the token in the cookie') continue
      test(`@logto/next with ${name} and ${variant}: signs in, in routes, pages and the proxy, and signs out`, async (t) => {
        const { appUrl, visitor, orders } = await startApplication(t, server, files)
        assert.deepEqual(await orders(), [401, 'missing_token'])
        const { url } = await visitor(`${appUrl}/account?tab=2`, PAGE)
        const page = await server.signIn(visitor, url)
        assert.equal(page.url, `${appUrl}/account?tab=2`)
        assert.match(page.text, />page of (<!-- -->)?alice</)
        assert.deepEqual(await orders(), [200, 'alice'])
        const elsewhere = await visitor(`${appUrl}/sign-in?redirect_to=//example.com`, PAGE)
        assert.equal(elsewhere.url, `${appUrl}/`)

        assert.match((await visitor(`${appUrl}/sign-out`, { method: 'POST' })).text, server.afterSignOut)
        assert.deepEqual(await orders(), [401, 'missing_token'])
      })
    }
  }

  test("@logto/next with the token from the SDK's session: tells the end of a session from a failure", async (t) => {
    const server = SERVERS['the local issuer']
    const started = await startApplication(t, server, variants["the token from the SDK's session"])
    const { appUrl, visitor, orders, output, issuer, port } = started
    assert.deepEqual(await orders(), [401, 'missing_token'])
    const { url } = await visitor(`${appUrl}/sign-in`, PAGE)
    assert.equal((await server.signIn(visitor, url)).url, `${appUrl}/`)
    await issuer.stop()
    assert.equal((await visitor(`${appUrl}/orders`)).status, 500)
    assert.match(output(), /fetch failed/)
    // After a restart, the issuer rejects all refresh tokens.
    await server.start(t, { port })
    assert.deepEqual(await orders(), [401, 'missing_token'])
    assert.match((await visitor(`${appUrl}/account`, PAGE)).url, /\/oidc\/auth\?/)
  })

  test("@logto/next with the token from the SDK's session: asks for a sign-in if the session is for another resource", async (t) => {
    const server = SERVERS['the local issuer']
    const files = variants["the token from the SDK's session"]
    const change = (path, text) =>
      path === 'lib/auth.ts' ? text.replaceAll('(logtoConfig, audience)', "(logtoConfig, 'https://other.test')") : text
    const { appUrl, visitor, orders } = await startApplication(t, server, files, { change })
    const { url } = await visitor(`${appUrl}/sign-in`, PAGE)
    assert.equal((await server.signIn(visitor, url)).url, `${appUrl}/`)
    assert.deepEqual(await orders(), [401, 'missing_token'])
  })

  test('@logto/next with the token in the cookie: the proxy replaces an expired token without asking for a sign-in', async (t) => {
    const server = SERVERS['the local issuer']
    const options = { args: ['--token-lifetime', '5'] }
    const { appUrl, visitor, orders } = await startApplication(t, server, variants['the token in the cookie'], options)
    const { url } = await visitor(`${appUrl}/account`, PAGE)
    await server.signIn(visitor, url)
    await until(async () => (await orders())[1] === 'token_expired')
    const page = await visitor(`${appUrl}/account?tab=2`, PAGE)
    assert.equal(page.url, `${appUrl}/account?tab=2`)
    assert.match(page.text, />page of (<!-- -->)?alice</)
    assert.deepEqual(await orders(), [200, 'alice'])
  })

  test("@logto/next with the token from the SDK's session: the proxy ends a sign-in loop", async (t) => {
    const server = SERVERS['the local issuer']
    const files = variants["the token from the SDK's session"]
    const change = (path, text) =>
      path === 'lib/auth.ts'
        ? text.replace(/\baudience, tokenSources/, "audience: 'https://other.test', tokenSources")
        : text
    const { appUrl, visitor, output } = await startApplication(t, server, files, { change })
    const page = { headers: { ...PAGE.headers, 'sec-fetch-site': 'none' } }
    const { url } = await visitor(`${appUrl}/account`, page)
    // The local issuer then signs the visitor in again and again, without asking.
    const { text } = await visitor(`${url}&user=alice&grant=read:orders`, page)
    assert.match(text, /Sign-in does not work[\s\S]*invalid_audience/)
    assert.match(output(), /LOGTO_AUTHKIT_SIGN_IN_LOOP/)
  })

  /** Starts a server at which users sign in, and the application in the documentation, and returns a visitor of the application. */
  async function startApplication(
    t,
    server,
    files,
    {
      change = (/** @type {string} */ _path, /** @type {string} */ text) => text,
      ...options
    } = /** @type {any} */ ({}),
  ) {
    const [port, appPort] = [await freePort(), await freePort()]
    const appUrl = `http://localhost:${appPort}`
    const shared = ['lib/logto.ts', 'app/sign-in/route.ts', 'app/sign-out/route.ts', 'proxy.ts']
    const paths = {
      ...Object.fromEntries(shared.map((path) => [path, `examples/recipes/next-client/${path}`])),
      ...files,
    }
    paths['lib/same-origin.ts'] = 'examples/next/lib/same-origin.ts'
    const application = new Application(join(__dirname, '../next/logto-sdk'), {
      next: 16,
      packages: ['@logto/next'],
      files: Object.fromEntries(Object.entries(paths).map(([path, source]) => [path, change(path, read(source))])),
      env: {
        LOGTO_URL: `http://${server.host}:${port}`,
        LOGTO_AUDIENCE: AUDIENCE,
        LOGTO_APP_ID: APP.appId,
        LOGTO_APP_SECRET: 'a-secret',
        LOGTO_COOKIE_SECRET: 'a-secret-of-at-least-32-characters',
        BASE_URL: appUrl,
      },
    })
    t.after(() => application.remove())
    const issuer = await server.start(t, { port, appUrl, appSecret: 'a-secret', ...options })
    const { output } = await application.serve('dev', [], appPort)
    const visitor = createVisitor()
    const orders = async () => {
      const { status, text } = await visitor(`${appUrl}/orders`)
      return [status, JSON.parse(text)[status === 200 ? 'owner' : 'code']]
    }
    return { appUrl, visitor, orders, output, issuer, port }
  }

  /** Follows redirects and keeps cookies, like a browser. */
  function createVisitor() {
    const cookies = new Map()
    return async (url, init = /** @type {any} */ ({})) => {
      for (let [hop, request] = [url, init]; ; request = {}) {
        const headers = { ...init.headers, cookie: [...cookies].map((pair) => pair.join('=')).join('; ') }
        const response = await fetch(hop, { redirect: 'manual', ...request, headers })
        for (const cookie of response.headers.getSetCookie()) {
          const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
          if (value === '') cookies.delete(name)
          else cookies.set(name, value)
        }
        const location = response.headers.get('location')
        if (location === null) return { url: hop, status: response.status, text: await response.text() }
        hop = String(new URL(location, hop))
      }
    }
  }
})
