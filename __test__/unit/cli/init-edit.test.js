const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { project, uses } = require('../../support/init')

/** Returns the text of a Fastify application between its creation and the added route, or undefined. */
async function aboveRoute(t, imports, following) {
  const source = `${imports}\nimport Fastify from 'fastify'\n\nconst app = Fastify()\n${following}`
  const { files } = await project(t, { 'package.json': uses('fastify'), 'app.js': source }).json()
  return files
    .find(({ path }) => path === 'app.js')
    ?.content.split('= Fastify()')[1]
    .split('\n\n// Added by')[0]
}

describe('init adds the route to Fastify', () => {
  for (const [what, imports, statements] of [
    ['CORS', "import cors from '@fastify/cors'", 'await app.register(cors)'],
    [
      'plugins with options and comments',
      "import cors from '@fastify/cors'\nconst helmet = require('@fastify/helmet')",
      "\n// Headers\nawait app.register(cors, {\n  origin: ['https://a.example.com'],\n})\n\napp.register(helmet)",
    ],
    ['a required plugin', '', "app.register(require('@fastify/cors'), { origin: true })"],
    [
      'a plugin on several lines',
      "import cors from '@fastify/cors'",
      'await app.register(\n  cors,\n  {\n    origin: /https:\\/\\/(a|b)/,\n  },\n)',
    ],
  ])
    test(`below ${what}`, async (t) => {
      assert.equal(await aboveRoute(t, imports, `${statements}\n\napp.get('/', f)\n`), `\n${statements}`)
    })

  for (const [what, imports, statements] of [
    ['a plugin of the application', "import routes from './routes.js'", 'await app.register(routes)'],
    ['a required plugin of the application', '', "app.register(require('./routes'))"],
    ['a plugin that the file defines', '', 'app.register(async (api) => {})'],
  ])
    test(`above ${what}`, async (t) => {
      assert.equal(await aboveRoute(t, imports, `${statements}\n`), '')
    })

  test('nowhere if the end of a registration is not certain', async (t) => {
    const statements = 'app.register(cors); app.register(other)\n'
    assert.equal(await aboveRoute(t, "import cors from '@fastify/cors'", statements), undefined)
  })
})

