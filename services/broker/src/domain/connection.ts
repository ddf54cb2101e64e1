import { ServiceError } from '@dromos/contract'

/**
 * pending   a person has to consent; turns into `expired` by time
 * active    credentials can be read
 * attention the grant is dead or may not be used: a person has to connect again
 * failed    the consent ended without credentials
 * revoking  disconnected on purpose: never served again, still to be revoked at the provider
 * revoked   disconnected, and what was held is gone
 */
export type ConnectionStatus = 'pending' | 'active' | 'attention' | 'failed' | 'revoking' | 'revoked'

/** Why a connection is not active, or a consent failed: a fixed vocabulary, safe for metrics, answers and redirects. */
export type ConnectionReason =
  | 'access_denied'
  | 'provider_error'
  | 'issuer_mismatch'
  | 'token_exchange_failed'
  | 'provider_bad_response'
  | 'provider_changed'
  | 'provider_deleted'
  | 'id_token_missing'
  | 'id_token_invalid'
  | 'userinfo_invalid'
  | 'identity_changed'
  | 'account_mismatch'
  | 'revoked'
  | 'expired'
  | 'lost_rotation'
  | 'token_unusable'
  | 'dpop_downgrade'
  | 'disconnected'
  | 'wrong_user'

/** Key of everything that belongs to one connection; every query carries both parts. */
export type ConnectionKey = { tenantId: string; connectionId: string }

/** The account the person connected, from a verified id_token: (`issuer`, `subject`) never changes hands (ASVS 10.5.2). */
export type Account = { issuer: string; subject: string; label: string | undefined }

/** What a status poll may see: no ciphertext, no lease. */
export type ConnectionView = {
  status: ConnectionStatus
  reason: ConnectionReason | undefined
  /** True when a pending connection's consent ran out of time. */
  isConsentExpired: boolean
  /** True when a person was asked to connect again and has not answered yet; looked up for status polls only. */
  isReconnecting?: boolean
}

const reconnect =
  'send the person through the link of POST /v1/connections/{id}/reconnect, or of a new POST /v1/request-connection'

/** Wire status and a sentence that says what to do next. */
export function describeConnection(view: ConnectionView): { status: string; detail: string } {
  if (view.isReconnecting === true)
    return { status: 'pending', detail: 'a person was asked to connect again: open authUrl, then poll again' }
  switch (view.status) {
    case 'active':
      return { status: 'active', detail: 'the connection is active' }
    case 'pending':
      return view.isConsentExpired
        ? expired
        : { status: 'pending', detail: 'a person has not consented yet: open authUrl, then poll again' }
    case 'attention':
      return { status: 'attention', detail: `a person has to connect again (${view.reason}): ${reconnect}` }
    case 'failed':
      return view.reason === 'expired'
        ? expired
        : { status: 'failed', detail: `the consent failed (${view.reason}): ${reconnect}` }
    case 'revoking':
      return {
        status: 'revoking',
        detail: 'the connection was disconnected and is being revoked at the provider: nothing to do',
      }
    case 'revoked':
      return { status: 'revoked', detail: `the connection was disconnected: ${reconnect}` }
  }
}

const expired = { status: 'expired', detail: `nobody consented in time: ${reconnect}` }

/** The error a read of credentials gets when the connection is in no state to give them. */
export function refuseUnlessActive(view: ConnectionView): void {
  if (view.status === 'active') return
  const { status, detail } = describeConnection(view)
  const extras = { connection_status: status, connection_reason: view.reason ?? null }
  if (view.status === 'attention') throw new ServiceError('attention_required', detail, { extras })
  throw new ServiceError('connection_not_active', detail, { extras })
}
