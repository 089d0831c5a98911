import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Copies this repository's package into the example's `node_modules`, as an installation from the registry would. Next.js
 * treats everything outside `node_modules`, including links, as application code and would bundle the addon.
 */
export function installLogtoAuthkit() {
  const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
  rmSync(path('node_modules/logto-authkit'), { recursive: true, force: true })
  for (const name of ['package.json', 'index.d.ts', 'js']) {
    cpSync(path(`../../${name}`), path(`node_modules/logto-authkit/${name}`), { recursive: true })
  }
}
