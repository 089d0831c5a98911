const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { createInterface } = require('node:readline')
const { after, before, describe, test } = require('node:test')
const { pathToFileURL } = require('node:url')
const { chromium } = require('playwright-core')
const { Application, freePort } = require('../next/application')

const EXAMPLE = join(__dirname, '../../examples/next')
const CHROMIUM = '/usr/bin/chromium'
const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const CLIENT = { appId: 'an-app', audience: 'https://api.example.com' }
/** A folder for a screenshot of each page. */
const { SCREENSHOTS } = process.env

const skip = existsSync(CHROMIUM) ? false : `Chromium is not installed at ${CHROMIUM}`

describe('The Next.js example in a browser', { skip, timeout: 1_800_000 }, () => {
  /** @type {InstanceType<typeof Application>} */
  let application
  /** @type {import('../next/application').Server} */
  let server
  /** @type {{ url: string, close: () => Promise<void> }} */
  let identityServer
  let browser
  let shop
  let tokenLifetime = 3600
  let buildOutput = ''

  before(async () => {
    const env = { LOGTO_URL: 'https://built.example.test' }
    application = new Application(EXAMPLE, { next: 16, env })
    const { code, output } = await application.build()
    assert.equal(code, 0, output)
    buildOutput = output

    // The application reads these when it starts, not when it is built.
    const port = await freePort('localhost')
    const { appId, audience } = CLIENT
    const logtoUrl = `http://localhost:${port}`
    Object.assign(env, { LOGTO_URL: logtoUrl, LOGTO_APP_ID: appId, LOGTO_AUDIENCE: audience })
    server = await application.serve('start')
    shop = server.url
    const { startIdentityServer } = await import(pathToFileURL(join(EXAMPLE, 'identity-server.mjs')).href)
    const options = { ...CLIENT, port, appUrl: shop, tokenLifetime: () => tokenLifetime }
    identityServer = await startIdentityServer(options)
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS })
  })

  after(async () => {
    await browser?.close()
    await identityServer?.close()
    await application?.remove()
  })

  /** Opens a page in a new browser context, without cookies. */
  const open = async (t, { javaScriptEnabled = true } = {}) => {
    const context = await browser.newContext({
      baseURL: shop,
      viewport: { width: 900, height: 600 },
      javaScriptEnabled,
    })
    const errors = []
    t.after(async () => {
      await context.close()
      assert.deepEqual(errors, [])
    })
    const page = await context.newPage()
    page.setDefaultTimeout(120_000)
    page.on('pageerror', (error) => errors.push(error))
    return page
  }

  const signIn = async (page, { name = 'alice', password = 'wonderland' } = {}) => {
    await click(page, 'Continue')
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password').fill(password)
    await screenshot(page, 'identity-server')
    await click(page, 'Sign in')
  }

  test('a guest keeps one id across reloads, pages and API requests', async (t) => {
    const page = await open(t)
    await page.goto('/')
    await screenshot(page, 'start')
    await page.getByRole('navigation').getByRole('link', { name: 'Cart', exact: true }).click()
    const guestId = await text(page, '#owner')
    assert.match(guestId, /^[0-9a-f-]{36}$/)
    assert.equal(await ask(page, '/api/me'), `200 {"guestId":"${guestId}"}`)
    await screenshot(page, 'cart-of-a-guest')
    await page.reload()
    assert.equal(await text(page, '#owner'), guestId)
    assert.equal(await page.evaluate('document.cookie'), '')
  })

  test('a visitor who opens a protected page signs in, returns to it, and can use the API', async (t) => {
    const page = await open(t)
    await page.goto('/account?tab=orders')
    assert.equal(page.url(), `${shop}/sign-in?redirect_to=%2Faccount%3Ftab%3Dorders`)
    await screenshot(page, 'sign-in')
    await signIn(page)
    await page.waitForURL(`${shop}/account?tab=orders`)
    assert.equal(await text(page, '#user'), 'alice')
    assert.equal(await ask(page, '/api/orders'), '200 {"orders":["Order 1 of alice"]}')
    await screenshot(page, 'account')
    assert.equal(await page.evaluate('document.cookie'), '')
    const cookies = await page.context().cookies()
    const token = cookies.find(({ name }) => name === 'logto_authtoken')
    assert.deepEqual([token?.httpOnly, token?.secure, token?.sameSite], [true, true, 'Lax'])
    assert.ok(!cookies.some(({ name }) => name === 'sign_in'))
  })

  test('a wrong password does not sign in', async (t) => {
    const page = await open(t)
    await page.goto('/sign-in')
    await signIn(page, { password: 'looking-glass' })
    assert.equal(await text(page, '[role=alert]'), 'Wrong name or password')
    await page.goto('/account')
    assert.equal(new URL(page.url()).pathname, '/sign-in')
  })

  test('a session ends when its token expires', async (t) => {
    const page = await open(t)
    tokenLifetime = 15
    await page.goto('/sign-in?redirect_to=/account')
    await signIn(page)
    await page.waitForURL(`${shop}/account`)
    tokenLifetime = 3600
    // A reload is aborted if the page itself navigates in the meantime.
    while (new URL(page.url()).pathname === '/account') await page.reload().catch(() => {})
    // The proxy redirects. If the token expires after the proxy has verified it, the page redirects.
    assert.equal(decodeURIComponent(page.url()), `${shop}/sign-in?redirect_to=/account`)
    assert.equal(await text(page, '.notice'), 'Your session has ended.')
    await screenshot(page, 'session-ended')
    const rejected = await page.request.get('/api/orders')
    assert.deepEqual([rejected.status(), (await rejected.json()).code], [401, 'token_expired'])

    // The identity server's session continues, so it shows no form.
    await click(page, 'Continue')
    await page.waitForURL(`${shop}/account`)
    assert.equal(await text(page, '#user'), 'alice')
  })

  test('after signing out, a protected page requires the password again', async (t) => {
    const page = await open(t)
    await page.goto('/sign-in?redirect_to=/account')
    await signIn(page)
    await page.waitForURL(`${shop}/account`)
    await click(page, 'Sign out')
    await page.waitForURL(`${identityServer.url}/oidc/session/end*`)
    await screenshot(page, 'sign-out')
    await click(page, 'Sign out')
    await page.waitForURL(`${shop}/`)
    await page.goto('/account')
    assert.equal(page.url(), `${shop}/sign-in?redirect_to=%2Faccount`)
    await signIn(page, { name: 'bob', password: 'builder' })
    await page.waitForURL(`${shop}/account`)
    assert.equal(await text(page, '#user'), 'bob')
  })

  test('a Server Action requires a signed-in user', async (t) => {
    const page = await open(t)
    await page.goto('/cart')
    await click(page, 'Order')
    await page.waitForURL(`${shop}/sign-in?redirect_to=/cart`)
    await signIn(page)
    await page.waitForURL(`${shop}/cart`)
    await click(page, 'Order')
    await page.getByText('Ordered for alice: 2 cups.').waitFor()
    await screenshot(page, 'cart-of-a-user')
  })

  test('D7: the documented pages build with the configuration of create-next-app', () => {
    assert.match(buildOutput, /Cache Components|cacheComponents/i)
    // The shell is static. Content that depends on the user is rendered for each request.
    for (const path of ['/account', '/cart', '/sign-in']) {
      assert.match(buildOutput, new RegExp(`◐ ${path}\\s`), path)
    }
    for (const path of ['/api/me', '/api/orders']) assert.match(buildOutput, new RegExp(`ƒ ${path}\\s`), path)
  })

  test('C11: after a session has ended, a Server Action leads to the sign-in page, and works after signing in', async (t) => {
    const page = await open(t)
    await page.goto('/sign-in?redirect_to=/account?tab=1')
    await signIn(page)
    await page.waitForURL(`${shop}/account?tab=1`)
    await page.locator('#user').waitFor()
    await page.context().clearCookies({ name: 'logto_authtoken' })
    await click(page, 'Order')
    // The proxy has redirected, since the action itself would redirect to /cart.
    await page.waitForURL(`${shop}/sign-in?redirect_to=%2Faccount%3Ftab%3D1`)
    await screenshot(page, 'session-ended-in-an-action')
    await click(page, 'Continue')
    await page.waitForURL(`${shop}/account?tab=1`)
    await click(page, 'Order')
    await page.getByText('Ordered for alice: 2 cups.').waitFor()
  })

  test('C11: without JavaScript, the form of a Server Action leads to the sign-in page as well', async (t) => {
    const signedIn = await open(t)
    await signedIn.goto('/sign-in?redirect_to=/account')
    await signIn(signedIn)
    await signedIn.waitForURL(`${shop}/account`)
    const page = await open(t, { javaScriptEnabled: false })
    await page.context().addCookies(await signedIn.context().cookies())
    await page.goto('/account')
    await page.context().clearCookies({ name: 'logto_authtoken' })
    await click(page, 'Order')
    await page.waitForURL(`${shop}/sign-in?redirect_to=%2Faccount`)
    assert.equal(await text(page, 'h1'), 'Sign in')
  })

  test('Next.js does not prefetch what depends on the token, which may expire before it is shown', async (t) => {
    const page = await open(t)
    await page.goto('/sign-in?redirect_to=/account')
    await signIn(page)
    await page.waitForURL(`${shop}/account`)
    await page.goto('/')
    await page.getByRole('navigation').getByRole('link', { name: 'Cart', exact: true }).hover()
    await page.getByRole('navigation').getByRole('link', { name: 'Cart', exact: true }).click()
    await page.waitForURL(`${shop}/cart`)
    assert.equal(server.output().match(/.*while prerendering.*/g), null)
  })

  test('a sign-in never redirects to another site', async (t) => {
    const page = await open(t)
    const elsewhere = [
      '//example.com',
      '/\\example.com',
      '/\t/example.com',
      'https://example.com',
      'javascript:alert()',
      'http://',
    ]
    await page.goto('/sign-in')
    await signIn(page)
    await page.waitForURL(`${shop}/`)
    for (const redirectTo of elsewhere) {
      await page.goto(`/sign-in?${new URLSearchParams({ redirect_to: redirectTo })}`)
      await click(page, 'Continue')
      await page.waitForURL(`${shop}/`)
    }
    await page.goto(`/sign-in?${new URLSearchParams({ redirect_to: '/..//example.com' })}`)
    await click(page, 'Continue')
    await page.waitForURL(`${shop}/example.com`)
  })

  test('a callback URL from another browser does not sign in', async (t) => {
    const other = await open(t)
    await other.goto('/sign-in')
    await signIn(other)
    await other.waitForURL(`${shop}/`)
    const callback = await redirect(other, await redirect(other, '/sign-in/start'))
    assert.match(callback, /\/callback\?code=[^&]+&state=/)

    const page = await open(t)
    await page.goto(callback)
    assert.equal(page.url(), `${shop}/sign-in?failed`)
    assert.equal(await text(page, '.notice'), 'Sign-in failed. Please try again.')
    await screenshot(page, 'sign-in-failed')
    await click(page, 'Continue')
    await page.waitForURL(`${identityServer.url}/sign-in/*`)
    await page.goto(callback)
    assert.equal(page.url(), `${shop}/sign-in?failed`)
    assert.equal((await page.request.get('/api/orders')).status(), 401)

    // The callback URL still works in the browser that started the sign-in.
    await other.goto(callback)
    assert.equal(other.url(), `${shop}/`)
  })

  test('a callback with a wrong or missing state does not sign in, even if everything else is right', async (t) => {
    const page = await open(t)
    await page.goto('/sign-in')
    await signIn(page)
    await page.waitForURL(`${shop}/`)
    /** A callback URL that would sign this browser in: the code, verifier and nonce match. */
    const callback = async () => {
      await page.context().clearCookies({ name: 'logto_authtoken' })
      return new URL(await redirect(page, await redirect(page, '/sign-in/start')))
    }
    const outcome = async (url) => {
      const location = await redirect(page, url.href)
      const cookies = await page.context().cookies()
      return [location, cookies.some(({ name }) => name === 'logto_authtoken')]
    }
    for (const change of /** @type {((search: URLSearchParams) => void)[]} */ ([
      (search) => search.set('state', 'a-wrong-one'),
      (search) => search.set('state', ''),
      (search) => search.delete('state'),
    ])) {
      const url = await callback()
      change(url.searchParams)
      assert.deepEqual(await outcome(url), [`${shop}/sign-in?failed`, false], url.search)
    }
    assert.deepEqual(await outcome(await callback()), [`${shop}/`, true])
  })

  test('main.mjs starts the example and an identity server for it', { timeout: 600_000 }, async (t) => {
    const port = await freePort('localhost')
    const env = { ...process.env, PORT: String(port), LOGTO_URL: '', NEXT_TELEMETRY_DISABLED: '1' }
    const main = spawn(process.execPath, [join(EXAMPLE, 'main.mjs')], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(main, 'exit')
    t.after(() => main.kill() && exited)
    for await (const line of createInterface(main.stdout)) {
      if (line.includes('Ready in')) break
    }
    main.stdout.resume()
    const page = await open(t)
    await page.goto(`http://localhost:${port}/account`)
    await signIn(page)
    await page.waitForURL(`http://localhost:${port}/account`)
    assert.equal(await ask(page, '/api/orders'), '200 {"orders":["Order 1 of alice"]}')
  })
})

/** The target of a redirect, without following it. */
async function redirect(page, url) {
  const response = await page.request.get(url, { maxRedirects: 0 })
  return response.headers().location
}

/** Clicks the button of an API request and returns the response that the page shows. */
async function ask(page, path) {
  await click(page, `GET ${path}`)
  return page.getByText(/^\d{3} /).textContent()
}

const click = (page, name) => page.getByRole('button', { name, exact: true }).click()

const text = async (page, selector) => String(await page.locator(selector).textContent())

async function screenshot(page, name) {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) })
}
