const assert = require('node:assert/strict')
const { existsSync, readdirSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { describe, test } = require('node:test')
const { designMap } = require('../../scripts/design-map')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { createResourceMetadata } = require('logto-authkit/resource-metadata')
const native = require('../../js/core/addon')
const { contract } = require('../../js/core/contract')
const { errorResponse: answer } = require('../../js/adapters/response')
const { AUDIENCE, rejection, startIssuer } = require('../support/helpers')
const { PAGES, ROOT, blocks, read, rows, section } = require('../support/pages')
const { REJECTIONS, rejectedRequest } = require('../support/rejections')

const DECLARED = read('index.d.ts')

const block = (page, language) => blocks([page]).find((one) => one.language === language)?.code ?? ''

describe('the pages', () => {
  test('are all in the index, on a line of their own', () => {
    const index = rows(read('docs/README.md')).map(([page]) => page)
    for (const page of PAGES.filter((name) => name !== 'docs/README.md')) {
      const link = `(${page.slice('docs/'.length)})`
      assert.equal(index.filter((cell) => cell.includes(link)).length, 1, page)
    }
  })

  test('have at most 200 lines, apart from generated tables and maps', () => {
    for (const page of PAGES.filter((name) => name !== 'docs/bench.md')) {
      const text = read(page).replace(/^```text\n[\s\S]*?^```$|^<!-- The table[\s\S]*?^<!-- end -->$/gm, '')
      assert.ok(text.split('\n').length <= 201, page)
    }
  })

  test('and the README have no dead links', () => {
    const dead = [...PAGES, 'README.md'].flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)]
        .filter(([, path, anchor]) => !leads(page, path, anchor))
        .map(([link]) => `${page}: ${link}`),
    )
    assert.deepEqual(dead, [])
  })

  function leads(page, path, anchor) {
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(ROOT, target))) return false
    return anchor === undefined || anchors(target).includes(anchor)
  }

  /** Anchors as GitHub derives them from headings. */
  const anchors = (page) =>
    [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )
})

describe('the page of an adapter', () => {
  for (const name of ['express', 'fastify', 'hono', 'koa', 'nestjs']) {
    test(`has a row for every function of ${name}`, () => {
      const first = rows(read(`docs/${name}.md`)).map(([cell]) => cell)
      for (const exported of Object.keys(require(`logto-authkit/${name}`))) {
        assert.ok(first.join().match(new RegExp(`\`@?${exported}\\b`)), exported)
      }
    })
  }
})

describe('the page of options', () => {
  const page = read('docs/options.md')

  /** Names and their defaults. One row may have several names. */
  const defaults = (text) =>
    new Map(
      rows(text).flatMap(([names, values]) => {
        const given = values.match(/`[^`]*`|[a-z ]+/g)?.filter((value) => value.trim() !== '') ?? []
        return [...names.matchAll(/`(\w+)`/g)].map(([, name], i) => [name, given[i]?.trim() ?? 'none'])
      }),
    )

  /** The defaults in the declarations. */
  function declared(name) {
    const start = DECLARED.search(new RegExp(`interface ${name}[ <]`))
    const body = DECLARED.slice(start, DECLARED.indexOf('\n}\n', start))
    return [...body.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+)(\??)[:(]/g)].map(
      ([, comment, option, optional]) => [
        option,
        optional === '' ? 'required' : /@defaultValue (`[^`]+`|none|now|not checked|see)/.exec(comment)?.[1],
      ],
    )
  }

  /** A default as the page shows it, without quotes. */
  function shown(/** @type {any} */ { default: value, derived, required, variable }) {
    if (variable !== undefined) return `\`process.env.${variable}\``
    if (required) return 'required'
    if (derived !== undefined) return derived.startsWith('<') ? `\`${derived}\`` : derived
    if (value === undefined) return 'none'
    return Array.isArray(value) ? `\`[${value.join(', ')}]\`` : `\`${value}\``
  }

  test('has every option of the core, with its default, and so have the declarations', () => {
    const options = contract().options.verifier
    const all = defaults(page.split('## Adapter options')[0].replaceAll("'", ''))
    const types = new Map(declared('VerifyAuthOptions').map(([name, value]) => [String(name), value]))
    assert.deepEqual([...types.keys()].sort(), options.map(({ name }) => name).sort())
    for (const row of options) {
      assert.equal(all.get(row.name), shown(row), row.name)
      // The guest cookie has other defaults, in a separate table.
      const declaredDefault = types.get(row.name) ?? 'none'
      assert.equal(declaredDefault === 'see' ? 'none' : declaredDefault.replaceAll("'", ''), shown(row), row.name)
    }
  })

  test('has every option that only adapters take', () => {
    const common = new Set(contract().options.verifier.map(({ name }) => name))
    const text = String(section(page, 'Adapter options'))
    for (const set of ['adapter', 'nest', 'next', 'proxy', 'upgrade', 'requirements']) {
      for (const { name } of contract().options[set])
        if (!common.has(name)) assert.ok(text.includes(`\`${name}\``), name)
    }
  })

  test('agrees with the README', () => {
    const here = rows(page).map((row) => row.join('|'))
    const named = new Set(declared('VerifyAuthOptions').map(([name]) => `\`${name}\``))
    for (const row of rows(read('README.md'))) {
      if (named.has(row[0].split(',', 1)[0])) assert.ok(here.includes(row.join('|')), row[0])
    }
  })

  for (const [name, set, text] of [
    ['AuthCookieOptions', 'authCookie', section(page, 'Auth cookie options')],
    ['GuestCookieOptions', 'guestCookie', section(read('docs/guests.md'), 'The cookie')],
  ]) {
    test(`or the page of guests has the defaults of ${name}`, () => {
      const said = [...defaults(String(text))].filter(([option]) => option !== 'guestCookie')
      assert.deepEqual(new Map(said), new Map(/** @type {any} */ (declared(String(name)))))
      const unquoted = said.map(([option, value]) => [option, value.replaceAll("'", '')])
      const rows = contract().options[String(set)].map((row) => [row.name, shown(row)])
      assert.deepEqual(Object.fromEntries(unquoted), Object.fromEntries(rows))
    })
  }
})

