/** The frameworks that middleware is tested in, servers of theirs, and a client that sees every header. */

const { once } = require('node:events')
const { createServer, request } = require('node:http')
const connect = require('connect')
const express5 = require('express')
// @ts-expect-error: an alias, which the types of Express 5 do not know
const express4 = require('express-4')

/**
 * @typedef {import('node:test').TestContext} TestContext
 * @typedef {import('node:http').RequestListener} RequestListener
 * @typedef {(req: any, res: any, next: (error?: any) => void) => any} Handler
 * @typedef {{ status: number, headers: import('node:http').IncomingHttpHeaders, body: string, cookies: string[] }} Answer
 */

/**
 * Each makes a listener that runs handlers one after the other, and answers an error with 500 and its message.
 *
 * @type {Record<string, (...handlers: Handler[]) => RequestListener>}
 */
const FRAMEWORKS = {
  'Express 5': (...handlers) => mounted(express5(), handlers),
  'Express 4': (...handlers) => mounted(express4(), handlers),
  Connect: (...handlers) => mounted(connect(), handlers),
  http: (...handlers) => {
    return (req, res) => {
      /** @type {(at: number) => (error?: unknown) => unknown} */
      const step = (at) => (error) =>
        error === undefined ? handlers[at](req, res, step(at + 1)) : answerFault(error, req, res, () => {})
      step(0)()
    }
  },
}

/** Those of them that have routes. */
const EXPRESSES = { 'Express 5': express5, 'Express 4': /** @type {typeof express5} */ (express4) }

/** @type {(app: any, handlers: Handler[]) => RequestListener} */
function mounted(app, handlers) {
  for (const handler of handlers) app.use(handler)
  return app.use(answerFault)
}

/**
 * An error handler as in Express's guide.
 *
 * @param {any} error
 * @param {unknown} _req
 * @param {any} res
 * @param {(error: unknown) => void} next
 */
function answerFault(error, _req, res, next) {
  if (res.headersSent) return next(error)
  res.statusCode = 500
  res.end(`fault: ${error.message ?? JSON.stringify(error)}`)
}

/**
 * Serves on 127.0.0.1 until the test is over, and gives the address.
 *
 * @type {(t: TestContext, listener: RequestListener) => Promise<string>}
 */
const serve = (t, listener) => listen(t, createServer(listener))

/** @type {(t: TestContext, server: import('node:http').Server) => Promise<string>} */
async function listen(t, server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`
}

/**
 * Asks without what `fetch` does to headers; a list of values is sent as so many lines.
 *
 * @param {string} url
 * @param {{ method?: string, headers?: Record<string, string | string[]> }} [options]
 * @returns {Promise<Answer>}
 */
async function ask(url, { method = 'GET', headers = {} } = {}) {
  const req = request(url, { method, headers, agent: false }).end()
  const [res] = await once(req, 'response')
  let body = ''
  for await (const chunk of res.setEncoding('utf8')) body += chunk
  return { status: res.statusCode, headers: res.headers, body, cookies: res.headers['set-cookie'] ?? [] }
}

/** @type {(token: string) => { headers: { authorization: string } }} */
const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } })

module.exports = { EXPRESSES, FRAMEWORKS, ask, bearer, listen, serve }