describe('init adds the route to Express', () => {
  /** Returns the text between the creation of the application and the added route. */
  async function aboveExpressRoute(t, following) {
    const source = `const express = require('express')\nconst cors = require('cors')\n\nconst app = express()\n${following}`
    const { files } = await project(t, { 'package.json': uses('express'), 'app.js': source }).json()
    const { content } = files.find(({ path }) => path === 'app.js')
    return content.split('= express()')[1].split('\n\n// Added by')[0]
  }

  for (const statements of [
    'const port = 3000\napp.use(cors())',
    '// The port\nconst PORT = Number(process.env.PORT) || 3000\n\napp.use(cors())\napp.use(express.json())',
    "let [a, b] = [1, { c: 'd' }];\napp.use(cors());",
    "const CLIENT = 'http://localhost:5173' // Vite\napp.use(cors({ origin: CLIENT }))",
    "const options = {\n  origin: ['https://a.example.com'],\n\n  credentials: true,\n};\napp.use(cors(options));",
    "const origins = new Set([\n  'https://a.example.com',\n])\n\napp.use(cors({ origin: (o, f) => f(null, origins.has(o)) }))",
    "app.use(cors({\n  origin: (o, f) => {\n    f(null, (o ?? '').endsWith(String(process.env.DOMAIN)))\n  },\n}))",
    'const f = (\n  a) => {}\napp.use(helmet())',
    'const a = 1 +\n  2\napp.use(helmet())',
    'const a = b\n  .c()\napp.use(helmet())',
    'const a = [\n  1,\n]\n  .map(b)\napp.use(helmet())',
    'const text = f({\n  a: `\n})\n`,\n})\napp.use(helmet())',
    'const a = {\n  /*\n}\n*/ }\napp.use(helmet())',
    'const a = f({\n  b,\n},\n  c)\napp.use(helmet())',
    'app.use((req, res, next) => {\nnext()\n})',
    "app.use(\n  cors({\n    origin: ['https://app.example.com', `https://app`],\n  }),\n);",
    "app.use(\n  '*',\n  cors(),\n)",
    'dotenv.config()\napp.use(cors())',
    "function isAllowed(origin) {\n  return origin === 'app'\n}\n\napp.use(cors({ origin: isAllowed })) // (\napp.use(helmet(), cookieParser())",
    'app.use(\n  (\n    req: Request,\n    res: Response,\n    next: NextFunction,\n  ) => {\n    next()\n  },\n)',
    "/* app.get('/') */\napp.use(cors({ origin: a / b > c ? /[/'(]/ : d / 2 }))",
    'const isAllowed = (origin) => {\n  return true\n}\napp.use(cors(isAllowed))',
    "app.set('trust proxy', 1)\napp.disable('x-powered-by')\napp.use(cors())",
    "app.use(cors({\n  origin: 'https://a.example.com',\n\n  credentials: true,\n}));",
    "app.use('/static', express.static(path.join(__dirname, 'public')))",
    'app.use((req, res, next) => { console.log(`)`); next() })',
    'app.use(function (req, res, next) {\n  console.log(/\\)/, req.url)\n\n  next();\n});',
    'app.use(async (req: Request, res: Response, next: NextFunction) => {\n  await f()\n  next()\n})',
    'const limiter = rateLimit({\n  windowMs: 60_000,\n  limit: 100,\n});\n\napp.use(limiter)',
    'const limiter: RequestHandler = rateLimit()\napp.use(helmet(), limiter)',
    'const log = (req, res, next) => {\n  console.log(req.url)\n  next()\n}\n\napp.use(log)',
    'app.use(log)\n\nasync function log(req, res, next) {\n  next()\n}\napp.use(cors())',
    'export const log = (req, res, next) => next()\napp.use(log)',
    'if (a) app.use(helmet())\napp.use(b())',
    "if (process.env.NODE_ENV !== 'test') {\n  app.use(morgan('tiny'))\n  app.set('a', 1);\n}\n\napp.use(cors())",
    'if (a)\n  if (b)\n    app.use(helmet())\napp.use(cors())',
    'if (a) {\n  app.use(cors()) // }\n}',
    'if (a) { }\napp.use(helmet())',
    'app.use(wrap((req, res, next) => {\n  log(res)\n  next()\n}))',
    'app.use(cors())\n\ndo {\n  a()\n} while (b)\napp.use(helmet())',
    "import { log } from './log.js'\napp.use(log)\napp.use(cors())",
    'app.use(load())\napp.use(page)\n\napp.use(\n  cors(),\n)',
    "app.use((req, res, next) => {\n  res.set('X-A', 'b').on('finish', () => timer.end())\n  next()\n})",
  ])
    test(`below middleware that follows declarations: ${JSON.stringify(statements)}`, async (t) => {
      assert.equal(await aboveExpressRoute(t, `${statements}\n\napp.get('/', f)\n`), `\n${statements}`)
    })

  for (const statements of [
    'const port = 3000\napp.get("/a", f)',
    'const server = app.listen(3000)\napp.use(helmet())',
    'const server = createServer({\n  app,\n})\napp.use(helmet())',
    'app.use(router)',
    'app.use((req, res) => {\n  res.sendStatus(404)\n})',
    'app.use((req, res, next) => {\n  next(createError(404))\n})',
    'const server = createServer(app)\napp.use(helmet())',
    "require('./routes')(app)\napp.use(helmet())",
    'app.use(helmet(), router)',
    "const backend = {\n  url: 'http://localhost:8080',\n}\napp.use(createProxyMiddleware({ target: backend.url }))",
    'app.use(wrap(async (req, res) => {\n  res.status(404).send(render(page()))\n}))',
    'app.use(helmet()).get("/", f)',
    'app.use((error, req, res, next) => {\n  if (error) next()\n})',
    'const api = express.Router()\napp.use(api)',
    'const api = new Api()\napp.use(api)',
    'const last = (req, res) => {\n  res.sendStatus(404)\n}\napp.use(last)',
    'const errorHandler = create()\napp.use(errorHandler)',
    "import { log } from './log'\napp.use(log)",
    "if (a)\n  app.use(express.static('dist'))\nelse\n  app.get('/', f)",
    'if (a)\n  app.use(helmet())\nelse\n  app.use(log)',
    'if (a) app.use(helmet())\nelse if (b)\n  app.use(log)\nelse app.use(f)',
    'if (a) {\n  app.use(helmet())\n} else {\n  app.use(f)\n}',
    "if (a) {\n  app.use(helmet())\n  app.get('/', f)\n}",
    'for (const a of b)\n  app.use(helmet(a))',
    "if (a)\n  app.use(helmet())\nelse\n  if (b)\n    app.get('/', f)",
    'if (a) app.use(basicAuth({ users }))',
    "app.use(passport.authenticate('jwt', { session: false }))",
    "app.use('*', serveStatic({ path: './dist/index.html' }))",
    'app.use(basicAuth())\napp.use(log)',
    'while (a)\n  app.use(helmet(a))',
    "const page = (req, res, next) => {\n  if (req.path.startsWith('/api')) return next()\n  res.sendFile(index)\n}\napp.use(page)",
    'const guard = (req, res, next) => {\n  if (!req.headers.key) return res.status(401).json({})\n  next()\n}\napp.use(guard)',
    'app.use((req, res, next) => {\n  if (isMaintenance) return res.sendStatus(503)\n  next()\n})',
    'app.use(wrap((req, res, next) => {\n  res.sendStatus(404)\n  void next()\n}))',
    "const spa = sirv('public', { single: true })\napp.use(spa)",
    'const users = userRoutes(db)\napp.use(users)',
    'const api = makeApi()\napp.use(api)',
    'const server = new Yoga()\napp.use(server.handle)',
  ])
    test(`directly below its creation before ${JSON.stringify(statements)}`, async (t) => {
      assert.equal(await aboveExpressRoute(t, `${statements}\n`), '')
    })
})

