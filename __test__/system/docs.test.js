const assert = require('node:assert/strict')
const { existsSync, readdirSync } = require('node:fs')
const { dirname, join } = require('node:path')
const { describe, test } = require('node:test')
const { createVerifier, verifyAuth } = require('logto-authkit')
const { createResourceMetadata } = require('logto-authkit/resource-metadata')
const native = require('../../js/core/addon')
const { answer } = require('../../js/adapters/guard')
const { AUDIENCE, bearer, refusal, startIssuer } = require('../support/helpers')
const { PAGES, ROOT, blocks, read, rows, section } = require('../support/pages')
const { REFUSALS } = require('../support/refusals')

const DECLARED = read('index.d.ts')

/**
 * @param {string} page
 * @param {string} language
 */
const block = (page, language) => blocks([page]).find((one) => one.language === language)?.code ?? ''

describe('the pages', () => {
  test('are all in the index, on a line of their own', () => {
    const index = rows(read('docs/README.md')).map(([page]) => page)
    for (const page of PAGES.filter((name) => name !== 'docs/README.md')) {
      const link = `(${page.slice('docs/'.length)})`
      assert.equal(index.filter((cell) => cell.includes(link)).length, 1, page)
    }
  })

  test('have at most 200 lines, but for the tables of the bench', () => {
    for (const page of PAGES.filter((name) => name !== 'docs/bench.md'))
      assert.ok(read(page).split('\n').length <= 201, page)
  })

  test('and the README link to what is there', () => {
    const dead = [...PAGES, 'README.md'].flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)]
        .filter(([, path, anchor]) => !leads(page, path, anchor))
        .map(([link]) => `${page}: ${link}`),
    )
    assert.deepEqual(dead, [])
  })

  /** @type {(page: string, path: string, anchor: string | undefined) => boolean} */
  function leads(page, path, anchor) {
    const target = path === '' ? page : join(dirname(page), path)
    if (!existsSync(join(ROOT, target))) return false
    return anchor === undefined || anchors(target).includes(anchor)
  }

  /** As GitHub makes them of headings. @param {string} page */
  const anchors = (page) =>
    [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )
})

