const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createReadStream } = require('node:fs')
const http2 = require('node:http2')
const { test } = require('node:test')
const cookieSession = require('cookie-session')
const express = require('express')
const expressSession = require('express-session')
const { createCsrfMiddleware } = require('logto-authkit/csrf')
const { logtoAuth } = require('logto-authkit/express')
const { EXPRESSES, FRAMEWORKS, ask, listen, serve } = require('../../support/frameworks')
const { AUDIENCE, startIssuer } = require('../../support/helpers')

async function guests(t) {
  const { logtoUrl } = await startIssuer(t)
  return logtoAuth({ logtoUrl, audience: AUDIENCE, allowGuest: true })
}

for (const [framework, listener] of Object.entries(FRAMEWORKS)) {
  const serveGuests = async (t, handler) => serve(t, listener(await guests(t), handler))

  test(`${framework}: keeps the cookies and headers of the application, however it sends them`, async (t) => {
    const handlers = {
      setHeader: (_req, res) => {
        res.setHeader('Set-Cookie', ['a=1', 'b=2'])
        res.setHeader('Vary', 'Origin')
        res.end('body')
      },
      appendHeader: (_req, res) => {
        res
          .appendHeader('Set-Cookie', 'a=1')
          .appendHeader('Set-Cookie', 'b=2')
          .appendHeader('Vary', 'Origin')
          .end('body')
      },
      'writeHead with an object': (_req, res) => {
        res.setHeader('Set-Cookie', 'replaced=1')
        res.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], vary: 'Origin' }).end('body')
      },
      'writeHead with a message and an object': (_req, res) => {
        res.writeHead(200, 'Fine', { 'Set-Cookie': ['a=1', 'b=2'], Vary: 'Origin' }).end('body')
      },
      'writeHead with a list': (_req, res) => {
        res.setHeader('Set-Cookie', 'replaced=1')
        res.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Vary', 'Origin']).end('body')
      },
      'writeHead with pairs': (_req, res) => {
        res
          .writeHead(200, [
            ['Set-Cookie', ['a=1', 'b=2']],
            ['Vary', 'Origin'],
          ])
          .end('body')
      },
      'writeHead in a wrapper that passes on three arguments': (_req, res) => {
        const { writeHead } = res
        res.writeHead = (...args) => writeHead.call(res, args[0], args[1], args[2])
        res.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'], Vary: 'Origin' }).end('body')
      },
      'writeHead without a message': (_req, res) => {
        res.writeHead(200, null, { 'Set-Cookie': ['a=1', 'b=2'], Vary: 'Origin' }).end('body')
      },
      'a stream': (_req, res) => {
        res.setHeader('Set-Cookie', ['a=1', 'b=2'])
        res.setHeader('Vary', 'Origin')
        for (const letter of 'body') res.write(letter)
        res.end()
      },
      flushHeaders: (_req, res) => {
        res.setHeader('Set-Cookie', ['a=1', 'b=2'])
        res.setHeader('Vary', 'Origin')
        res.flushHeaders()
        setImmediate(() => res.end('body'))
      },
    }
    for (const [name, handler] of Object.entries(handlers)) {
      const { status, body, cookies, headers } = await ask(await serveGuests(t, handler))
      assert.deepEqual([status, body], [200, 'body'], name)
      assert.deepEqual(cookies.slice(0, 2), ['a=1', 'b=2'], name)
      assert.match(cookies[2], /^guest_logto_authtoken=/, name)
      assert.equal(cookies.length, 3, name)
      assert.equal(headers.vary, 'Origin, Cookie', name)
    }
  })

  test(`${framework}: does not change a list of cookies that several responses share`, async (t) => {
    const shared = ['a=1', 'b=2']
    const handlers = {
      setHeader: (_req, res) => res.setHeader('Set-Cookie', shared).end(),
      'writeHead with an object': (_req, res) => res.writeHead(200, { 'Set-Cookie': shared }).end(),
      'writeHead with a list': (_req, res) => res.writeHead(200, ['Set-Cookie', shared, 'Set-Cookie', 'c=3']).end(),
    }
    for (const [name, handler] of Object.entries(handlers)) {
      const url = await serveGuests(t, handler)
      for (let request = 0; request < 2; request += 1) {
        const guests = (await ask(url)).cookies.filter((cookie) => cookie.startsWith('guest_'))
        assert.equal(guests.length, 1, name)
      }
      assert.deepEqual(shared, ['a=1', 'b=2'], name)
    }
  })

  test(`${framework}: keeps Vary and Cache-Control that writeHead sets`, async (t) => {
    const sent = async (own) => {
      const url = await serveGuests(t, (_req, res) => res.writeHead(200, own).end())
      const { headers } = await ask(url)
      return [headers.vary, headers['cache-control']]
    }
    assert.deepEqual(await sent({ 'Cache-Control': 'no-store', Vary: 'cookie' }), ['cookie', 'no-store'])
    assert.deepEqual(await sent({ Vary: '*' }), ['*', 'private'])
  })

  test(`${framework}: B4: a response with a new cookie is never publicly cacheable, however it is sent`, async (t) => {
    const publicly = 'public, max-age=86400, immutable'
    const handlers = {
      setHeader: (_req, res) => {
        res.setHeader('Cache-Control', publicly)
        res.end()
      },
      'an object for writeHead': (_req, res) => res.writeHead(200, { 'cache-control': publicly }).end(),
      'a list for writeHead': (_req, res) => res.writeHead(200, 'OK', ['CACHE-CONTROL', publicly]).end(),
      stream: (_req, res) => {
        res.setHeader('Cache-Control', publicly)
        createReadStream(__filename).pipe(res)
      },
      flushHeaders: (_req, res) => {
        res.setHeader('Cache-Control', ['public', 'max-age=86400'])
        res.flushHeaders()
        res.end('later')
      },
      'express.static': (req, res, next) =>
        express.static(__dirname, { maxAge: '1d', index: 'response.test.js' })(req, res, next),
    }
    for (const [name, handler] of Object.entries(handlers)) {
      for (const middleware of [await guests(t), createCsrfMiddleware()]) {
        const url = await serve(t, listener(middleware, handler))
        const { status, headers, cookies } = await ask(url)
        assert.deepEqual([status, cookies.length, headers['cache-control']], [200, 1, 'private'], name)
        assert.match(String(headers.vary), /Cookie/)
        const again = await ask(url, { headers: { cookie: cookies[0].split(';')[0] } })
        assert.deepEqual(again.cookies, [])
        assert.match(String(again.headers['cache-control']), /^public, max-age=86400/)
      }
    }
  })

  for (const [mistake, head, message] of /** @type {[string, [number, object?], RegExp][]} */ ([
    ['header', [200, { 'X-Nothing': undefined }], /^fault: Invalid value "undefined" for header "X-Nothing"/],
    ['status', [99], /^fault: Invalid status code: 99/],
  ])) {
    test(`${framework}: leaves the error for an invalid ${mistake} in writeHead to the application`, async (t) => {
      const url = await serveGuests(t, (_req, res, next) => {
        try {
          res.writeHead(...head)
        } catch (error) {
          next(error)
        }
      })
      const { status, body, cookies } = await ask(url)
      assert.equal(status, 500)
      assert.match(body, message)
      assert.equal(cookies.length, 1)
    })
  }
}

