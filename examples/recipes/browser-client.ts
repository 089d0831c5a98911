import LogtoClient from '@logto/browser'

const audience = 'https://api.example.com' // the identifier of the API resource, as registered in Logto

export const createClient = (endpoint: string, appId: string) =>
  new LogtoClient({ endpoint, appId, resources: [audience], scopes: ['read:orders'] })

/** The SDK keeps the token and refreshes it, so call this function for every request, and do not store its result. */
async function authorization(logto: LogtoClient) {
  return `Bearer ${await logto.getAccessToken(audience)}`
}

export async function listOrders(logto: LogtoClient, apiUrl: string) {
  const response = await fetch(`${apiUrl}/orders`, { headers: { authorization: await authorization(logto) } })
  if (!response.ok) throw new Error(`The API responded with ${response.status}: ${await response.text()}`)
  return response.json()
}