test('init adds the route below the error handler of Koa and the CORS middleware of Hono, between empty lines', async (t) => {
  for (const [framework, creation, middleware, next] of [
    [
      'koa',
      "import Koa from 'koa'\nconst app = new Koa()",
      'app.use(async (ctx, next) => {\n  try {\n    await next()\n  } catch {\n    ctx.status = 500\n    ctx.body = {}\n  }\n})',
      'app.use(f)',
    ],
    ['hono', "import { Hono } from 'hono'\nconst app = new Hono()", "app.use('*', cors())", "app.get('/', f)"],
    [
      'hono',
      "import { Hono } from 'hono'\nconst app = new Hono<Env>()\n  .basePath('/api')",
      'app.use(cors())',
      "app.get('/', f)",
    ],
  ]) {
    const source = `${creation}\n${middleware}\n${next}\n`
    const { files } = await project(t, { 'package.json': uses(framework), 'app.js': source }).json()
    const { content } = files.find(({ path }) => path === 'app.js')
    assert.ok(content.includes(`${middleware}\n\n// Added by`) && content.includes(`\n\n${next}\n`), content)
  }
})

describe('init prints the route instead of adding it, and why:', () => {
  const express = "import express from 'express'\nconst app = express()\n"
  for (const [framework, text, reason] of [
    [
      'koa',
      "import Koa from 'koa'\nconst app = new Koa()\nuseRouter(app)\napp.use(cors())\n",
      'line 3 may respond to requests, and line 4 names CORS',
    ],
    [
      'express',
      `${express}app.get('/', f)\napp.use(\n  '/a',\n  cors(),\n)\n`,
      'line 3 may respond to requests, and line 6 names CORS',
    ],
    [
      'fastify',
      "import Fastify from 'fastify'\nconst app = Fastify()\nif (a) {\n  await app.register(\n    fastifyCors, o)\n}\n",
      'line 5 names CORS',
    ],
    ['express', `${express}app\n  .use(a)\n  .use(cors())\n`, 'line 5 names CORS'],
    ['express', `${express}app.use(allowCrossDomain)\n`, 'line 3 names CORS'],
    ['express', `${express}app\n  .disable('a')\n  .use(cors())\n`, 'line 5 names CORS'],
    ['express', `${express}configure(app, o)\napp.use(helmet())\n`, 'the code in line 3 may register CORS'],
    ['express', `${express}await load({ app })\n`, 'the code in line 3 may register CORS'],
    ['express', `${express}await load({ expressApp: app, a })\n`, 'the code in line 3 may register CORS'],
    ['express', `${express}for (const m of all) app.use(m)\n`, 'the code in line 3 may register CORS'],
    ['express', `${express}all.forEach((m) => app.use(m))\n`, 'the code in line 3 may register CORS'],
    ['express', `${express}app.use(...all)\n`, 'the code in line 3 may register CORS'],
    [
      'express',
      `${express}if (a) app.set('b')\nfor (const m of all) {\n  app.use(m)\n}\n`,
      'the code in line 4 may register CORS',
    ],
    [
      'express',
      `${express}app.use((req, res, done) => {\n  res.header('Access-Control-Allow-Origin', '*')\n  done()\n})\n`,
      'line 4 names CORS',
    ],
    [
      'hono',
      "import { Hono } from 'hono'\nconst app = new Hono()\napp.get('/', f)\napp.use('*', cors({ origin }))\n",
      'line 3 may respond to requests, and line 4 names CORS',
    ],
    ['express', `${express}const a = {\n`, 'the end of the statement in line 3 is not clear'],
    [
      'express',
      "import express from 'express'\nconst app = express().use(f)\n",
      'the statement in line 2 does more than create the application',
    ],
    [
      'express',
      "import express from 'express'\nexport function create() {\n  const app = express()\n  return app\n}\n",
      'a function creates the application',
    ],
    [
      'express',
      "import express from 'express'\nconst app = express()\nconst admin = express()\n",
      'the file creates several applications',
    ],
    ['express', 'const app = express()\n', 'the file does not import express in a line of its own'],
    [
      'koa',
      "import Koa from 'koa'\nimport { authenticate } from './auth.js'\nconst app = new Koa()\n",
      'the file uses the name authenticate',
    ],
  ]) {
    test(`${reason}: ${JSON.stringify(text)}`, async (t) => {
      const { files, manual } = await project(t, { 'package.json': uses(framework), 'app.js': text }).json()
      assert.ok(!files.some(({ path }) => path === 'app.js'))
      assert.deepEqual(
        manual.map((entry) => entry.reason.split('. Put the import at the top, ')[0]),
        [reason],
      )
    })
  }

  test('several files create an application', async (t) => {
    const files = { 'package.json': uses('express'), 'app.js': express, 'server.js': express }
    const { manual } = await project(t, files).json()
    assert.match(manual[0].reason, /^app\.js and server\.js create an application\. Put/)
  })
})

