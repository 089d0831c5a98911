const assert = require('node:assert/strict')
const { existsSync } = require('node:fs')
const { createServer } = require('node:http')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { chromium } = require('playwright-core')
const { verifyAuth } = require('logto-authkit')
const { startDev } = require('../support/cli')
const { AUDIENCE, verdict } = require('../support/helpers')

const CHROMIUM = '/usr/bin/chromium'
/** A folder for screenshots. */
const { SCREENSHOTS } = process.env

const skip = existsSync(CHROMIUM) ? false : `Chromium is not installed at ${CHROMIUM}`

describe('the page of logto-authkit dev in a browser', { skip, timeout: 900_000 }, () => {
  let browser
  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
  })
  after(() => browser?.close())

  test('creates a token, rotates keys and simulates an outage, in light and dark mode', async (t) => {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      const { logtoUrl, page: url } = await startDev(t)
      const options = { logtoUrl, audience: AUDIENCE, skipJwksCache: true }
      const context = await browser.newContext({ colorScheme, viewport: { width: 1100, height: 900 } })
      const page = await context.newPage()
      page.setDefaultTimeout(120_000)
      const errors = []
      page.on('pageerror', (error) => errors.push(error))
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
      await page.goto(url)

      await page.getByLabel('Subject').fill('bob')
      await page.getByLabel('Scopes').fill('read:orders')
      await page.getByRole('button', { name: 'Create token' }).click()
      const token = String(await page.locator('#token', { hasText: '.' }).textContent())
      const auth = await verifyAuth(token, { ...options, requiredScope: 'read:orders' })
      assert.equal(auth.userId, 'bob')
      const send = (path) => `curl -iw '\\n' http://localhost:3000${path} -H "Authorization: Bearer $TOKEN"`
      assert.equal(
        await page.locator('#curl').textContent(),
        `curl -iw '\\n' http://localhost:3000/me\nTOKEN='${token}'\n${send('/me')}\n${send('/orders')}\n`,
      )
      assert.deepEqual(
        await page
          .locator('#curl [data-response]')
          .evaluateAll((lines) => lines.map(({ dataset }) => dataset.response)),
        ['401: missing_token', '200', '200'],
      )
      assert.match(String(await page.locator('#options').textContent()), new RegExp(`logtoUrl: '${logtoUrl}'`))

      await page.getByRole('button', { name: 'No scopes' }).click()
      await page.getByRole('button', { name: 'Create token' }).click()
      await page.locator('#curl [data-response^="403: missing_scope"]').waitFor()
      for (const [kind, rejection] of [
        ['Personal access token', 'opaque_token'],
        ['ID token', 'invalid_token_type'],
      ]) {
        await page.getByLabel('Kind').selectOption({ label: `${kind} (rejected by APIs)` })
        await page.getByRole('button', { name: 'Create token' }).click()
        await page.locator(`#curl [data-response="401: ${rejection}"]`).waitFor()
      }

      await page.getByLabel('Kind').selectOption('Organization token')
      await page.getByLabel('Organization', { exact: true }).fill('org-1')
      await page.getByRole('button', { name: 'Create token' }).click()
      await page.locator('#claims', { hasText: 'urn:logto:organization:org-1' }).waitFor()

      const answering = createServer((request, response) => response.end(request.headers['content-type'])).listen(0)
      t.after(() => answering.close())
      const { port } = /** @type {import('node:net').AddressInfo} */ (answering.address())
      await page.getByLabel('Back-channel logout URL').fill(`http://localhost:${port}/`)
      await page.getByRole('button', { name: 'Send logout token' }).click()
      await page.locator('#logout output', { hasText: 'Response: 200 application/x-www-form-urlencoded' }).waitFor()
      await page.getByLabel('Webhook URL').fill(`http://localhost:${port}/`)
      await page.getByLabel('Signing key').fill('secret')
      await page.getByRole('button', { name: 'Suspend user' }).click()
      await page.locator('#webhook output', { hasText: 'Response: 200 application/json' }).waitFor()

      const previous = await page.locator('#key').textContent()
      await page.getByLabel('keep the previous key').uncheck()
      await page.getByRole('button', { name: 'Rotate' }).click()
      // `waitForFunction` needs `eval`, which the page's Content-Security-Policy forbids.
      await page
        .locator('#key')
        .filter({ hasNotText: String(previous) })
        .waitFor()
      assert.equal(await verdict(verifyAuth(token, options)), 'unknown_key')

      await page.getByRole('button', { name: 'Status 500' }).click()
      await page.locator('#health', { hasText: 'outage: Status 500' }).waitFor()
      assert.equal(await verdict(verifyAuth(token, options)), 'jwks_unavailable')
      if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `dev-${colorScheme}.png`), fullPage: true })
      await page.getByRole('button', { name: 'None' }).click()
      await page.locator('#health', { hasText: 'running' }).waitFor()

      const size = 'document.documentElement.scrollWidth <= innerWidth'
      await page.setViewportSize({ width: 360, height: 700 })
      assert.ok(await page.evaluate(size), 'the page fits a narrow window')
      // The page requests its state every 3 s, which fails as soon as the hooks of `startDev` stop the server.
      await context.close()
      assert.deepEqual(errors, [])
    }
  })
})
