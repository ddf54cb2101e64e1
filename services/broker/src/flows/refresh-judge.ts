import { ServiceError } from '@dromos/contract'
import type { ConnectionReason } from '../domain/connection.js'
import { isDowngraded, isHeaderSafe, type OAuthCredentials } from '../domain/credentials.js'
import type { RefreshEvent } from '../domain/refresh-protocol.js'
import { type RefreshAttempt, viewed } from './refresh-attempt.js'
import { mergedAnswer } from './refresh-capture.js'

/**
 * True for an answer that can be stored and served in one step: its tokens are usable and nothing else has to be asked. One that is not
 * is stored all the same, and judged afterwards.
 */
export function isSound(attempt: RefreshAttempt): boolean {
  const hasIdentity = viewed(attempt).row.account !== undefined && attempt.grant?.answer.idToken !== undefined
  return !hasIdentity && tokenFault(mergedAnswer(attempt)) === undefined
}

/** Judges what is stored but not served yet: can the token stand in a header, and does it belong to the same account? */
export async function judgeAnswer(attempt: RefreshAttempt): Promise<RefreshEvent> {
  const { row, held } = viewed(attempt)
  attempt.stored ??= { credentials: held, version: row.version } // a predecessor stored it and died before judging
  const { credentials } = attempt.stored
  return { type: 'judged', fault: tokenFault(credentials) ?? (await identityFault(attempt, credentials)) }
}

function tokenFault(credentials: OAuthCredentials): ConnectionReason | undefined {
  if (!isHeaderSafe(credentials.accessToken)) return 'token_unusable'
  return isDowngraded(credentials) ? 'dpop_downgrade' : undefined
}

/**
 * OIDC Core section 12.2: a refreshed id_token keeps issuer, subject and audience; an answer without one is fine. The OAuth
 * library does not compare the subject with the one that consented, so it is done here.
 */
async function identityFault(
  attempt: RefreshAttempt,
  credentials: OAuthCredentials,
): Promise<ConnectionReason | undefined> {
  const { row, provider } = viewed(attempt)
  const isRecovery = attempt.grant === undefined
  const idToken = isRecovery ? credentials.idToken : attempt.grant?.answer.idToken
  if (row.account === undefined || idToken === undefined) return undefined
  const endpoints = await attempt.ports.metadata.endpoints(provider, row.variables)
  try {
    const account = await attempt.ports.idTokens.verify(provider, idToken, {
      endpoints,
      clientId: provider.clientId,
      nonce: undefined,
      accessToken: credentials.accessToken,
      occasion: isRecovery ? 'recovery' : 'refresh',
    })
    const isSame = account.issuer === row.account.issuer && account.subject === row.account.subject
    return isSame ? undefined : 'identity_changed'
  } catch (error) {
    if (error instanceof ServiceError && error.reason === 'invalid_id_token') return 'identity_changed'
    throw error
  }
}
