/** Reads the body of a request as bytes, whatever parser the application uses. */

const { isUint8Array } = require('node:util/types')

/** The error for a body that cannot be read. The message is part of the response, which Logto's console shows. */
class BodyError extends Error {
  constructor(/** @type {number} */ status, /** @type {string} */ code, /** @type {string} */ message) {
    super(message)
    this.status = status
    this.code = code
  }
}

/**
 * Reads the body of a Node, Express, Fastify or NestJS request.
 *
 * @param {any} req - The framework's request.
 * @param {any} stream - Node's request.
 * @param {number} limit - Bytes.
 * @param {string} advice - The advice if a parser has consumed the body.
 */
async function readNodeBody(req, stream, limit, advice) {
  for (const given of [req.rawBody, req.body]) {
    if (typeof given === 'string' || isUint8Array(given)) return checkSize(Buffer.from(given), limit)
  }
  const isRead = isBodyRead(stream)
  // Some parsers end the stream of a request without a body, and set no `body`.
  if (isRead && isEmpty(stream)) return Buffer.alloc(0)
  if (isRead || typeof stream[Symbol.asyncIterator] !== 'function') {
    throw new BodyError(500, 'body_already_read', `Another parser has read the body. ${advice}`)
  }
  try {
    // Without `destroyOnReturn: false`, leaving the loop would close the connection before the response has been sent.
    return await readChunks(stream.iterator?.({ destroyOnReturn: false }) ?? stream, limit)
  } catch (error) {
    if (error instanceof BodyError) throw error
    throw new BodyError(400, 'body_incomplete', 'The body could not be read completely')
  }
}

/**
 * Returns whether a stream is being read or has been read. Streams in runtimes other than Node lack properties such as
 * `readableDidRead`.
 *
 * @param {any} stream
 */
const isBodyRead = (stream) =>
  stream.readableDidRead === true || stream.readableEnded === true || stream.destroyed === true

/**
 * Returns whether an HTTP/1 request has no body (RFC 9112 section 6.3).
 *
 * @param {any} stream
 */
const isEmpty = ({ httpVersionMajor, headers }) =>
  httpVersionMajor === 1 && headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0

/**
 * Reads the body of a Fetch API `Request`.
 *
 * @param {Request} request
 * @param {number} limit - Bytes.
 * @param {(() => Promise<ArrayBuffer>) | undefined} cached - Returns a copy of the body, which can be read even after
 * another handler has read the body.
 */
async function readFetchBody(request, limit, cached) {
  if (request.bodyUsed) {
    if (cached !== undefined) return checkSize(Buffer.from(await cached()), limit)
    throw new BodyError(
      500,
      'body_already_read',
      'The body has been read before. Pass a clone of the request: request.clone()',
    )
  }
  return request.body === null ? Buffer.alloc(0) : readChunks(/** @type {any} */ (request.body), limit)
}

/** @type {(stream: AsyncIterable<Uint8Array>, limit: number) => Promise<Buffer>} */
async function readChunks(stream, limit) {
  const chunks = []
  let length = 0
  // Leaving the loop cancels the stream of a fetch request. The connection of a Node request is closed after the
  // response.
  for await (const chunk of stream) {
    length += chunk.length
    if (length > limit) throw tooLargeError(limit)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** @type {(body: Buffer, limit: number) => Buffer} */
function checkSize(body, limit) {
  if (body.length > limit) throw tooLargeError(limit)
  return body
}

/** @param {number} limit */
const tooLargeError = (limit) => new BodyError(413, 'body_too_large', `The body is longer than ${limit} bytes`)

module.exports = { BodyError, readFetchBody, readNodeBody }