for (const [framework, express] of Object.entries(EXPRESSES)) {
  test(`${framework}: keeps the cookies of session middleware before and after logtoAuth`, async (t) => {
    const auth = await guests(t)
    const sessions = {
      'cookie-session': cookieSession({ name: 'session', keys: ['secret'] }),
      'express-session': expressSession({ name: 'session', secret: 'secret', resave: false, saveUninitialized: true }),
    }
    for (const [name, session] of Object.entries(sessions)) {
      for (const order of [
        [session, auth],
        [auth, session],
      ]) {
        const app = express().use(...order, (req, res) => {
          Object(req).session.visits = 1
          res.cookie('theme', 'dark')
          res.json(req.auth)
        })
        const { cookies, body } = await ask(await serve(t, app))
        const names = cookies.map((cookie) => cookie.split('=')[0])
        const own = name === 'cookie-session' ? ['session', 'session.sig'] : ['session']
        assert.deepEqual([...names].sort(), ['guest_logto_authtoken', ...own, 'theme'].sort(), name)
        const guest = cookies.find((cookie) => cookie.startsWith('guest_'))
        assert.equal(guest?.split(/[=;]/)[1], JSON.parse(body).guestId)
      }
    }
  })

  test(`${framework}: sets the guest cookie on redirects, files, empty responses and HEAD`, async (t) => {
    const app = express()
      .use(await guests(t))
      .get('/redirect', (_req, res) => res.redirect('/elsewhere'))
      .get('/file', (_req, res) => res.sendFile(__filename))
      .get('/empty', (_req, res) => res.status(204).end())
      .get('/page', (_req, res) => void res.send('<p>page'))
    const url = await serve(t, app)
    for (const [path, status] of /** @type {[string, number][]} */ ([
      ['/redirect', 302],
      ['/file', 200],
      ['/empty', 204],
      ['/page', 200],
      ['/missing', 404],
    ])) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(url + path, { method })
        assert.deepEqual([answer.status, answer.cookies.length], [status, 1], `${method} ${path}`)
        assert.match(String(answer.headers.vary), /Cookie/)
      }
    }
  })
}

test('sets the guest cookie on HTTP/2 responses', async (t) => {
  const auth = await guests(t)
  const server = http2.createServer((req, res) => {
    auth(/** @type {any} */ (req), /** @type {any} */ (res), () => {
      if (req.url === '/head') res.writeHead(200, { 'set-cookie': 'a=1' })
      else res.setHeader('set-cookie', 'a=1')
      res.end()
    })
  })
  const client = http2.connect(await listen(t, server))
  t.after(() => client.close())
  for (const path of ['/', '/head']) {
    const [headers] = await once(client.request({ ':path': path }), 'response')
    assert.equal(headers['set-cookie'].length, 2)
    assert.match(headers['set-cookie'][1], /^guest_logto_authtoken=/)
    assert.equal(headers.vary, 'Cookie')
  }
})
