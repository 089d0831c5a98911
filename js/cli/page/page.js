/** Handles the page's events, and renders its content. */

const $ = (selector) => document.querySelector(selector)

/** The error code with which an API rejects each kind of token that is not an access token. */
const REJECTION_CODES = { id: 'invalid_token_type', opaque: 'opaque_token', personal: 'opaque_token' }

const OPAQUE_TOKEN_NOTES = {
  opaque: 'An opaque token has no readable content: only Logto can interpret it.',
  personal: 'A personal access token has no readable content: exchange it for an access token at Logto first.',
}

const NOT_RUNNING = 'The issuer is no longer running.'

let state

$('#mint').addEventListener('submit', async (event) => {
  event.preventDefault()
  const fields = [...new FormData(event.target)]
  const tokenRequest = Object.fromEntries(fields.filter(([name, value]) => isVisible(name) && value !== ''))
  if (tokenRequest.expiresIn) tokenRequest.expiresIn = Number(tokenRequest.expiresIn)
  const result = await post('/api/tokens', tokenRequest)
  if (result) showToken(result, tokenRequest)
})

$('[name=kind]').addEventListener('change', showFields)

$('#rotate').addEventListener('submit', async (event) => {
  event.preventDefault()
  const keepPrevious = event.target.elements.keepPrevious.checked
  render(await post('/api/rotation', { alg: event.target.elements.alg.value, keepPrevious }))
})

for (const name of ['logout', 'webhook']) {
  $(`#${name}`).addEventListener('submit', async (event) => {
    event.preventDefault()
    const result = await post(`/api/${name}`, Object.fromEntries(new FormData(event.target)))
    event.target.querySelector('output').textContent = result ? `Response: ${result.status} ${result.body}` : ''
  })
}

$('#outage').addEventListener('click', async ({ target }) => {
  if (target.dataset.mode !== undefined) render(await post('/api/outage', { mode: target.dataset.mode || null }))
})

document.addEventListener('click', ({ target }) => {
  if (target.dataset.scope !== undefined) $('[name=scope]').value = target.dataset.scope
})

document.addEventListener('click', async ({ target }) => {
  if (!target.dataset.copy) return
  await navigator.clipboard.writeText($(`#${target.dataset.copy}`).textContent)
  target.textContent = 'Copied'
  setTimeout(() => {
    target.textContent = 'Copy'
  }, 1500)
})

function isVisible(name) {
  return !$(`#mint [name=${name}]`).closest('label').hidden
}

function showFields() {
  const kind = $('[name=kind]').value
  for (const group of document.querySelectorAll('#mint [data-for]')) {
    group.hidden = !group.dataset.for.split(' ').includes(kind)
    // A hidden required field would prevent the form from being submitted.
    group.firstElementChild.disabled = group.hidden
  }
}

function showToken({ token, header, claims }, { kind, audience, organizationId }) {
  $('#token').textContent = token
  $('#curl').replaceChildren(...exampleRequests(token, kind, claims))
  $('#options').textContent = [
    `logtoUrl: '${state.logtoUrl}',`,
    `audience: ${quote(kind === 'organization' ? claims.aud : (audience ?? state.audience))},`,
    ...(kind === 'resource' ? [`organizationId: ${quote(organizationId)},`] : []),
  ].join('\n')
  $('#claims').textContent = claims ? JSON.stringify({ header, claims }, null, 2) : OPAQUE_TOKEN_NOTES[kind]
  $('#result').hidden = false
}

/**
 * Returns shell commands that send the token to the application. If the application has routes like those that
 * `logto-authkit init` creates, the commands send requests to these routes. The style sheet generates the text of the
 * expected responses, so that users do not copy this text together with the commands: an interactive zsh would run it.
 */
function exampleRequests(token, kind, claims) {
  const { url, me, orders, allowsGuests } = state.routes
  const send = (route) => `curl -iw '\\n' ${route} -H "Authorization: Bearer $TOKEN"\n`
  const expected = (response) => {
    const line = document.createElement('span')
    line.dataset.response = response
    return line
  }
  if (me === null) return [`TOKEN='${token}'\n`, send(url)]
  const rejection = REJECTION_CODES[kind] ?? (claims.exp * 1000 <= Date.now() ? 'token_expired' : null)
  const guest = allowsGuests ? '200 as a guest, or ' : ''
  const isPermitted = claims?.scope?.split(' ').includes('read:orders')
  return [
    expected(`${guest}401: missing_token`),
    `curl -iw '\\n' ${me}\n`,
    `TOKEN='${token}'\n`,
    expected(rejection ? `${guest}401: ${rejection}` : '200'),
    send(me),
    ...(rejection || orders === null
      ? []
      : [expected(isPermitted ? '200' : '403: missing_scope (requires read:orders)'), send(orders)]),
  ]
}

const quote = (text) => `'${text.replace(/[\\']/g, '\\$&')}'`

function render(newState) {
  if (!newState) return
  state = newState
  $('#logto-url').textContent = state.logtoUrl
  $('#port-hint').hidden = state.routes.portNote === ''
  $('#next-hint').hidden = state.routes.application !== 'unknown'
  $('#key').textContent = `${state.key.alg} ${state.key.kid}`
  $('#fetches').textContent = state.jwksRequests
  $('#health').textContent = state.outage ? `outage: ${$(`[data-mode=${state.outage}]`).textContent}` : 'running'
  $('#health').classList.toggle('bad', state.outage !== null)
  for (const button of document.querySelectorAll('[data-mode]')) {
    button.setAttribute('aria-pressed', String(button.dataset.mode === (state.outage ?? '')))
  }
}

async function post(path, body) {
  return fetchJson(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
}

async function fetchJson(path, options) {
  const problem = $('#problem')
  // The page requests the state every few seconds, which must not hide the problem with the last action.
  if (options !== undefined || problem.textContent === NOT_RUNNING) problem.hidden = true
  try {
    const response = await fetch(path, options)
    const body = await response.json()
    if (response.ok) return body
    problem.textContent = body.error
  } catch {
    problem.textContent = NOT_RUNNING
  }
  problem.hidden = false
  return null
}

/**
 * Fills in the settings of the application in the folder in which `logto-authkit dev` was started: the audience, and the
 * URLs to which the page sends logout tokens and webhooks.
 */
function fillApplicationSettings() {
  const { origin } = new URL(state.routes.url)
  $('[name=audience]').value = state.audience
  const lifetimes = $('[name=expiresIn]')
  if (![...lifetimes.options].some(({ value }) => value === String(state.tokenLifetime)))
    lifetimes.prepend(new Option(`in ${state.tokenLifetime} seconds`, state.tokenLifetime))
  lifetimes.value = state.tokenLifetime
  for (const input of document.querySelectorAll('[name=url]')) input.value = origin + new URL(input.value).pathname
}

showFields()
const refresh = async () => render(await fetchJson('/api/state'))
refresh().then(() => state && fillApplicationSettings())
setInterval(() => document.visibilityState === 'visible' && refresh(), 3000)