describe('the page of errors', () => {
  const page = read('docs/errors.md')
  const CODES = contract().errors.map(({ code }) => code)

  test('has a section for every code, and no other sections', () => {
    // `overloaded` depends on the load of the machine: see system/overload.test.js.
    assert.deepEqual([...new Set([...REJECTIONS.map(({ code }) => code), 'overloaded'])].sort(), [...CODES].sort())
    assert.deepEqual(
      [...DECLARED.matchAll(/^ {2}\| '([a-z_]+)'$/gm)].map(([, code]) => code),
      CODES,
    )
    assert.deepEqual(
      [...page.matchAll(/^## (.*)$/gm)].map(([, code]) => code),
      CODES,
    )
  })

  test('explains every details.reason as the core does', () => {
    const reasons = contract().reasons.map(({ reason, meaning }) => [`\`${reason}\``, meaning])
    const listed = rows(page).filter(([word]) => reasons.some(([known]) => known === word))
    assert.deepEqual(listed, reasons)
  })

  for (const code of CODES) {
    test(`gives status and message of ${code} as the core does, and what it means, and how to solve it`, () => {
      const { status, message } = native.rejection(code)
      const text = String(section(page, code))
      const [first] = text.trim().split('\n')
      assert.equal(first.replace(/`<\w+>`$/, ''), `\`${status}\` ${message}`)
      for (const part of ['Meaning', 'Common causes', 'Solution'])
        assert.match(text, new RegExp(`^- \\*\\*${part}\\*\\*: `, 'm'))
    })
  }

  for (const row of REJECTIONS) {
    test(`names the details of ${row.code}`, async (t) => {
      const issuer = await startIssuer(t)
      if (row.outage) issuer.setOutage(row.outage)
      const { request, options } = rejectedRequest(issuer, row)
      const { details } = await rejection(verifyAuth(request, options))
      for (const name of Object.keys(details)) {
        assert.ok(section(page, row.code)?.includes(`\`details.${name}\``), name)
      }
    })
  }

  test('is linked from the declaration of AuthError', () => {
    const comment = DECLARED.slice(0, DECLARED.indexOf('export class AuthError')).split('/**').at(-1)
    assert.match(String(comment), /docs\/errors\.md/)
  })
})

test('the page of CSRF has every option, with the default that is declared', () => {
  const declared = [...read('js/csrf.d.ts').matchAll(/@defaultValue (`[^`]+`|none)(?:(?!\*\/)[\s\S])*\*\/\s*(\w+)\?:/g)]
  const shown = rows(String(section(read('docs/csrf.md'), 'Options'))).slice(2)
  assert.deepEqual(
    shown.map(([name, value]) => [name, value]).sort(),
    declared.map(([, value, name]) => [`\`${name}\``, value]).sort(),
  )
})

test('the page of AuthContext has every member of both contexts', async (t) => {
  const issuer = await startIssuer(t)
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, allowGuest: true }
  const schema = {
    '~standard': { version: /** @type {const} */ (1), vendor: 'test', validate: (value) => ({ value }) },
  }
  const user = await verifyAuth(issuer.mint(), { ...options, claims: schema })
  const guest = await verifyAuth({ headers: {} }, options)
  const [, , ...members] = rows(String(section(read('docs/auth-context.md'), 'Members')))
  const named = (column) => members.filter((row) => row[column] !== '').map(([name]) => name.replaceAll('`', ''))
  assert.deepEqual(named(1).sort(), Object.keys(user).sort())
  assert.deepEqual(named(2).sort(), Object.keys(guest).sort())
  const plain = await verifyAuth(issuer.mint(), options)
  assert.deepEqual(Object.keys(JSON.parse(block('docs/auth-context.md', 'json'))), Object.keys(plain))
})

