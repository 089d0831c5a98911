/** Recognizes the requests to `logto-authkit dev` that another site has caused a browser to send. */

const { DEV_HOSTNAMES } = require('./dev-defaults')

/**
 * Whether a request names this machine in its `Host` header. Prevents DNS rebinding, in which another site makes its
 * hostname resolve to this server.
 *
 * @param {import('node:http').IncomingMessage} request
 */
const isForDevHost = ({ headers }) => DEV_HOSTNAMES.includes(String(headers.host).replace(/:\d+$/, ''))

/**
 * Whether a request comes from a page of `dev` or from the user, and not from another site. Programs such as curl do
 * not send the header.
 *
 * @param {{ headers: import('node:http').IncomingHttpHeaders }} request
 */
const isOwnRequest = ({ headers }) => ['same-origin', 'none'].includes(String(headers['sec-fetch-site'] ?? 'none'))

module.exports = { isForDevHost, isOwnRequest }
