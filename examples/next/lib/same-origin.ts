/**
 * Resolves `redirect_to` to a URL of this application. Paths that start with `//`, `/\` or `/..//` resolve to other hosts, so the
 * resolved origin is compared.
 */
export function sameOriginUrl(path: string | null, origin: string): string {
  const url = path !== null && URL.canParse(path, origin) ? new URL(path, origin) : undefined
  return url?.origin === new URL(origin).origin ? url.href : origin
}