describe('the page of options', () => {
  const page = read('docs/options.md')

  /** Names and their defaults; one row may have several. @param {string} text */
  const defaults = (text) =>
    new Map(
      rows(text).flatMap(([names, values]) => {
        const given = values.match(/`[^`]*`|[a-z ]+/g)?.filter((value) => value.trim() !== '') ?? []
        return [...names.matchAll(/`(\w+)`/g)].map(([, name], i) => [name, given[i]?.trim() ?? 'none'])
      }),
    )

  /** What the declarations say. @param {string} name - Of an interface. */
  function declared(name) {
    const start = DECLARED.indexOf(`interface ${name} {`)
    const body = DECLARED.slice(start, DECLARED.indexOf('\n}\n', start))
    return [...body.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+)(\??)[:(]/g)].map(
      ([, comment, option, optional]) => [
        option,
        optional === '' ? 'required' : /@defaultValue (`[^`]+`|none|now|not checked|see)/.exec(comment)?.[1],
      ],
    )
  }

  test('has every option, with the default that is declared', () => {
    const options = declared('VerifyAuthOptions')
    // A text alone has no quotes in the table.
    const all = defaults(page.split('## Of the adapters')[0].replaceAll("'", ''))
    assert.equal(
      options.length,
      (DECLARED.match(/interface VerifyAuthOptions \{[\s\S]*?\n\}/)?.[0].match(/^ {2}\w/gm) ?? []).length,
    )
    for (const [name, value] of options) {
      // The cookie's own defaults are in a table of their own.
      const wanted = value === 'see' || value === undefined ? 'none' : value
      assert.equal(all.get(String(name)), wanted.replaceAll("'", ''), name)
    }
  })

  test('and the README say the same of them', () => {
    const here = rows(page).map((row) => row.join('|'))
    const named = new Set(declared('VerifyAuthOptions').map(([name]) => `\`${name}\``))
    for (const row of rows(read('README.md'))) {
      if (named.has(row[0].split(',', 1)[0])) assert.ok(here.includes(row.join('|')), row[0])
    }
  })

  for (const [name, text] of [
    ['AuthCookieOptions', section(page, 'Of cookies')],
    ['GuestCookieOptions', section(read('docs/guests.md'), 'The cookie')],
  ]) {
    test(`or that of guests has the defaults of ${name}`, () => {
      const said = [...defaults(String(text))].filter(([option]) => option !== 'guestCookie')
      assert.deepEqual(new Map(said), new Map(/** @type {any} */ (declared(String(name)))))
    })
  }
})

describe('the page of errors', () => {
  const page = read('docs/errors.md')
  const CODES = [...DECLARED.matchAll(/^ {2}\| '(\w+)'$/gm)].map(([, code]) => code)

  test('has a section for every code, and none for others', () => {
    assert.equal(CODES.length, REFUSALS.length)
    assert.deepEqual(
      [...page.matchAll(/^## (.*)$/gm)].map(([, code]) => code),
      CODES,
    )
  })

  for (const code of CODES) {
    test(`gives status and message of ${code} as the core does, and what it means, and what to do`, () => {
      const { status, message } = native.refusal(code)
      const text = String(section(page, code))
      const [first] = text.trim().split('\n')
      assert.equal(first.replace(/`<\w+>`$/, ''), `\`${status}\` ${message}`)
      for (const part of ['Means', 'Usually', 'Do']) assert.match(text, new RegExp(`^- \\*\\*${part}\\*\\*: `, 'm'))
    })
  }

  for (const { code, options, token, headers, outage } of REFUSALS) {
    test(`names the details of ${code}`, async (t) => {
      const issuer = await startIssuer(t)
      if (outage) issuer.setOutage(outage)
      const request = headers ? { headers: headers(issuer) } : bearer(token?.(issuer) ?? issuer.mint())
      const organizationId = code === 'wrong_organization' ? { organizationId: 'mine' } : {}
      const all = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, ...options, ...organizationId }
      const { details } = await refusal(verifyAuth(request, all))
      for (const name of Object.keys(details)) assert.ok(section(page, code)?.includes(`\`details.${name}\``), name)
    })
  }

  test('is what the declarations of AuthError lead to', () => {
    const comment = DECLARED.slice(0, DECLARED.indexOf('export class AuthError')).split('/**').at(-1)
    assert.match(String(comment), /docs\/errors\.md/)
  })
})

test('the page of Express shows what an answer is', async (t) => {
  const issuer = await startIssuer(t)
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE, requiredScope: 'read:orders' }
  const error = await refusal(verifyAuth(issuer.mint(), options))
  assert.deepEqual(JSON.parse(block('docs/express.md', 'json')), JSON.parse(answer(error).body))
})

test('the page of MCP shows what createResourceMetadata makes, and what a challenge says', async () => {
  const { document, url } = createResourceMetadata({
    resource: 'https://api.example.com/mcp',
    logtoUrl: 'https://auth.example.com',
    scopesSupported: ['read:orders'],
  })
  assert.deepEqual(JSON.parse(block('docs/mcp.md', 'json')), document)
  const options = { logtoUrl: 'https://auth.example.com', audience: AUDIENCE, resourceMetadata: url }
  const { wwwAuthenticate } = await refusal(verifyAuth({ headers: {} }, options))
  assert.equal(block('docs/mcp.md', 'http'), `WWW-Authenticate: ${wwwAuthenticate}\n`)
})

describe('the page of operating', () => {
  const page = read('docs/operating.md')

  test('shows every figure, and says of each what it is', async () => {
    const stats = createVerifier({ logtoUrl: 'https://auth.example.com', audience: AUDIENCE }).stats()
    const shown = JSON.parse(block('docs/operating.md', 'json'))
    for (const part of /** @type {const} */ (['tokens', 'jwks'])) {
      assert.deepEqual(Object.keys(shown[part]), Object.keys(stats[part]))
      for (const figure of Object.keys(stats[part])) assert.match(page, new RegExp(`^\\| \`.*\\b${figure}\``, 'm'))
    }
  })

  test('has every warning', () => {
    const warnings = readdirSync(join(ROOT, 'js'))
      .filter((name) => name.endsWith('.js'))
      .flatMap((name) => read(`js/${name}`).match(/LOGTO_AUTHKIT_\w+/g) ?? [])
    assert.deepEqual([...new Set(warnings)].sort(), [...new Set(page.match(/LOGTO_AUTHKIT_\w+/g))].sort())
  })
})

test('the page of design has every file on its map', () => {
  const words = block('docs/design.md', 'text').split(/[\s,/]+/)
  const files = ['src', 'js'].flatMap((folder) => readdirSync(join(ROOT, folder)))
  for (const name of new Set(files.map((file) => file.replace(/(\.d)?\.[jt]s$|\.rs$/, '')))) {
    assert.ok(words.includes(name) || (name.startsWith('next-') && words.includes('next-*')), name)
  }
})

test('the page of dependencies has every one, and no other', () => {
  const { devDependencies } = JSON.parse(read('package.json'))
  const named = rows(read('docs/dependencies.md')).flatMap(([names]) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
  )
  const crates = String(/\[dev-dependencies\]\n((?:.+\n)+)/.exec(read('Cargo.toml'))?.[1]).match(/^[\w-]+/gm) ?? []
  assert.deepEqual(named.sort(), [...Object.keys(devDependencies), ...crates].sort())
})