test('init adds the route although other code may register CORS, if CORS is already registered', async (t) => {
  const text = "import express from 'express'\nconst app = express()\napp.use(cors())\nconfigure(app, o)\n"
  const { files } = await project(t, { 'package.json': uses('express'), 'app.js': text }).json()
  assert.match(files.find(({ path }) => path === 'app.js').content, /^app\.use\(cors\(\)\)\n\n\/\/ Added/m)
})

test('a very long file of statements without bodies takes little time', { timeout: 20_000 }, () => {
  const { addRoute } = require('../../../js/cli/init-edit')
  const framework = { package: 'express', appCreationPattern: 'express', route: String }
  for (const rest of [
    'if (a)\n'.repeat(150_000),
    `${'x.forEach(y)'.repeat(80_000)}\n`,
    'while (x) y\n'.repeat(80_000),
    'else '.repeat(200_000),
  ])
    addRoute(`import express from 'express'\nconst app = express()\n${rest}app.get('/', f)\n`, framework)
})

test('init ignores CORS of another application or router', async (t) => {
  for (const [framework, text] of [
    [
      'hono',
      "import { Hono } from 'hono'\nconst app = new Hono()\n\nconst api = new Hono()\napi.use(cors())\nserve(app)\n",
    ],
    [
      'express',
      "import express from 'express'\nconst app = express()\n\nconst api = express.Router()\n  api.use('/', cors())\n",
    ],
  ]) {
    const { files } = await project(t, { 'package.json': uses(framework), 'app.js': text }).json()
    assert.match(files.find(({ path }) => path === 'app.js').content, /^const app = .*\n\n\/\/ Added/m)
  }
})

test('init adds the route to the application that is served, if the file creates several', async (t) => {
  for (const [framework, text] of [
    [
      'hono',
      "import { Hono } from 'hono'\nconst books = new Hono()\nconst app = new Hono()\napp.route('/books', books)\nserve({ fetch: app.fetch, port })\n",
    ],
    ['hono', "import { Hono } from 'hono'\nconst books = new Hono()\nconst app = new Hono()\nexport default app\n"],
    [
      'express',
      "import express from 'express'\nconst admin = express()\nconst app = express()\napp.use('/admin', admin)\napp.listen(3000)\n",
    ],
  ]) {
    const { files } = await project(t, { 'package.json': uses(framework), 'app.js': text }).json()
    assert.match(
      files.find(({ path }) => path === 'app.js').content,
      /^const app = .*\n\n\/\/ Added.*\napp\.get\('\/me'/m,
    )
  }
})
