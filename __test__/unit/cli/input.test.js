const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { after, before, describe, test } = require('node:test')
const { createTestIssuer } = require('logto-authkit/testing')
const { ROOT } = require('../../../scripts/addon')
const { cli } = require('../../support/cli')
const { temporaryFolder } = require('../../support/files')
const { AUDIENCE } = require('../../support/tokens')

let issuer
before(async () => {
  issuer = await createTestIssuer()
})
after(() => issuer.close())

const json = JSON.stringify
const folded = (token, separator) => token.replace(/(.{76})/g, `$1${separator}`)
/** Breaks every line as a terminal does. */
const wrapped = (text, width = 80) => text.replace(new RegExp(`(.{${width}})(?=.)`, 'g'), '$1\n')

/**
 * Texts that people paste, and where the token is in each text.
 *
 * @type {[string, (token: string) => string, string][]}
 */
const FORMS = [
  ['a token', (t) => t, 'the input'],
  ['a token after Bearer', (t) => `Bearer ${t}`, 'the input'],
  ['a token after a byte order mark', (t) => `\uFEFF${t}`, 'the input'],
  ['a token before a zero-width space', (t) => `${t}\u200B`, 'the input'],
  ['double quotes', (t) => `"${t}"`, 'the text in quotes'],
  ['single quotes and a comma', (t) => `'${t}',`, 'the text in quotes'],
  ['backticks', (t) => `\`${t}\``, 'the text in quotes'],
  ['a Markdown code block', (t) => `\`\`\`\n${t}\n\`\`\``, 'the text in quotes'],
  ['angle brackets', (t) => `<${t}>`, 'the text'],
  ['a folded token', (t) => folded(t, '\n'), 'several lines'],
  ['a folded and indented token', (t) => folded(t, '\r\n    '), 'several lines'],
  ['a wrapped header', (t) => wrapped(`Authorization: Bearer ${t}`), 'the Authorization header'],
  [
    'the wrapped request of curl -v',
    (t) => wrapped(`> GET / HTTP/1.1\n> Authorization: Bearer ${t}\n> Accept: */*\n>`),
    'the Authorization header',
  ],
  [
    'a header in a quoted mail',
    (t) => `> Authorization: Bearer\n> ${folded(t, '\n> ')}\n> Thanks`,
    'the Authorization header',
  ],
  ['a wrapped cookie', (t) => wrapped(`Cookie: theme=dark; logto_authtoken=${t}; a=b`), 'the Cookie header'],
  [
    'a wrapped curl command',
    (t) => wrapped(`curl -H "Authorization: Bearer ${t}" http://localhost:3000/me`),
    'the Authorization header of the curl command',
  ],
  ['a wrapped token response', (t) => wrapped(json({ access_token: t })), 'the member "access_token" of the JSON'],
  [
    'wrapped code',
    (t) => wrapped(`fetch('/', { headers: { authorization: 'Bearer ${t}' } })`),
    'the Authorization header in the code',
  ],
  ['a wrapped URL', (t) => wrapped(`https://app.example.com/callback#access_token=${t}&state=x`), '"access_token"'],
  [
    'names and values on separate lines, above a name with a digit',
    (t) => `authorization\nBearer ${t}\nx-b3-traceid\n80f198ee56343ba864fe8b2a57d3eff7`,
    'the Authorization header',
  ],
  ['a line above a date', (t) => `${t}\n2026-11-27`, 'the text'],
  ['a line above a trace id', (t) => `${t}\n80f198ee56343ba864fe8b2a57d3eff7`, 'the text'],
  [
    'a curl command with a break in Bearer',
    (t) => wrapped(`curl -H "Authorization: Bearer ${t}" http://localhost:3000/me`, 32),
    'the Authorization header of the curl command',
  ],
  [
    'a curl command with a break before the token',
    (t) => wrapped(`curl -H "Authorization: Bearer ${t}" http://localhost:3000/me`, 33),
    'the Authorization header of the curl command',
  ],
  [
    'a cookie with a break in its name',
    (t) => wrapped(`Cookie: theme=dark; logto_authtoken=${t}`, 28),
    'the Cookie header',
  ],
  [
    'a wrapped token response with several tokens',
    (t) => wrapped(json({ id_token: issuer.mint(), refresh_token: 'b8'.repeat(60), access_token: t })),
    'the member "access_token" of the JSON',
  ],
  [
    'a token response in a quoted mail',
    (t) => json({ access_token: t, id_token: issuer.mint() }, null, 2).replace(/^/gm, '> '),
    'the member "access_token" of the JSON',
  ],
  [
    'a token response without its end',
    (t) => json({ access_token: t, id_token: issuer.mint() }).slice(0, -50),
    'the member "access_token" of the JSON',
  ],
  ['a header above another token', (t) => `Authorization: Bearer ${t}\n${issuer.mint()}`, 'the Authorization header'],
  ['a variable above a secret', (t) => `TOKEN=${t}\nCookieSecretAbc12345678901234`, '"TOKEN"'],
  ['a token above a file name', (t) => `${t}\nIMG_2024Screenshot1234567.png`, 'the text'],
  ['a token with one character per line', (t) => t.split('').join('\n'), 'several lines'],
  ['quoted-printable text', (t) => folded(`Authorization: Bearer ${t}`, '=\n'), 'the Authorization header'],
  [
    'a folded value below its name',
    (t) => `authorization:\n  Bearer\n  ${folded(t, '\n  ')}`,
    'the Authorization header',
  ],
  ['a parameter with Bearer', (t) => `https://a.test/?token=Bearer%20${t}`, '"token"'],
  ['the same token twice', (t) => `${t}\n${t}`, 'the text'],
  ['a token above an opaque token', (t) => `${t}\n${'aB3'.repeat(14)}x`, 'the text'],
  [
    'headers printed by Node.js',
    (t) => `{\n  host: 'a',\n  authorization: 'Bearer ${t}',\n}`,
    'the Authorization header',
  ],
  ['a cookie printed by Node.js', (t) => `  cookie: "a=b; logto_authtoken=${t}"`, 'the Cookie header'],
  ['no-break spaces', (t) => `Authorization:\u00A0Bearer\u00A0${t}`, 'the Authorization header'],
  ['soft hyphens', (t) => folded(t, '\u00AD'), 'the input'],
  [
    'curl with an escaped line break in quotes',
    (t) => `curl -H "Authorization: Bearer ${folded(t, '\\\n')}" \\\n  http://a`,
    'the Authorization header of the curl command',
  ],
  ['percent-encoding', (t) => encodeURIComponent(`Bearer ${t}`), 'the percent-encoded text'],
  ['percent-encoded dots', (t) => t.replaceAll('.', '%2E'), 'the percent-encoded text'],
  ['a sentence', (t) => `My token is ${t} and it fails.`, 'the text'],
  ['the end of a sentence', (t) => `My token is ${t}.`, 'the text'],
  ['a URL at the end of a sentence', (t) => `See http://a.test/?token=${t}.`, '"token"'],
  ['a token with a period', (t) => `${t}.`, 'the text'],
  ['a line of a log', (t) => `[12:00] token=${t} status=401`, '"token"'],
  ['a header', (t) => `Authorization: Bearer ${t}`, 'the Authorization header'],
  ['a folded header', (t) => `Authorization: Bearer ${folded(t, '\r\n  ')}`, 'the Authorization header'],
  ['a header that is folded after Bearer', (t) => `Authorization: Bearer\r\n ${t}`, 'the Authorization header'],
  [
    'a header that is folded after Bearer and in the token',
    (t) => `> Authorization: Bearer\n  ${folded(t, '\n  ')}\n> Accept: */*`,
    'the Authorization header',
  ],
  ['a cookie below an empty Bearer', (t) => `Authorization: Bearer\nCookie:logto_authtoken=${t}`, 'the Cookie header'],
  ['a cookie beside an empty parameter', (t) => `csrf_token=; session=${t}`, 'the text'],
  ['a URL with an empty parameter', (t) => `https://app.test/cb?token=&session=${t}`, 'the text'],
  [
    'curl with a header name alone',
    (t) => `curl --oauth2-bearer ${t} -H Authorization http://a`,
    'the Authorization header of the curl command',
  ],
  ['a header with a line break after Bearer', (t) => `authorization: bearer\n${t}`, 'the Authorization header'],
  ['a header in double quotes', (t) => `"Authorization: Bearer ${t}"`, 'the Authorization header'],
  ['a header in single quotes', (t) => `'Authorization: Bearer ${t}',`, 'the Authorization header'],
  ['a Cookie header in quotes', (t) => `"Cookie: logto_authtoken=${t}"`, 'the Cookie header'],
  [
    'a curl command in quotes',
    (t) => `"curl http://a --oauth2-bearer ${t}"`,
    'the Authorization header of the curl command',
  ],
  ['JSON in a JSON string', (t) => json(json({ access_token: t })), 'the member "access_token" of the JSON'],
  ['a header whose value is on the next line', (t) => `authorization:\nBearer ${t}`, 'the Authorization header'],
  ['a header with an empty line in between', (t) => `authorization:\n\nBearer ${t}`, 'the Authorization header'],
  ['a header in YAML', (t) => `headers:\n  Authorization: >-\n    Bearer ${t}`, 'the Authorization header'],
  ['a header below an empty one', (t) => `Cookie:\nAuthorization: Bearer ${t}`, 'the Authorization header'],
  ['one of two headers', (t) => `Authorization: Bearer ${t}\nCookie: theme=dark`, 'the Authorization header'],
  [
    'the cookie and the header',
    (t) => `Authorization: Bearer ${t}\nCookie: logto_authtoken=${t}`,
    'the Authorization and Cookie headers',
  ],
  ['a text that repeats it', (t) => `${t} is ${t}`, 'the text'],
  ['the request of curl -v', (t) => `> GET / HTTP/1.1\r\n> Authorization: Bearer ${t}\r\n`, 'the Authorization header'],
  ['names and values on separate lines', (t) => `accept\n*/*\nauthorization\nBearer ${t}`, 'the Authorization header'],
  ['names and values separated by tabs', (t) => `accept\t*/*\ncookie\tlogto_authtoken=${t}`, 'the Cookie header'],
  [
    'the response of curl -v',
    (t) => `< HTTP/1.1 200 OK\n< set-cookie: logto_authtoken=${t}; Path=/`,
    'the Set-Cookie header',
  ],
  ['the value of Set-Cookie', (t) => `logto_authtoken=${t}; Path=/; HttpOnly; Secure`, 'the Set-Cookie header'],
  ['the name and value of a cookie', (t) => `logto_authtoken=${t}`, '"logto_authtoken"'],
  [
    'a curl command',
    (t) => `curl https://api.example.com -H 'Authorization: Bearer ${t}'`,
    'the Authorization header of the curl command',
  ],
  [
    'a curl command with a prompt and a pipe',
    (t) => `$ curl -s --header "authorization: bearer ${t}" http://a | jq`,
    'the Authorization header of the curl command',
  ],
  ['curl --oauth2-bearer', (t) => `curl --oauth2-bearer ${t} http://a`, 'the Authorization header of the curl command'],
  ['curl -b', (t) => `curl http://a -b 'theme=dark; logto_authtoken=${t}'`, 'the Cookie header of the curl command'],
  ['curl --cookie=', (t) => `curl --cookie=logto_authtoken=${t} http://a`, 'the Cookie header of the curl command'],
  [
    'curl -H together with -u',
    (t) => `curl -u user:password http://a -H 'authorization: Bearer ${t}'`,
    'the Authorization header of the curl command',
  ],
  ['curl with a token in the URL', (t) => `curl 'http://a/?access_token=${t}'`, '"access_token"'],
  [
    'Copy as cURL (bash)',
    (t) =>
      `curl 'http://a/me' \\\n  -H 'accept: */*' \\\n  -H $'x: it\\'s' \\\n  -H 'authorization: Bearer ${t}' \\\n  --compressed`,
    'the Authorization header of the curl command',
  ],
  [
    'Copy as cURL (cmd)',
    (t) => `curl ^"http://a/me^" ^\n  -H ^"sec-ch-ua: ^\\^"Chromium^\\^"^" ^\n  -H ^"authorization: Bearer ${t}^"`,
    'the Authorization header of the curl command',
  ],
  [
    'Copy as fetch',
    (t) => `fetch("http://a", {\n  "headers": {\n    "accept": "*/*",\n    "authorization": "Bearer ${t}"\n  }\n});`,
    'the Authorization header in the code',
  ],
  [
    'Copy as PowerShell',
    (t) => `Invoke-WebRequest -Uri "http://a" -Headers @{\n"accept"="*/*"\n  "authorization"="Bearer ${t}"\n}`,
    'the Authorization header in the code',
  ],
  [
    'a cookie of PowerShell',
    (t) => `$s.Cookies.Add((New-Object System.Net.Cookie("logto_authtoken", "${t}", "/", "a")))`,
    'the text',
  ],
  [
    'axios',
    (t) => `axios.get('/', { headers: { Authorization: \`Bearer ${t}\` } })`,
    'the Authorization header in the code',
  ],
  [
    'Python',
    (t) => `requests.get("/", headers={'Authorization': 'Bearer ${t}'})`,
    'the Authorization header in the code',
  ],
  ['HTTPie', (t) => `http GET http://a "Authorization:Bearer ${t}"`, 'the text'],
  [
    'a token response',
    (t) => json({ id_token: 'eyJ.x.y', access_token: t, expires_in: 3600 }),
    'the member "access_token" of the JSON',
  ],
  ['JSON with accessToken', (t) => json({ accessToken: t }, null), 'the member "accessToken" of the JSON'],
  ['nested JSON', (t) => json({ data: [{ token: t }] }), 'the member "token" of the JSON'],
  [
    'headers in JSON',
    (t) => json({ headers: { authorization: `Bearer ${t}` } }),
    'the header "authorization" in the JSON',
  ],
  [
    'a HAR file',
    (t) => json({ log: { entries: [{ request: { headers: [{ name: 'Cookie', value: `logto_authtoken=${t}` }] } }] } }),
    'the header "Cookie" in the JSON',
  ],
  ['a JSON string', (t) => json(t), 'the text in quotes'],
  ['an object in a log of Node.js', (t) => `{ accessToken: '${t}', tokenType: 'Bearer' }`, 'the text'],
  ['a URL', (t) => `https://app.example.com/callback?access_token=${t}&state=x`, '"access_token"'],
  ['the fragment of a URL', (t) => `https://app.example.com/#access_token=${t}`, '"access_token"'],
  ['a WebSocket URL', (t) => `wss://api.example.com/socket?token=${t}`, '"token"'],
  ['a form', (t) => `grant_type=x&access_token=${t}&token_type=Bearer`, '"access_token"'],
  ['an environment variable', (t) => `TOKEN=${t}`, '"TOKEN"'],
  ['an exported variable', (t) => `export ACCESS_TOKEN="${t}"`, '"ACCESS_TOKEN"'],
  ['YAML', (t) => `access_token: ${t}`, 'the text'],
]

