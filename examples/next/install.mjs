import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Puts this repository's package into the example's `node_modules`, as an installation from the registry would: what is
 * not in there, a link included, Next.js takes for a part of the application, and bundles the addon with it.
 */
export function installAuthkit() {
  const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
  rmSync(path('node_modules/logto-authkit'), { recursive: true, force: true })
  for (const name of ['package.json', 'index.d.ts', 'js']) {
    cpSync(path(`../../${name}`), path(`node_modules/logto-authkit/${name}`), { recursive: true })
  }
}
