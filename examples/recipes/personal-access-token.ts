import { requestToken } from './machine-to-machine'

/** Exchanges a personal access token (`pat_…`), which is no JWT, for an access token that APIs accept. */
export async function exchange(personalAccessToken: string, resource: string, scope: string) {
  const application = {
    logtoUrl: process.env.LOGTO_URL ?? '',
    id: process.env.LOGTO_APP_ID ?? '', // an application that allows token exchange
    secret: process.env.LOGTO_APP_SECRET ?? '',
  }
  const { access_token } = await requestToken(application, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: personalAccessToken,
    subject_token_type: 'urn:logto:token-type:personal_access_token',
    resource,
    scope,
  })
  return access_token
}
