const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { existsSync, readdirSync } = require('node:fs')
const { join } = require('node:path')
const { after, describe, test } = require('node:test')
const { cli } = require('../support/cli')
const { temporaryFolder } = require('../support/files')
const { PAGES, ROOT, blocks, read } = require('../support/pages')
const { checkTypes } = require('../support/typescript')

/** Code that is compiled or run. Every block is either identical to an example or a complete module. */
const CODE = ['js', 'ts', 'tsx']

/** The package's entry points, for the Next.js example, which is a separate package. */
const ENTRIES = Object.fromEntries(
  Object.entries(require('../../package.json').exports).flatMap(([path, entry]) =>
    typeof entry === 'string'
      ? []
      : [
          [
            join('logto-authkit', path),
            [join(ROOT, path === '.' ? 'index.d.ts' : entry.default.replace(/\.js$/, '.d.ts'))],
          ],
        ],
  ),
)

test('every code block that names an example is identical to it', () => {
  const named = blocks([...PAGES, 'README.md']).filter(({ example }) => example !== undefined)
  assert.ok(named.length > 20)
  for (const { example, code, page } of named) assert.equal(code, read(String(example)), `${page}: ${example}`)
})

describe('every other block of code', () => {
  const { save } = temporaryFolder({ after }, join(ROOT, 'examples/.docs-'))

  function compile(modules, examples = []) {
    for (const { name, code } of modules) save(name, code)
    const files = [...modules.map(({ name }) => name), ...examples.map((path) => join(ROOT, path))]
    const paths = { '@/*': ['../next/*', '../recipes/next-client/*', '../recipes/next-mcp/*'], ...ENTRIES }
    return checkTypes(save, files, { allowJs: true, checkJs: true, jsx: 'preserve', paths })
  }

  test('compiles, with TypeScript, and so do the examples in it', { timeout: 600_000 }, () => {
    const all = blocks(PAGES).filter(({ language }) => CODE.includes(language))
    const modules = all
      .filter(({ example }) => example === undefined)
      .map(({ page, line, language, code }) => ({ name: `${page.replace(/\W/g, '-')}-${line}.${language}`, code }))
    assert.ok(modules.length > 12)
    const examples = all.flatMap(({ example }) =>
      example?.endsWith('.ts') || example?.endsWith('.tsx') ? [example] : [],
    )
    assert.ok(examples.length > 4)
    // A page may register types for a whole program. Apollo Server and GraphQL Yoga declare the same property with
    // different types, and Logto's SDKs declare `req.user` of Express.
    const programOf = (path) => {
      if (!path.startsWith('examples/recipes/')) return 0
      return path.endsWith('/local-user.ts') ? 3 : path.endsWith('/apollo-server.ts') ? 2 : 1
    }
    for (const program of [0, 1, 2, 3]) {
      const files = examples.filter((path) => programOf(path) === program)
      assert.deepEqual(compile(program === 0 ? [...modules, ...templates()] : [], files), { status: 0, stdout: '' })
    }
  })

  /** The files that `init` creates, as TypeScript. */
  const templates = () =>
    readdirSync(join(ROOT, 'js/cli/templates')).map((name) => ({
      name: `init-${name.replace('.mjs', '.ts')}`,
      code: read(`js/cli/templates/${name}`),
    }))

  test('would be found if it were wrong', { timeout: 600_000 }, () => {
    const code =
      "import { createVerifier } from 'logto-authkit'\ncreateVerifier({ logtoURL: 'https://auth.example.com' })\n"
    assert.match(compile([{ name: 'wrong.ts', code }]).stdout, /wrong\.ts\(2,18\)[\s\S]*logtoURL/)
  })

  test('gets an instruction from the compiler if it uses guests without registering them', { timeout: 600_000 }, () => {
    const code = "import { logtoAuth } from 'logto-authkit/express'\nlogtoAuth({ allowGuest: true })\n"
    assert.match(
      compile([{ name: 'guests.ts', code }]).stdout,
      /'true' is not assignable[^\n]*"To use allowGuest here, add/,
    )
  })
})

