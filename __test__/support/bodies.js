/** Applications that read the bodies of requests in different ways, each with a handler at `/hook`. */

const { createServer } = require('node:http')

/** An Express application with a parser. */
const express =
  (use, version = 'express') =>
  async (handler) => {
    const app = require(version)()
    use(app, require(version))
    app.post('/hook', handler)
    return createServer(app)
  }

/** A Fastify application whose parser passes on raw bodies. */
const fastify = (type, parseAs) => async (handler) => {
  const app = require('fastify')()
  app.addContentTypeParser(type, { parseAs }, (_request, body, done) => done(null, body))
  app.post('/hook', handler)
  await app.ready()
  return app.server
}

/**
 * Applications in which a handler can find the raw body.
 *
 * @type {(type: string) => Record<string, (handler: any) => Promise<import('node:http').Server>>}
 */
const bodyReaders = (type) => ({
  'plain http': async (handler) => createServer(handler),
  'Express without a parser': express(() => {}),
  'Express 4 without a parser': express(() => {}, 'express-4'),
  'Express with express.raw': express((app, { raw }) => app.use(raw({ type }))),
  'Express with express.text': express((app, { text }) => app.use(text({ type: '*/*' }))),
  'Fastify with a parser for buffers': fastify(type, 'buffer'),
  'Fastify with a parser for strings': fastify(type, 'string'),
})

module.exports = { bodyReaders, express }