describe('a token is found in', () => {
  for (const [name, form, foundIn] of FORMS) {
    test(name, async () => {
      const result = await explain(form(issuer.mint({ sub: 'alice' })))
      assert.deepEqual([result.verdict, result.foundIn], ['accepted', foundIn])
      assert.equal(result.claims.sub, 'alice')
    })
  }
})

test('the scope that a pasted response requires is named', async () => {
  const hintsOf = async (response) =>
    (await explain(`> GET / HTTP/1.1\n> Authorization: Bearer ${issuer.mint()}\n>\n< HTTP/1.1 403\n< ${response}`))
      .hints
  const challenge = 'WWW-Authenticate: Bearer realm="api", error="insufficient_scope", scope="write:orders"'
  assert.match(
    (await hintsOf(challenge)).join('\n'),
    /lacks the scope write:orders\. .* run explain with --scope "write:orders"/,
  )
  for (const other of ['Vary: Cookie', 'WWW-Authenticate: Bearer error="insufficient_scope", scope="\u0007"'])
    assert.doesNotMatch((await hintsOf(other)).join('\n'), /lacks the scope/)
})

test('a token in a URL causes a hint, unless the application reads it there', async (t) => {
  const hintsOf = async (form, options) => (await explain(form(issuer.mint()), options)).hints.join()
  const says = /it does not read tokens from URLs.*Authorization: Bearer.*"access_token".*getToken/
  for (const form of [
    (token) => `curl 'http://localhost:3000/me?access_token=${token}'`,
    (token) => `http://localhost:3000/me?a=b&access_token=${token}`,
    (token) => `https://app.example.com/#access_token=${token}`,
  ])
    assert.match(await hintsOf(form), says)
  for (const form of [(token) => `a=b&access_token=${token}`, (token) => `ACCESS_TOKEN=${token}`])
    assert.doesNotMatch(await hintsOf(form), /tokens from URLs/)
  const { save } = temporaryFolder(t)
  const options = ['--options', save('options.mjs', 'export const options = { getToken: () => null }')]
  assert.doesNotMatch(await hintsOf((token) => `http://a/?access_token=${token}`, options), /tokens from URLs/)
})

