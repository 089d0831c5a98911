const assert = require('node:assert/strict')
const { afterEach, test } = require('node:test')
const core = require('logto-authkit')
const express = require('logto-authkit/express')
const fastify = require('logto-authkit/fastify')
const hono = require('logto-authkit/hono')
const koa = require('logto-authkit/koa')
const { mcpAuth } = require('logto-authkit/mcp')
const { LogtoAuthGuard } = require('logto-authkit/nestjs')
const next = require('logto-authkit/next')
const { createResourceMetadata } = require('logto-authkit/resource-metadata')
const { createRevocations } = require('logto-authkit/revocation')
const server = require('logto-authkit/server')
const { socketAuth, verifyUpgrade } = require('logto-authkit/upgrade')
const { AUDIENCE, LOGTO_URL } = require('../support/tokens')

/** The functions that read LOGTO_URL and LOGTO_AUDIENCE if the options are missing. */

const REQUEST = { headers: new Headers(), cookies: { get: () => undefined } }
const SOCKET = /** @type {any} */ ({ on: () => {}, off: () => {}, end: () => {} })
const RESOURCE = 'https://api.example.test/mcp'

/** @type {Record<string, (options: any) => unknown>} */
const READERS = {
  createVerifier: core.createVerifier,
  verifyAuth: (options) => core.verifyAuth(REQUEST, options),
  verifyLogtoToken: (options) => core.verifyLogtoToken('', options),
  'logtoAuth of Express': express.logtoAuth,
  'logtoAuth of Fastify': (options) => require('fastify')().register(fastify.logtoAuth, options),
  'logtoAuth of Hono': hono.logtoAuth,
  'logtoAuth of Koa': koa.logtoAuth,
  LogtoAuthGuard: (options) => new LogtoAuthGuard(options),
  socketAuth,
  verifyUpgrade: (options) => verifyUpgrade(/** @type {any} */ ({ headers: {} }), SOCKET, options),
  withAuth: (options) => next.withAuth(() => new Response(), options),
  withApiAuth: (options) => next.withApiAuth(() => {}, options),
  createNextAuth: next.createNextAuth,
  verifyNextAuth: (options) => next.verifyNextAuth(REQUEST, options),
  authProxy: next.authProxy,
  'getAuth of Next.js': next.getAuth,
}

/** Functions that read only LOGTO_URL. Their tokens are for `resource`, so they need no audience. */
const READERS_OF_THE_URL = {
  mcpAuth: (options) => mcpAuth({ resource: RESOURCE, ...options }),
  createResourceMetadata: (options) => createResourceMetadata({ resource: RESOURCE, ...options }),
}

/** Functions whose options are those of the original package, or name a server whose notifications are trusted. */
const OTHERS = {
  'verifyAuth of logto-authkit/server': (options) => server.verifyAuth(REQUEST, options),
  'verifyNextAuth of logto-authkit/server': (options) => server.verifyNextAuth(REQUEST, options),
  createExpressAuthMiddleware: server.createExpressAuthMiddleware,
  backchannelLogout: (options) => createRevocations().backchannelLogout({ clientId: 'app', ...options }),
  catchUp: (options) =>
    createRevocations().catchUp({ clientId: 'app', clientSecret: 'secret', hookId: 'hook', ...options }),
}

function setEnvironment(url, audience) {
  for (const [name, value] of Object.entries({ LOGTO_URL: url, LOGTO_AUDIENCE: audience })) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}
afterEach(() => setEnvironment())

/** The message for an invalid option, if there is one. */
async function complaint(create, options) {
  try {
    await create(options)
  } catch (error) {
    if (error.code === 'invalid_options') return error.message
  }
}

const MISSING_URL_PATTERN = /^Invalid option "logtoUrl": .*, or the environment variable LOGTO_URL, got undefined\./
const MISSING_AUDIENCE_PATTERN =
  /^Invalid option "audience": .*, or the environment variable LOGTO_AUDIENCE, got undefined\./

for (const [name, create] of Object.entries(READERS)) {
  test(`${name} reads LOGTO_URL and LOGTO_AUDIENCE`, async () => {
    for (const options of [{}, { logtoUrl: undefined, audience: undefined }]) {
      setEnvironment()
      assert.match(await complaint(create, options), MISSING_URL_PATTERN)
      setEnvironment(LOGTO_URL)
      assert.match(await complaint(create, options), MISSING_AUDIENCE_PATTERN)
      setEnvironment(LOGTO_URL, AUDIENCE)
      assert.equal(await complaint(create, options), undefined)
    }
  })
}

for (const [name, create] of Object.entries(READERS_OF_THE_URL)) {
  test(`${name} reads LOGTO_URL, and its audience is the resource`, async () => {
    for (const options of [{}, { logtoUrl: undefined }]) {
      setEnvironment(undefined, AUDIENCE)
      assert.match(await complaint(create, options), MISSING_URL_PATTERN)
      setEnvironment('logto')
      assert.match(await complaint(create, options), /^Invalid environment variable LOGTO_URL: /)
      setEnvironment(LOGTO_URL)
      assert.equal(await complaint(create, options), undefined)
    }
  })
}

for (const [name, create] of Object.entries(OTHERS)) {
  test(`${name} reads no environment variables`, async () => {
    setEnvironment(LOGTO_URL, AUDIENCE)
    assert.match(await complaint(create, {}), /^Invalid option "logtoUrl": (?!.*environment).*, got undefined$/)
  })
}
