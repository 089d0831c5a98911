/** Frameworks that run Express middleware, servers, and an HTTP client that sees every header. */

const { once } = require('node:events')
const { createServer, request } = require('node:http')
const connect = require('connect')
const express5 = require('express')
const express4 = require('express-4')
const { AUDIENCE, bearer, startIssuer } = require('./helpers')
const { listen } = require('./servers')

/** Makes a test whose response never comes fail before the suite's timeout cancels all other tests. */
const TIMEOUT = 100_000

/**
 * @typedef {(req: any, res: any, next: (error?: any) => void) => any} Handler
 * @typedef {{ status: number, headers: import('node:http').IncomingHttpHeaders, body: string, cookies: string[] }} Answer
 */

/** Each function returns a listener that runs handlers in order, and responds to an error with 500 and its message. */
const FRAMEWORKS = {
  'Express 5': (...handlers) => mounted(express5(), handlers),
  'Express 4': (...handlers) => mounted(express4(), handlers),
  Connect: (...handlers) => mounted(connect(), handlers),
  http: (...handlers) => mounted(httpApp(), handlers),
}

/** The frameworks that have routes. */
const EXPRESSES = { 'Express 5': express5, 'Express 4': /** @type {typeof express5} */ (express4) }

function mounted(app, handlers) {
  for (const handler of [...handlers, respondToFault]) app.use(handler)
  return app
}

/** Runs handlers in order like Connect, on plain `http`. */
function httpApp() {
  const handlers = []
  const app = (req, res) => {
    const step = (at, error) => {
      const index = handlers.findIndex(({ length }, i) => i >= at && (length === 4) === (error !== undefined))
      const args = [req, res, (fault) => step(index + 1, fault)]
      try {
        handlers[index](...(error === undefined ? args : [error, ...args]))
      } catch (fault) {
        step(index + 1, fault)
      }
    }
    step(0, undefined)
  }
  return Object.assign(app, { use: (handler) => void handlers.push(handler) })
}

/** An error handler as in Express's documentation. */
function respondToFault(error, _req, res, next) {
  if (res.headersSent) return next(error)
  res.statusCode = 500
  res.end(`fault: ${error.message ?? JSON.stringify(error)}`)
}

/** Serves on 127.0.0.1 until the test ends, and returns the URL. */
const serve = (t, listener) => listen(t, createServer(listener))

/** An issuer, and options for it. */
async function setUp(t, more) {
  const issuer = await startIssuer(t)
  return { issuer, options: { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...more } }
}

/** Sends a request without the changes that `fetch` makes to headers. A list of values is sent as several lines. */
async function ask(
  url,
  { method = 'GET', headers = {} } = {},
  agent = /** @type {false | import('node:http').Agent} */ (false),
) {
  const req = request(url, { method, headers, agent, signal: AbortSignal.timeout(TIMEOUT) }).end()
  const [res] = await once(req, 'response')
  let body = ''
  for await (const chunk of res.setEncoding('utf8')) body += chunk
  return { status: res.statusCode, headers: res.headers, body, cookies: res.headers['set-cookie'] ?? [] }
}

/**
 * An `isRevoked` that waits for `release()` before it returns or throws `verdict`. `asked` resolves at the first call.
 */
function pausedCheck(/** @type {unknown} */ verdict = false) {
  /** @type {(value?: unknown) => void} */
  let release = () => {}
  const released = new Promise((resolve) => {
    release = resolve
  })
  /** @type {(value?: unknown) => void} */
  let ask = () => {}
  const asked = new Promise((resolve) => {
    ask = resolve
  })
  const isRevoked = async () => {
    ask()
    await released
    if (verdict instanceof Error) throw verdict
    return Boolean(verdict)
  }
  return { isRevoked, asked, release }
}

module.exports = { EXPRESSES, FRAMEWORKS, ask, bearer, httpApp, listen, pausedCheck, serve, setUp }
