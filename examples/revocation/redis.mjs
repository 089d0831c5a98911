import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Starts a Redis with an append-only file in a temporary folder. */
export async function startRedis() {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'logto-authkit-example-'))
  const args = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--save', '']
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const close = async () => {
    if (server.pid !== undefined && server.exitCode === null) {
      server.kill()
      await once(server, 'exit')
    }
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await once(server, 'spawn')
    for await (const line of createInterface(server.stdout)) {
      if (line.includes('Ready to accept connections')) return { url: `redis://127.0.0.1:${port}`, close }
    }
    throw new Error('redis-server has exited')
  } catch (error) {
    await close()
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error
    throw new Error(
      'redis-server is not installed. Debian and Ubuntu: apt-get install redis-server. macOS: brew install redis',
    )
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.close()
  return `${port}`
}