test('a token is joined at every width of a terminal, but only if it is whole', async (t) => {
  const { findToken } = require('../../../js/cli/input')
  for (const alg of /** @type {const} */ (['ES384', 'RS256', 'ES256'])) {
    const signer = await createTestIssuer({ alg })
    t.after(() => signer.close())
    const token = signer.mint()
    for (let width = 40; width < 400; width += 1) {
      assert.equal(findToken(wrapped(token, width)).token, token)
      const { authorization } = findToken(wrapped(`Authorization: Bearer ${token}`, width))
      assert.deepEqual(authorization, [`Bearer ${token}`])
    }
    const names = `authorization\nBearer ${token.slice(0, -40)}\ncache-control\nno-cache\norigin`
    assert.deepEqual(findToken(names).authorization, [`Bearer ${token.slice(0, -40)}`])
  }
  const shortened = findToken('authorization\nBearer eyJhbGciOi...\norigin\nhttps://a.example.com')
  assert.deepEqual(shortened.authorization, ['Bearer eyJhbGciOi...'])
})

test('a token in another part of a request causes a hint', async () => {
  const token = issuer.mint()
  for (const [text, place] of [
    [`curl http://a -H 'X-Token: ${token}'`, 'the header "X-Token"'],
    [`curl http://a -H 'Token: Bearer ${token}'`, 'the header "Token"'],
    [`GET / HTTP/1.1\nToken: ${token}\nHost: a`, 'the header "Token"'],
    [`Authorisation: Bearer ${token}`, 'the header "Authorisation"'],
    [`Proxy-Authorization: Bearer ${token}`, 'the header "Proxy-Authorization"'],
    [`curl http://a -d access_token=${token}`, 'bodies'],
    [`curl http://a --json '{"token":"${token}"}'`, 'this place'],
  ]) {
    const { isRead, hints } = await explain(text)
    assert.equal(isRead, false, text)
    assert.match(hints[0], new RegExp(`^The server would respond with 401 .* not read tokens from ${place}\\. Send`))
  }
  for (const text of [`token: ${token}`, `Token: ${token}`]) assert.equal((await explain(text)).isRead, true)
})

