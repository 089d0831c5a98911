interface TokenResponse {
  access_token: string
  expires_in: number
}

/** A machine-to-machine application in Logto, with a role that has permissions for the API resource. */
interface Application {
  logtoUrl: string
  id: string
  secret: string
}

export async function requestToken({ logtoUrl, id, secret }: Application, parameters: Record<string, string>) {
  const response = await fetch(`${logtoUrl}/oidc/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
    body: new URLSearchParams(parameters),
  })
  if (!response.ok) throw new Error(`Logto responded with ${response.status}: ${await response.text()}`)
  const token: TokenResponse = await response.json()
  return token
}

/** Returns a function that gets a token for an API, and keeps it until a minute before it expires. */
export function createTokenSource(application: Application, resource: string, scope: string) {
  let current: Promise<TokenResponse & { expiresAt: number }> | undefined
  const request = async () => {
    const token = await requestToken(application, { grant_type: 'client_credentials', resource, scope })
    return { ...token, expiresAt: Date.now() + (token.expires_in - 60) * 1000 }
  }
  return async () => {
    if (current === undefined || (await current).expiresAt < Date.now()) {
      current = request()
      current.catch(() => {
        current = undefined
      })
    }
    return (await current).access_token
  }
}