test('every block has a language that these tests check', () => {
  // docs.test.js compares text and the output of programs.
  const known = [...CODE, 'sh', 'json', 'dockerfile', 'text', 'http', 'diff', 'console']
  for (const { page, line, language } of blocks([...PAGES, 'README.md'])) {
    assert.ok(known.includes(language), `${page}:${line}: ${language}`)
  }
  for (const page of PAGES) {
    assert.equal((read(page).match(/^```/gm) ?? []).length, 2 * blocks([page]).length, page)
  }
})

test('every JSON block contains valid JSON', () => {
  const json = blocks(PAGES).filter(({ language }) => language === 'json')
  assert.ok(json.length > 0)
  for (const { code } of json) assert.doesNotThrow(() => JSON.parse(code))
})

describe('every command', () => {
  const shell = blocks([
    ...PAGES,
    'README.md',
    'CONTRIBUTING.md',
    'examples/next/README.md',
    'examples/express/README.md',
  ])
    .filter(({ language }) => language === 'sh')
    .map((block) => ({ ...block, at: `${block.page}:${block.line}` }))
  const images = blocks(PAGES).filter(({ language }) => language === 'dockerfile')
  const manifest = require('../../package.json')

  test('has valid shell syntax', () => {
    assert.ok(shell.length > 15)
    for (const { code, at } of shell) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: code.replaceAll(/<\w+>/g, 'x'), encoding: 'utf8' })
      assert.deepEqual([status, stderr], [0, ''], at)
    }
  })

  test('exists, with its subcommand, its options and its files', async () => {
    for (const { code, at } of shell) for (const words of commands(code)) await check(words, at)
  })

  test('of a Dockerfile exists, and the image contains a supported Node.js', async () => {
    assert.ok(images.length > 0)
    for (const { code, page, line } of images) {
      for (const [, instruction, rest] of code.matchAll(/^(\S+) (.*)$/gm)) {
        const at = `${page}:${line}: ${instruction} ${rest}`
        if (instruction === 'RUN') for (const words of commands(rest)) await check(words, at)
        else if (instruction === 'FROM') assert.match(rest, /^node:(2[2-9])-(slim|alpine)( AS \w+)?$/, at)
        else if (instruction === 'CMD' || instruction === 'HEALTHCHECK')
          assert.equal(JSON.parse(rest.replace(/^CMD /, ''))[0], 'node', at)
        else assert.ok(['COPY', 'ENV', 'USER', 'WORKDIR'].includes(instruction), at)
      }
    }
  })

  /** The words of each simple command, without the variables that precede it. */
  const commands = (code) =>
    code
      .replaceAll(/\\\n/g, ' ')
      .replaceAll(/'[^']*'|"[^"]*"/g, 'x')
      .replaceAll(/#.*$/gm, '')
      .split(/\n|\||&&|\$\(|\)/)
      .map((command) =>
        command
          .replace(/<\w+>/g, 'x')
          .trim()
          .replace(/^(\w+=\S*\s*)+/, '')
          .split(/\s+/),
      )
      .filter(([first]) => first !== '')

  async function check([program, ...args], at) {
    const where = `${at}: ${[program, ...args].join(' ')}`
    // The page of CSRF protection reads the token from curl's cookie file.
    if (program === 'cut' || program === 'grep') return
    if (program === 'npm') return checkNpm(args, where)
    if (program === 'npx') return checkNpx(args, where)
    if (program === 'node') {
      const file = args.find((arg) => !arg.startsWith('-') && arg !== 'x')
      // The README calls its first block app.mjs, and readme.test.js starts that file. NestJS builds dist/main.js, and
      // pages create client.mjs and server.mjs.
      const isBuilt = ['app.mjs', 'client.mjs', 'dist/main.js', 'dist/server.cjs', 'server.mjs'].includes(String(file))
      return assert.ok(file === undefined || isBuilt || existsSync(join(ROOT, file)), where)
    }
    assert.ok(['curl', 'redis-server', 'sleep'].includes(program), where)
  }

  function checkNpm([command = '', ...args], where) {
    const help = spawnSync('npm', [command, '--help'], { encoding: 'utf8', shell: process.platform === 'win32' }).stdout
    if (command === 'run') return assert.ok(args[0] in manifest.scripts, where)
    if (command === 'test') return assert.ok('test' in manifest.scripts, where)
    assert.ok(['ci', 'install'].includes(command), where)
    for (const arg of args) {
      if (arg.startsWith('--')) assert.ok(help.includes(arg.split('=', 1)[0]), where)
      else assert.ok(arg === manifest.name || arg in manifest.devDependencies, where)
    }
  }

  async function checkNpx([tool = '', ...args], where) {
    if (tool === manifest.name) {
      const { code, stdout } = await cli([args[0], '--help'])
      assert.equal(code, 0, where)
      for (const flag of args.filter((arg) => arg.startsWith('--')))
        assert.match(stdout, new RegExp(`^ +${flag} `, 'm'))
    } else assert.ok(tool in manifest.devDependencies, where)
  }
})
