/** The defaults of `logto-authkit dev`, and the `Server` header that identifies its web page to `doctor`. */

/** Points an application at the local issuer. */
const DEV_ISSUER_ENV_VARIABLES = { LOGTO_URL: 'http://127.0.0.1:3001', LOGTO_AUDIENCE: 'https://api.example.com' }

/** The hostnames under which `dev` can be reached. */
const DEV_HOSTNAMES = ['127.0.0.1', 'localhost']

/** The URL of the route `/me` in an application that `init` creates. */
const DEFAULT_ME_URL = 'http://localhost:3000/me'

const DEFAULT_CLIENT_ID = 'my-app'
const DEFAULT_USER = 'alice'
const DEFAULT_ORGANIZATION = 'my-org'

/** The `Server` header of the web page of `logto-authkit dev`. */
const DEV_PAGE = 'logto-authkit dev'

module.exports = {
  DEFAULT_CLIENT_ID,
  DEFAULT_ME_URL,
  DEFAULT_ORGANIZATION,
  DEFAULT_USER,
  DEV_HOSTNAMES,
  DEV_ISSUER_ENV_VARIABLES,
  DEV_PAGE,
}