test('the verdict on a token in a URL says that the server does not accept the request', async () => {
  const options = ['--url', issuer.logtoUrl, '--audience', AUDIENCE]
  const firstLine = async (token) => {
    const { stdout } = await cli(['explain', '-', ...options], { stdin: `https://api.test/?access_token=${token}` })
    return stdout.split('\n')[0]
  }
  const { code } = await cli(['explain', `wss://a.test/?token=${issuer.mint()}`, ...options])
  assert.equal(code, 1)
  assert.equal(await firstLine(issuer.mint()), '! The token is valid, but the server does not find it')
  assert.match(await firstLine(issuer.mint({ expiresIn: -600 })), /^✗ Rejected: token_expired/)
})

test('a parameter without a value is not a token, unless another one has a value', async () => {
  for (const text of ['logout_token=', 'https://api.test/?access_token=&a=b', 'TOKEN=""', 'curl "http://a/?token="']) {
    const { code, hints } = await explain(text)
    assert.equal(code, 'missing_token', text)
    assert.match(hints[0], /^"(logout_token|access_token|TOKEN|token)" has no value\.$/)
  }
  assert.equal((await explain(`refresh_token=&access_token=${issuer.mint()}`)).verdict, 'accepted')
})

test('the words of an Authorization header may be separate arguments', async () => {
  const { code } = await cli(['explain', 'Bearer', issuer.mint(), '--url', issuer.logtoUrl, '--audience', AUDIENCE])
  assert.equal(code, 0)
})

