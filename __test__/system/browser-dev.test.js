const assert = require('node:assert/strict')
const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { after, before, describe, test } = require('node:test')
const { chromium } = require('playwright-core')
const { verifyAuth } = require('logto-authkit')
const { startDev } = require('../support/cli')
const { AUDIENCE, verdict } = require('../support/helpers')

const CHROMIUM = '/usr/bin/chromium'
/** A folder for a picture of the page. */
const { SCREENSHOTS } = process.env

const skip = existsSync(CHROMIUM) ? false : `Chromium is not installed: there is no ${CHROMIUM}`

describe('the page of dev in a browser', { skip, timeout: 120_000 }, () => {
  /** @type {import('playwright-core').Browser} */
  let browser
  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
  })
  after(() => browser?.close())

  test('makes a token, rotates and fails by clicking, in light and dark', async (t) => {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      const { logtoUrl, page: address } = await startDev(t)
      const options = { logtoUrl, audience: AUDIENCE, skipJwksCache: true }
      const context = await browser.newContext({ colorScheme, viewport: { width: 1100, height: 900 } })
      t.after(() => context.close())
      const page = await context.newPage()
      page.setDefaultTimeout(20_000)
      page.on('pageerror', (error) => assert.fail(error))
      page.on('console', (message) => message.type() === 'error' && assert.fail(message.text()))
      await page.goto(address)

      await page.getByLabel('Subject').fill('bob')
      await page.getByLabel('Scopes').fill('read:orders')
      await page.getByRole('button', { name: 'Make token' }).click()
      const token = String(await page.locator('#token', { hasText: '.' }).textContent())
      const auth = await verifyAuth(token, { ...options, requiredScope: 'read:orders' })
      assert.equal(auth.userId, 'bob')
      assert.equal(
        await page.locator('#curl').textContent(),
        `curl -H 'Authorization: Bearer ${token}' http://localhost:3000/`,
      )
      assert.match(String(await page.locator('#options').textContent()), new RegExp(`logtoUrl: '${logtoUrl}'`))

      await page.getByLabel('Kind').selectOption('Organization token')
      await page.getByLabel('Organization', { exact: true }).fill('org-1')
      await page.getByRole('button', { name: 'Make token' }).click()
      await page.locator('#claims', { hasText: 'urn:logto:organization:org-1' }).waitFor()

      const former = await page.locator('#key').textContent()
      await page.getByLabel('keep the former key').uncheck()
      await page.getByRole('button', { name: 'Rotate' }).click()
      // Not `waitForFunction`: the page's policy forbids the `eval` that it polls with.
      await page
        .locator('#key')
        .filter({ hasNotText: String(former) })
        .waitFor()
      assert.equal(await verdict(verifyAuth(token, options)), 'unknown_key')

      await page.getByRole('button', { name: 'Status 500' }).click()
      await page.locator('#health', { hasText: 'outage: error' }).waitFor()
      assert.equal(await verdict(verifyAuth(token, options)), 'jwks_unavailable')
      if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `dev-${colorScheme}.png`), fullPage: true })
      await page.getByRole('button', { name: 'None' }).click()
      await page.locator('#health', { hasText: 'working' }).waitFor()

      const size = 'document.documentElement.scrollWidth <= innerWidth'
      await page.setViewportSize({ width: 360, height: 700 })
      assert.ok(await page.evaluate(size), 'it fits a narrow window')
    }
  })
})