test('the page of Express shows the body of a rejection', async (t) => {
  const issuer = await startIssuer(t)
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, requiredScope: 'read:orders' }
  const error = await rejection(verifyAuth(issuer.mint(), options))
  assert.deepEqual(JSON.parse(block('docs/express.md', 'json')), JSON.parse(answer(error).body))
})

test('the page of MCP shows the metadata document and the challenge', async () => {
  const { document, url } = createResourceMetadata({
    resource: 'https://api.example.com/mcp',
    logtoUrl: 'https://auth.example.com',
    scopesSupported: ['read:orders'],
  })
  assert.deepEqual(JSON.parse(block('docs/mcp.md', 'json')), document)
  const options = { logtoUrl: 'https://auth.example.com', audience: AUDIENCE, resourceMetadata: url }
  const { wwwAuthenticate } = await rejection(verifyAuth({ headers: {} }, options))
  assert.equal(block('docs/mcp.md', 'http'), `WWW-Authenticate: ${wwwAuthenticate}\n`)
})

test('the page of observability shows and explains every figure', async () => {
  const page = read('docs/observability.md')
  const stats = createVerifier({ logtoUrl: 'https://auth.example.com', audience: AUDIENCE }).stats()
  const shown = JSON.parse(block('docs/observability.md', 'json'))
  for (const part of /** @type {const} */ (['tokens', 'jwks'])) {
    assert.deepEqual(Object.keys(shown[part]), Object.keys(stats[part]))
    for (const figure of Object.keys(stats[part])) assert.match(page, new RegExp(`^\\| \`.*\\b${figure}\``, 'm'))
  }
})

test('the page of operating has every warning', () => {
  const warnings = readdirSync(join(ROOT, 'js'), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.js'))
    .flatMap((name) => read(`js/${name}`).match(/LOGTO_AUTHKIT_\w+/g) ?? [])
    .filter((name) => name !== 'LOGTO_AUTHKIT_')
  // Warnings of the core are named after the code of the rejection.
  const [decision] = read('src/warnings.rs').split('#[cfg(test)]')[0].split('_ => return None')
  for (const [, code] of decision.matchAll(/Code::(\w+)/g))
    warnings.push(`LOGTO_AUTHKIT${code.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`)
  const named = read('docs/operating.md').match(/LOGTO_AUTHKIT_\w+/g)
  assert.deepEqual([...new Set(warnings)].sort(), [...new Set(named)].sort())
})

test("troubleshooting quotes the messages of Logto's SDK", () => {
  const [, , ...table] = rows(String(section(read('docs/troubleshooting.md'), 'The sign-in callback fails')))
  const messages = table.map(([message]) => message.replaceAll(/^`+|`+$/g, '').trim()).filter(Boolean)
  assert.equal(messages.length, 6)
  const sources = ['client/lib/errors', 'js/lib/utils/errors', 'node/lib/src/utils/cookie-storage']
  const code = sources.map((path) => read(`node_modules/@logto/${path}.js`)).join()
  for (const message of messages) assert.ok(code.includes(`'${message}'`), message)
})

test('troubleshooting quotes the messages of Next.js about `cacheComponents`', () => {
  const text = section(read('docs/troubleshooting.md'), 'A page fails to build with `cacheComponents`')
  const server = 'node_modules/next/dist/server'
  const code = ['app-render/blocking-route-messages', 'use-cache/use-cache-messages']
    .map((path) => read(`${server}/${path}.js`).replaceAll('\\`', '`'))
    .join()
  for (const message of [
    'Next.js encountered uncached or runtime data during prerendering.',
    ' accessed outside of `<Suspense>` prevents the route from being prerendered',
    'can\'t be called inside `"use cache"`',
  ]) {
    assert.ok(text?.includes(message), message)
    assert.ok(code.replaceAll("\\'", "'").includes(message), message)
  }
})

test('the map in docs/design.md is current (run `node scripts/design-map.js`)', () => {
  assert.equal(block('docs/design.md', 'text'), designMap())
})

test('the page of dependencies lists every dependency, and no others', () => {
  const { devDependencies } = JSON.parse(read('package.json'))
  const named = rows(read('docs/dependencies.md')).flatMap(([names]) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
  )
  const crates = String(/\[dev-dependencies\]\n((?:.+\n)+)/.exec(read('Cargo.toml'))?.[1]).match(/^[\w-]+/gm) ?? []
  assert.deepEqual(named.sort(), [...Object.keys(devDependencies), ...crates].sort())
})