test('the verdict says if the audience is not checked', async () => {
  const { stdout, code } = await cli(['explain', issuer.mint(), '--url', issuer.logtoUrl])
  assert.deepEqual([stdout.split('\n')[0], code], ['! Accepted, but for any audience', 0])
})

test('the advice for an ID token does not name the client id as an API', async () => {
  const options = {
    header: { typ: 'JWT' },
    audience: 'my-app',
    clientId: undefined,
    claims: { scope: undefined, client_id: undefined },
  }
  const token = issuer.mint(options)
  const { stdout } = await cli(['explain', token, '--url', issuer.logtoUrl, '--audience', 'my-app'], { columns: 200 })
  assert.match(stdout.replace(/\s+/g, ' '), /getAccessToken\("https:\/\/your-api"\), not getIdToken\(\)/)
})

test('a client id as the audience is recognized', async () => {
  const { client_id } = (await explain(issuer.mint())).claims
  const args = ['explain', issuer.mint(), '--url', issuer.logtoUrl, '--audience', client_id]
  const { stdout } = await cli(args, { columns: 200 })
  assert.match(stdout, /is the id of the client, not of an API resource: set audience:\s+"https:\/\/api\.example\.com"/)
})

test('of several tokens in a text, the first access token is explained, and a note says so', async () => {
  const idToken = issuer.mint({ header: { typ: 'JWT' } })
  for (const [text, note] of /** @type {[string, RegExp][]} */ ([
    [`old: ${idToken}\nnew: ${issuer.mint({ sub: 'alice' })}`, /2 tokens, of which this is the first access token\./],
    [`${issuer.mint({ sub: 'alice' })}\n${issuer.mint()}\n${idToken}`, /3 tokens, of which this is the first access/],
  ])) {
    const { claims, hints } = await explain(text)
    assert.equal(claims.sub, 'alice')
    assert.match(hints[0], note)
  }
  const { code, hints } = await explain(`${idToken} ${idToken.replace(/.$/, 'A')}x`)
  assert.notEqual(code, null)
  assert.match(hints[0], /of which this is the first\. To explain another/)
})

