/** Turns one function into a handler for Express, plain `http`, Fastify, Hono and fetch (`(request) => Response`). */

const { inspect } = require('node:util')
const { jsonResponse, sendResponse } = require('../adapters/response')
const { printRejection } = require('../core/warnings')
const { BodyError, readFetchBody, readNodeBody } = require('./request-body')

/**
 * @typedef {import('../adapters/response').ErrorResponse} Answer
 * @typedef {object} Incoming
 * @property {(name: string) => string | undefined} header
 * @property {() => Promise<Buffer>} body
 * @property {unknown} parsed - The body, if one of the application's parsers has parsed it.
 */

/**
 * Returns an error response, and prints the rejection for debugging.
 *
 * @param {string} subject - What was rejected: `webhook` or `logout token`.
 * @param {number} status
 * @param {{ error: string, message?: string, error_description?: string }} body
 * @param {{ code?: string, details?: string, cause?: string | null, headers?: Record<string, string> }} [its] - The
 * rejection of the core, and the headers of the response.
 * @returns {Answer}
 */
function rejectionResponse(subject, status, body, { code = body.error, details = '{}', cause = null, headers } = {}) {
  const message = body.message ?? body.error_description ?? ''
  printRejection({ code, status, message, details, cause }, subject)
  return jsonResponse(status, body, headers)
}

/**
 * @param {(request: Incoming) => Promise<Answer>} answer
 * @param {{ subject: string, limit: number, advice: string }} body - What the debug output calls the handler's input,
 * the maximum length of the body in bytes, and the advice if a parser has consumed the body.
 */
function handler(answer, { subject, limit, advice }) {
  let hasWarned = false

  /** @type {(method: unknown, request: Incoming) => Promise<Answer>} */
  async function answerRequest(method, request) {
    if (method !== 'POST') {
      const headers = { 'Cache-Control': 'no-store', Allow: 'POST' }
      return rejectionResponse(subject, 405, { error: 'method_not_allowed', message: 'Use POST' }, { headers })
    }
    try {
      return await answer(request)
    } catch (error) {
      if (!(error instanceof BodyError)) throw error
      if ((error.status === 500 || error.status === 413) && !hasWarned) {
        hasWarned = true
        process.emitWarning(error.message, { code: 'LOGTO_AUTHKIT_BODY' })
      }
      return rejectionResponse(subject, error.status, { error: error.code, message: error.message })
    }
  }

  /** @type {(request: Request, cached?: () => Promise<ArrayBuffer>) => Promise<Response>} */
  async function answerFetchRequest(request, cached) {
    const { status, headers, body } = await answerRequest(request.method, {
      header: (name) => request.headers.get(name) ?? undefined,
      body: () => readFetchBody(request, limit, cached),
      parsed: undefined,
    })
    return new Response(body, { status, headers })
  }

  /** @type {(req: any, stream: any) => Promise<Answer>} */
  const answerNodeRequest = async (req, stream) => {
    const answer = await answerRequest(stream.method, {
      header: (name) => [stream.headers[name]].flat()[0],
      body: () => readNodeBody(req, stream, limit, advice),
      parsed: req.body,
    })
    // Closing the connection keeps Node from receiving the rest of the body. HTTP/2 has no `Connection` header.
    if (answer.status === 413 && stream.httpVersionMajor === 1) answer.headers.Connection = 'close'
    return answer
  }

  /**
   * @param {any} req
   * @param {any} [res]
   * @param {any} [next]
   */
  return async function handle(req, res, next) {
    if (isFetchRequest(req)) return answerFetchRequest(req)
    if (isFetchRequest(req?.req?.raw)) return answerFetchRequest(req.req.raw, () => req.req.arrayBuffer())
    if (typeof req?.raw?.headers === 'object' && typeof res?.code === 'function') {
      const { status, headers, body } = await answerNodeRequest(req, req.raw)
      return res.code(status).headers(headers).send(body)
    }
    if (typeof req?.headers !== 'object' || typeof res?.setHeader !== 'function') {
      throw new TypeError('logto-authkit: this handler takes (req, res), or a fetch Request, or the context of Hono')
    }
    try {
      const answer = await answerNodeRequest(req, req)
      if (!res.headersSent) sendResponse(res, answer)
    } catch (error) {
      if (typeof next === 'function') next(error)
      else {
        // `createServer` does not await its listener's promise, and an unhandled rejection would end the process.
        process.emitWarning(error instanceof Error ? error : inspect(error))
        if (!res.headersSent)
          sendResponse(res, jsonResponse(500, { error: 'internal_error', message: 'Internal server error' }))
      }
    }
  }
}

/** @param {any} value */
const isFetchRequest = (value) => typeof value?.headers?.get === 'function' && typeof value.arrayBuffer === 'function'

module.exports = { handler, rejectionResponse }
