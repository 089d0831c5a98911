/** The exchange of personal access tokens, as Logto adds it to `oidc-provider` (RFC 8693). */

const { join } = require('node:path')
const { EXAMPLES } = require('./start-example')

const { CLIENT_ID, CLIENT_SECRET, RESOURCES, startIdentityServer } = require(join(EXAMPLES, 'demo/identity-server'))

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const TOKEN_TYPE = 'urn:logto:token-type:personal_access_token'

/**
 * Starts an identity server whose client may exchange personal access tokens.
 *
 * @param {import('node:test').TestContext} t
 * @param {Record<string, string>} userIds - By personal access token.
 */
async function startTokenExchange(t, userIds) {
  const handle = async (context, provider) => {
    const { client, params } = context.oidc
    const accountId = userIds[params.subject_token]
    if (params.subject_token_type !== TOKEN_TYPE || accountId === undefined) {
      throw Object.assign(new Error('invalid_grant'), { statusCode: 400, expose: true })
    }
    const { scope, alg } = /** @type {any} */ (RESOURCES.get(params.resource))
    const granted = params.scope.split(' ').filter((wanted) => scope.split(' ').includes(wanted))
    const token = new provider.AccessToken({ client, accountId, gty: 'token_exchange', scope: granted.join(' ') })
    token.resourceServer = new provider.ResourceServer(params.resource, {
      scope,
      accessTokenFormat: 'jwt',
      jwt: { sign: { alg } },
    })
    context.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration }
  }
  const parameters = ['subject_token', 'subject_token_type', 'resource', 'scope']
  const server = await startIdentityServer({ [GRANT_TYPE]: { parameters, handle } })
  t.after(() => server.close())
  return { logtoUrl: server.logtoUrl, id: CLIENT_ID, secret: CLIENT_SECRET }
}

module.exports = { startTokenExchange }
