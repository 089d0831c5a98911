/** Helpers for unit tests of `authProxy`, which run without a Next.js server. */

const { NextRequest, NextResponse } = require('next/server')
const { authProxy } = require('logto-authkit/next')
const { startIssuer } = require('./helpers')

const HOST = 'http://app.example.test'
const PAGE = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const AUDIENCE = 'https://api.example.test'

/** A Logto server that is never contacted, because no request carries a token. */
const OPTIONS = { logtoUrl: 'https://auth.example.test', audience: AUDIENCE }

/**
 * The proxy's response. If it lets a request pass, the headers hold the instructions for Next.js.
 *
 * @type {(options: any, path: string, headers?: any, init?: any) => Promise<any>}
 */
const visit = async (options, path, headers = {}, init = {}) =>
  authProxy({ ...OPTIONS, ...options })(new NextRequest(HOST + path, { ...init, headers }))

/**
 * Opens a page like a browser, which follows redirects and keeps cookies. Returns all responses.
 *
 * @type {(proxy: (request: any) => any, path: string, options?: { nextConfig?: any, jar?: Map<string, string>, headers?: any, onRedirect?: (url: URL) => void }) => Promise<any[]>}
 */
async function follow(proxy, path, { nextConfig, jar = new Map(), headers = {}, onRedirect } = {}) {
  const responses = []
  let url = new URL(path, HOST)
  while (responses.length < 20) {
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ')
    const sent = { ...PAGE, ...headers, ...(cookie !== '' && { cookie }) }
    const response = await proxy(new NextRequest(url, { headers: sent, nextConfig }))
    responses.push(response)
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/; Max-Age=0/.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    const location = response.headers.get('location')
    if (location === null) break
    url = new URL(location, url)
    onRedirect?.(url)
  }
  return responses
}

/** A minimal proxy that redirects to a path with a locale. */
const localize = (request) => {
  const { pathname, search } = new URL(request.url)
  return /^\/(?:de|en)(?:\/|$)/.test(pathname)
    ? NextResponse.next()
    : NextResponse.redirect(new URL(`/de${pathname === '/' ? '' : pathname}${search}`, request.url))
}

/** An issuer, options for it, and one of its tokens. */
async function issued(t, claims) {
  const issuer = await startIssuer(t)
  const options = { logtoUrl: issuer.logtoUrl, audience: AUDIENCE }
  return { issuer, options, token: issuer.mint({ sub: 'alice', audience: AUDIENCE, ...claims }) }
}

module.exports = { AUDIENCE, HOST, OPTIONS, PAGE, follow, issued, localize, visit }