test('a note says what happened to a token before it was pasted', async () => {
  const [token, other] = [issuer.mint({ sub: 'one' }), issuer.mint()]
  for (const [text, note] of /** @type {[string, RegExp][]} */ ([
    ['{"req":{"headers":{"authorization":"[Redacted]"}}}', /^A log or a tool has removed the token/],
    ['Authorization: Bearer eyJhbGciOiJF**********', /^A log or a tool has removed the token/],
    [`Authorization: Bearer ${token.slice(0, 40)} [...] ${token.slice(-20)}`, /^The token contains an ellipsis/],
    [json({ log: { entries: [{ request: { headers: [] } }] } }), /^The HAR file contains neither .*Copy as cURL/],
    [
      `curl http://a -H 'Authorization: Bearer ${token}'\ncurl http://a -H 'Authorization: Bearer ${other}'`,
      /^Only the first of the curl commands was read\./,
    ],
    [`Authorization: Bearer ${token}\nAuthorization: Bearer ${other}`, /two `Authorization` headers\. Remove the one/],
  ]))
    assert.match((await explain(text)).hints[0], note)
})

test('a note says that invisible characters were ignored', async () => {
  for (const text of [`${issuer.mint()}\u200B`, `Bearer\u00A0${issuer.mint()}`])
    assert.match((await explain(text)).hints[0], /invisible characters or unusual spaces/)
  assert.doesNotMatch((await explain(`\uFEFF${issuer.mint()}`)).hints.join(), /invisible/)
})

test('the output names the header that was used if the other contains a different token', async () => {
  const [one, other] = [issuer.mint({ sub: 'one' }), issuer.mint({ sub: 'other' })]
  const both = `Authorization: Bearer ${one}\nCookie: logto_authtoken=${other}`
  const cookie = await explain(both)
  assert.deepEqual([cookie.claims.sub, cookie.foundIn], ['other', 'the Cookie header'])
  assert.match(cookie.hints[0], /^The Authorization header contains a different token\..* order: cookie, header\.$/)
  const header = await explain(both.replace(other, issuer.mint({ expiresIn: -1 })))
  assert.deepEqual([header.claims.sub, header.foundIn], ['one', 'the Authorization header'])
  assert.match(header.hints[0], /^The Cookie header contains a different token\./)
})

test('an encrypted token is malformed, as in the library', async () => {
  const part = (value) => Buffer.from(json(value)).toString('base64url')
  const [header, other] = [part({ alg: 'RSA-OAEP', enc: 'A256GCM' }), part({ a: 1 })]
  for (const token of [
    [header, other, other, other, other],
    [part({ alg: 'dir' }), '', other, other, other],
  ]) {
    const { code, details } = await explain(token.join('.'))
    assert.deepEqual([code, details.reason], ['malformed_token', 'encrypted'])
  }
})

