import { ServiceError } from '@dromos/contract'
import type { FlowSecrets } from '../domain/authorization-request.js'
import type { Account } from '../domain/connection.js'
import { isDowngraded, isHeaderSafe, type OAuthCredentials } from '../domain/credentials.js'
import type { OAuthProvider } from '../domain/provider.js'
import { ConsentFailure } from './consent-failure.js'
import type { Ports } from './ports/ports.js'
import type { Recognised } from './recognise-callback.js'

// Owns the judgement of what a consent brought, which is stored by then. Does not own what a refresh brings:
// refresh-judge.ts.

type VerifyPorts = Pick<Ports, 'idTokens' | 'userinfo'>

/** Whose grant it is, as the provider proved it; undefined when no id_token was asked for. Throws `ConsentFailure`. */
export async function verifyGrant(
  ports: VerifyPorts,
  provider: OAuthProvider,
  request: Recognised,
  secrets: FlowSecrets,
  credentials: OAuthCredentials,
): Promise<Account | undefined> {
  if (!isHeaderSafe(credentials.accessToken))
    throw new ConsentFailure('token_unusable', 'token_exchange_failed', { error: 'token_unusable' })
  if (isDowngraded(credentials))
    throw new ConsentFailure('dpop_downgrade', 'token_exchange_failed', { error: 'dpop_downgrade' })
  if (!request.snapshot.expectsIdToken) return undefined
  const account = await accountOf(ports, provider, request, secrets, credentials)
  return describeAccount(ports, provider, request, credentials, account)
}

async function accountOf(
  ports: VerifyPorts,
  provider: OAuthProvider,
  { snapshot }: Recognised,
  secrets: FlowSecrets,
  credentials: OAuthCredentials,
): Promise<Account> {
  if (credentials.idToken === undefined)
    throw new ConsentFailure('id_token_missing', 'id_token_verification_failed', { error: 'missing' })
  try {
    return await ports.idTokens.verify(provider, credentials.idToken, {
      endpoints: snapshot.endpoints,
      clientId: snapshot.clientId,
      nonce: provider.idToken.nonce === 'required' ? secrets.nonce : undefined,
      accessToken: credentials.accessToken,
      occasion: 'login',
    })
  } catch (error) {
    if (error instanceof ServiceError)
      throw new ConsentFailure('id_token_invalid', 'id_token_verification_failed', { error: error.reason })
    throw error
  }
}

/**
 * OIDC Core section 5.3: what the account is called. Somebody else's claims end the consent; none at all do so only where
 * the profile insists, because the id_token has said already who it is.
 */
async function describeAccount(
  ports: VerifyPorts,
  provider: OAuthProvider,
  { snapshot }: Recognised,
  credentials: OAuthCredentials,
  account: Account,
): Promise<Account> {
  if (provider.userinfo === 'off' || snapshot.endpoints.userinfo === undefined) return account
  const answer = await ports.userinfo.read(provider, snapshot, credentials, account.subject)
  if (answer.kind === 'claims') return { ...account, label: answer.label ?? account.label }
  if (answer.kind === 'unavailable' && provider.userinfo === 'on') return account
  throw new ConsentFailure('userinfo_invalid', 'userinfo_verification_failed', { error: answer.kind })
}
