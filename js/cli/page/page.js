/** The page's buttons. */

const $ = (selector) => document.querySelector(selector)

/** What is asked of the issuer, by kind of token. */
const REQUESTS = {
  user: ({ sub, clientId, audience, ...rest }) => ({ sub, clientId, audience, ...rest }),
  machine: ({ clientId, audience, ...rest }) => ({ sub: clientId, clientId, audience, ...rest }),
  resource: ({ organizationId, ...rest }) => ({ organizationId, ...rest }),
  organization: ({ organizationId, audience: _, ...rest }) => ({
    audience: `urn:logto:organization:${organizationId}`,
    ...rest,
  }),
  id: ({ sub, clientId, expiresIn }) => ({ kind: 'id', sub, clientId, expiresIn }),
  opaque: () => ({ kind: 'opaque' }),
}

let state

$('#mint').addEventListener('submit', async (event) => {
  event.preventDefault()
  const { kind, ...fields } = Object.fromEntries(new FormData(event.target))
  const shown = Object.fromEntries(Object.entries(fields).filter(([name, value]) => isShown(name) && value !== ''))
  const wanted = REQUESTS[kind](shown)
  if (wanted.expiresIn) wanted.expiresIn = Number(wanted.expiresIn)
  const made = await post('/api/tokens', wanted)
  if (made) show(made, wanted)
})

$('[name=kind]').addEventListener('change', showFields)

$('#rotate').addEventListener('submit', async (event) => {
  event.preventDefault()
  const keepPrevious = event.target.elements.keepPrevious.checked
  render(await post('/api/rotation', { alg: event.target.elements.alg.value, keepPrevious }))
})

$('#outage').addEventListener('click', async ({ target }) => {
  if (target.dataset.mode !== undefined) render(await post('/api/outage', { mode: target.dataset.mode || null }))
})

document.addEventListener('click', async ({ target }) => {
  if (!target.dataset.copy) return
  await navigator.clipboard.writeText($(`#${target.dataset.copy}`).textContent)
  target.textContent = 'Copied'
  setTimeout(() => {
    target.textContent = 'Copy'
  }, 1500)
})

function isShown(name) {
  return !$(`#mint [name=${name}]`).closest('label').hidden
}

function showFields() {
  const kind = $('[name=kind]').value
  for (const label of document.querySelectorAll('#mint [data-for]')) {
    label.hidden = !label.dataset.for.split(' ').includes(kind)
    // What is not shown must not keep the form from being sent.
    label.firstElementChild.disabled = label.hidden
  }
}

function show({ token, header, claims }, { audience, organizationId }) {
  $('#token').textContent = token
  $('#curl').textContent = `curl -H 'Authorization: Bearer ${token}' http://localhost:3000/`
  $('#options').textContent = [
    `logtoUrl: '${state.logtoUrl}',`,
    `audience: ${quoted(audience ?? 'https://api.example.com')},`,
    ...(organizationId ? [`organizationId: ${quoted(organizationId)},`] : []),
  ].join('\n')
  $('#claims').textContent = claims
    ? JSON.stringify({ header, claims }, null, 2)
    : 'Nothing: it is a reference that only Logto understands.'
  $('#result').hidden = false
}

const quoted = (text) => `'${text.replace(/[\\']/g, '\\$&')}'`

function render(next) {
  if (!next) return
  state = next
  $('#logto-url').textContent = state.logtoUrl
  $('#key').textContent = `${state.key.alg} ${state.key.kid}`
  $('#fetches').textContent = state.jwksRequests
  $('#health').textContent = state.outage ? `outage: ${state.outage}` : 'working'
  $('#health').classList.toggle('bad', state.outage !== null)
  for (const button of document.querySelectorAll('[data-mode]')) {
    button.setAttribute('aria-pressed', String(button.dataset.mode === (state.outage ?? '')))
  }
}

async function post(path, body) {
  return ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
}

async function ask(path, options) {
  const problem = $('#problem')
  problem.hidden = true
  try {
    const response = await fetch(path, options)
    const answer = await response.json()
    if (response.ok) return answer
    problem.textContent = answer.error
  } catch {
    problem.textContent = 'The issuer has been stopped.'
  }
  problem.hidden = false
  return null
}

showFields()
const refresh = async () => render(await ask('/api/state'))
refresh()
setInterval(() => document.visibilityState === 'visible' && refresh(), 3000)