describe('no token is found in', () => {
  const NOT_FOUND = /^No token was found in the input\./
  /** @type {[string, string, RegExp][]} */
  const TEXTS = [
    ['empty input', '', /^The input is empty\./],
    ['a sentence', 'hello world', NOT_FOUND],
    ['binary data', '\uFFFDPNG\r\n\x1A\n\0\0', NOT_FOUND],
    ['JSON without a token', '{"error":"Authentication required"}', NOT_FOUND],
    [
      'a curl command',
      'curl http://a/me',
      /^The curl command has neither .* add -H "Authorization: Bearer \$TOKEN"\.$/,
    ],
    [
      'a curl command with headers',
      'curl http://a/me -H "accept: */*" --cookie-jar c',
      /^The curl command has neither/,
    ],
    ['a fetch call', 'fetch("http://a", { "headers": { "accept": "*/*" } })', /^The code has neither/],
    ['request headers', 'GET /me HTTP/1.1\nHost: a', /^The request has neither .* add the header `Authorization: /],
    ['Bearer at the end of a line', 'Authorization: Bearer\nHost:a', /after "Bearer"|Bearer/],
    [
      'the request of curl -v without a token',
      '> Authorization: Bearer \n> \n< HTTP/1.1 401',
      /contains `Bearer` but no token/,
    ],
    ['a URL', 'http://localhost:3000/me?access_token', NOT_FOUND],
    ['an empty Bearer and a body', 'Authorization: Bearer\r\n\r\n{}', /contains `Bearer` but no token/],
    ['curl that removes the header', "curl -u a:b -H 'Authorization;' http://a", /neither an `Authorization` header/],
    [
      'curl with a password',
      'curl -u user:password http://a',
      /has the scheme `Basic`\. The library reads only `Bearer`/,
    ],
    ['a header without a scheme', 'Authorization: eyJhbGciOi', /contains only a token or a word\. Write `Bearer `/],
    [
      'the decoded claims',
      json({ iss: 'https://t.logto.app/oidc', sub: 'alice' }),
      /decoded claims of a token\. Paste the token/,
    ],
    [
      'the response to a rejected request',
      json({ error: 'Authentication failed', code: 'invalid_audience', message: 'a' }),
      /^The input is the response invalid_audience, which .*errors\.md explains\. Paste the request or its token\.$/,
    ],
    ['decoded claims without an issuer', json({ sub: 'alice', exp: 1 }), /decoded claims of a token/],
    ['an object', json({ issuer: 'https://t.logto.app/oidc' }), /^No token was found in the input/],
    ["the session of Logto's SDK", 'Cookie: a=b; logto_my-app=x', /"logto_my-app" contains the session of Logto's SDK/],
  ]
  for (const [name, text, hint] of TEXTS) {
    test(name, async () => {
      const { code, hints } = await explain(text)
      assert.equal(code, 'missing_token')
      assert.match(hints[0], hint)
    })
  }

  test('the headers that the library reads, although the input contains one', async () => {
    const { code, hints } = await explain(`Cookie: theme=dark\nX-Token: ${issuer.mint()}`)
    assert.equal(code, 'missing_token')
    assert.match(hints[0], /^The input contains a JWT, but neither after `Bearer` in the Authorization header nor/)
  })
})

test('a megabyte of any character is read in linear time', () => {
  const read = `for (const [start, character, end] of ${json([
    ['Authorization: bearer', '\n', 'x y'],
    ['curl ', ' ', '!'],
    ['', '<', ''],
    ['', '"', '; path=/'],
    ['', `"'`, 'x'],
    ['', '?', ' token=abc'],
  ])}) require('./js/cli/input').findToken(start + character.repeat(1_000_000) + end)`
  // In quadratic time, each of these texts would take minutes.
  const { status, signal } = spawnSync(process.execPath, ['-e', read], { cwd: ROOT, timeout: 30_000 })
  assert.deepEqual([status, signal], [0, null])
})

test('the output says where the token was, unless the input is the token', async () => {
  const { stdout } = await cli(['explain', '-'], { stdin: `curl http://a --oauth2-bearer ${issuer.mint()}` })
  assert.match(stdout, /\nThe token was found in the Authorization header of the curl command\.\n/)
  const plain = await cli(['explain', '-'], { stdin: issuer.mint() })
  assert.doesNotMatch(plain.stdout, /was found/)
})

describe('the hint identifies', () => {
  /** @type {[string, () => string, string, RegExp][]} */
  const KINDS = [
    ['a personal access token', () => 'pat_3q2Fz8kd', 'opaque_token', /personal access token. Exchange it/],
    [
      'a token without its start',
      () => issuer.mint().slice(4),
      'malformed_token',
      /The start of the token is probably missing/,
    ],
    ['a shortened token', () => `${issuer.mint().slice(0, 40)}…`, 'malformed_token', /shortened it/],
    [
      'a token with an ellipsis',
      () => issuer.mint().replace(/(?<=\..{20}).{100}/, '...'),
      'malformed_token',
      /shortened it/,
    ],
    [
      'the payload of a token',
      () => issuer.mint().split('.')[1],
      'malformed_token',
      /^The input starts with the payload of a token\. Copy all three parts, with the dots between them\.$/,
    ],
    [
      'a token without its header',
      () => issuer.mint().split('.').slice(1).join('.'),
      'malformed_token',
      /^The input starts with the payload of a token/,
    ],
    [
      'a token without its signature',
      () => issuer.mint().split('.', 2).join('.'),
      'malformed_token',
      /was probably truncated/,
    ],
    [
      'a cookie under another name',
      () => `Cookie: session=${issuer.mint()}`,
      'missing_token',
      /set cookieName: "session"/,
    ],
    [
      'a token of another tenant in the cloud',
      () => issuer.mint({ header: { kid: 'other' }, claims: { iss: 'https://theirs.logto.app/oidc' } }),
      'unknown_key',
      /comes from another server or tenant[\s\S]*"theirs" is another tenant/,
    ],
  ]
  for (const [name, input, code, hint] of KINDS) {
    test(name, async () => {
      const result = await explain(input(), ['--issuer', 'https://mine.logto.app/oidc'])
      assert.equal(result.code, code)
      assert.match(result.hints.join('\n'), hint)
      assert.doesNotMatch(result.hints.join('\n'), /rotated twice/)
    })
  }
})

describe('a line that a terminal has probably cut off', () => {
  const HEADER = 'Authorization: Bearer '
  /** @type {[string, string, boolean, boolean][]} */
  const LINES = [
    ['a line of 4,095 bytes on a terminal causes a warning', HEADER.padEnd(4095, 'a'), true, true],
    ['a later line causes a warning', `GET / HTTP/1.1\n${HEADER.padEnd(4095, 'a')}\n`, true, true],
    ['bytes count, not characters', 'ä'.repeat(2048), true, true],
    ['shorter lines cause no warning', `${'a'.repeat(4094)}\n${'a'.repeat(4094)}\n`, true, false],
    ['a file causes no warning', HEADER.padEnd(4095, 'a'), false, false],
  ]
  for (const [name, stdin, isTTY, isWarning] of LINES) {
    test(name, async () => {
      const { stderr } = await cli(['explain'], { stdin, isTTY })
      assert.equal(/cut off.*\n.*npx logto-authkit explain - < file\n/.test(stderr), isWarning, stderr)
    })
  }
})

describe('a curl command as arguments', () => {
  const HEADER = ['-H', 'Authorization: Bearer secret']
  for (const args of [
    ['curl', 'localhost:3000/orders', ...HEADER],
    ['--url', 'https://auth.example.com', 'curl', ...HEADER, 'localhost:3000/orders'],
    [...HEADER, 'curl', 'localhost:3000/orders'],
    ['curl', 'localhost:3000/orders'],
  ]) {
    test(`${args.join(' ')} is a usage error that says how to paste the command`, async () => {
      const { code, stderr } = await cli(['explain', ...args])
      assert.equal(code, 2)
      assert.match(stderr, /curl command.*`npx logto-authkit explain -`.*paste/)
      assert.doesNotMatch(stderr, /secret/)
    })
  }

  test('in quotes is explained, and other words and options get their own error', async () => {
    const quoted = await cli(['explain', `curl http://a -H 'Authorization: Bearer ${issuer.mint()}'`])
    assert.equal(quoted.code, 3)
    const role = await cli(['explain', '--role', 'curl'], { stdin: issuer.mint() })
    assert.equal(role.code, 1)
    assert.match((await cli(['explain', '-H', 'x'])).stderr, /^Unknown option '-H'/)
  })
})

async function explain(input, options = []) {
  const args = ['explain', '-', '--json', '--url', issuer.logtoUrl, '--audience', AUDIENCE, ...options]
  const { stdout } = await cli(args, { stdin: input })
  return JSON.parse(stdout)
}
