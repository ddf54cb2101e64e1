import type { Answer } from '../harness/request.js'
import { approved, comeBack, readTokenOf, resultOf } from '../harness/person.js'
import type { TestBroker } from '../harness/test-broker.js'

// Owns what a module of the conformance suite is judged by, as the suite judges it: the calls the provider saw, beside
// what our API, database and audit say. Absence of the next call is the evidence of a refusal.

export type Outcome = {
  redirect: Record<string, string>
  connection: { status: unknown; reason: unknown }
  stored: { credentials: boolean; captured: boolean; subject: string | null }
  audit: string[]
  /** The token an agent gets, or the code of the refusal. */
  read: unknown
  /** Requests at the provider: how many of each kind. */
  calls: { token: number; userinfo: number; api: number; attacker: number }
}

/** One login at the provider as it is switched: consent, callback, outcome. */
export async function login(broker: TestBroker): Promise<{ connectionId: string; outcome: Outcome }> {
  const { callbackUrl, cookie, connectionId } = await approved(broker)
  const answer = await comeBack(broker, callbackUrl, cookie)
  return { connectionId, outcome: await outcomeOf(broker, connectionId, answer) }
}

export async function outcomeOf(broker: TestBroker, connectionId: string, answer: Answer): Promise<Outcome> {
  const audit = await auditOf(broker, connectionId)
  const status = await broker.call('GET', `/connections/${connectionId}/status`)
  const read = await readTokenOf(broker, connectionId)
  const { provider: _name, ...redirect } = resultOf(answer)
  return {
    redirect,
    connection: { status: status.body.status, reason: status.body.reason },
    stored: await storedOf(broker, connectionId),
    audit: audit.filter((type) => type !== 'connection.grant_revoked'),
    read: read.status === 200 ? read.body.access_token : read.body.code,
    calls: callsAt(broker),
  }
}

/** What a login that has to succeed leaves behind. */
export const accepted = (broker: TestBroker, connectionId: string): Outcome => ({
  redirect: { status: 'success', connection_id: connectionId },
  connection: { status: 'active', reason: null },
  stored: { credentials: true, captured: false, subject: 'user-1' },
  audit: ['connection.created', 'oauth_flow_completed'],
  read: issuedTokens(broker).at(-1),
  calls: { token: 1, userinfo: 1, api: 0, attacker: 0 },
})

/**
 * What a login with an id_token that must be rejected leaves behind: one exchange, and nothing after it but the revocation
 * of what was granted, which goes on behind (http/lifecycle/rejected-grant.test.ts).
 */
export const rejected = (
  connectionId: string,
  reason = 'id_token_invalid',
  event = 'id_token_verification_failed',
): Outcome => ({
  redirect: { status: 'error', connection_id: connectionId, error: reason },
  connection: { status: 'failed', reason },
  stored: { credentials: false, captured: false, subject: null },
  audit: ['connection.created', event],
  read: 'connection_not_active',
  calls: { token: 1, userinfo: 0, api: 0, attacker: 0 },
})

/** The access tokens the provider handed out, oldest first, in JSON or as a form. */
export const issuedTokens = (broker: TestBroker): string[] =>
  broker.provider
    .journal('token')
    .flatMap(({ answered }) => /access_token(?:":"|=)([^"&]+)/.exec(answered?.body ?? '')?.[1] ?? [])

export const refreshTokensPresented = (broker: TestBroker): string[] =>
  broker.provider.journal('token').flatMap(({ form }) => form.refresh_token ?? [])

function callsAt({ provider }: TestBroker): Outcome['calls'] {
  const count = (endpoint: keyof Outcome['calls']) => provider.journal(endpoint).length
  return { token: count('token'), userinfo: count('userinfo'), api: count('api'), attacker: count('attacker') }
}

export async function auditOf(broker: TestBroker, connectionId: string): Promise<string[]> {
  const rows = await broker.query<{ event_type: string }>(
    'select event_type from audit_events where connection_id = $1 order by id',
    [connectionId],
  )
  return rows.map(({ event_type }) => event_type)
}

async function storedOf(broker: TestBroker, connectionId: string): Promise<Outcome['stored']> {
  const [row] = await broker.query<Outcome['stored']>(
    `select sealed_credentials is not null as credentials, account_subject as subject,
       exists (select 1 from authorization_requests r where r.connection_id = c.id and r.sealed_captured is not null) as captured
     from connections c where id = $1`,
    [connectionId],
  )
  if (row === undefined) throw new Error('no such connection')
  return row
}
