// Owns what the v1 API does: one function per operation, served by both edges.
// Does not own transport, input parsing or authorisation: the edges parse, the broker decides.
import { ServiceError, type ConnectionCheck, type ConsentSpec } from '@dromos/contract'
import { readJsonObject, type BrokerAnswer } from './broker-answer.js'
import type { BrokerClient } from './broker-client.js'
import type { CallContext } from './caller.js'
import type { RequestConnectionInput } from './input.js'

export type Consent = Readonly<{
  spec: ConsentSpec
  /** The answer that holds it, as the broker worded it: a member that a newer broker adds reaches the caller. */
  answer: BrokerAnswer
  /** True when the broker repeated its answer to an earlier call with the same idempotency key. */
  isReplay: boolean
}>

export type Operations = ReturnType<typeof createOperations>

/**
 * Every operation throws ServiceError: the broker's own reason when it refused, `broker_unavailable`,
 * `broker_invalid_response`, `deadline_exceeded` or `request_cancelled` when there was no usable answer.
 * Connection ids must have passed `parseConnectionId`: they become part of a path.
 */
export function createOperations(broker: BrokerClient) {
  return {
    /** Starts a consent. The broker resolves a provider's name and implements the idempotency key. */
    async requestConnection(
      context: CallContext,
      input: RequestConnectionInput,
      idempotencyKey: string | undefined,
    ): Promise<Consent> {
      const { provider } = input
      const answer = await broker.call(context, {
        operation: 'request_connection',
        method: 'POST',
        path: '/auth/consent-spec',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
        body: JSON.stringify({
          workspace_id: input.userId,
          provider_id: 'providerId' in provider ? provider.providerId : undefined,
          provider_name: 'providerName' in provider ? provider.providerName : undefined,
          scopes: input.scopes,
          return_url: input.returnUrl,
          variables: input.variables,
          completion_challenge: input.completionChallenge,
        }),
        repeat: 'once',
      })
      const isReplay = answer.headers['idempotent-replayed'] === 'true'
      return { spec: readConsent(answer), answer, isReplay }
    },

    /** Reads a connection's state; touches no credentials and counts as no token read. */
    async checkConnection(context: CallContext, connectionId: string): Promise<ConnectionCheck> {
      const answer = await broker.call(context, {
        operation: 'check_connection',
        method: 'GET',
        path: `/connections/${connectionId}/status`,
        repeat: 'safe',
      })
      return toCheck(readState(answer))
    },

    /** Current credentials (TokenPayload), as the broker worded them. `minTtl`: seconds they should still be good for. */
    getToken: (context: CallContext, connectionId: string, minTtl: string | undefined): Promise<BrokerAnswer> =>
      broker.call(context, {
        operation: 'get_token',
        method: 'GET',
        path: `/connections/${connectionId}/token${minTtl === undefined ? '' : `?min_ttl=${encodeURIComponent(minTtl)}`}`,
        repeat: 'safe',
      }),

    /** Refreshes now. `body` is the caller's optional JSON, passed on as it is. */
    refreshConnection: (context: CallContext, connectionId: string, body: Buffer | undefined): Promise<BrokerAnswer> =>
      broker.call(context, {
        operation: 'refresh_connection',
        method: 'POST',
        path: `/connections/${connectionId}/refresh`,
        ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body }),
        repeat: 'once',
      }),

    /** What agents may know of the providers (ProviderMetadata). */
    listProviders: (context: CallContext): Promise<BrokerAnswer> =>
      broker.call(context, {
        operation: 'list_providers',
        method: 'GET',
        path: '/providers/metadata',
        repeat: 'safe',
      }),
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isTextOrNone = (value: unknown): value is string | null | undefined => isText(value) || value == null
const isTextList = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText)

const unknownShape = (): ServiceError =>
  new ServiceError('broker_invalid_response', 'the broker answered in a shape we do not know')

function readConsent(answer: BrokerAnswer): ConsentSpec {
  const { authUrl, state, scopes, provider_id, connection_id } = readJsonObject(answer)
  if (!isText(authUrl) || !isText(state) || !isText(provider_id) || !isText(connection_id)) throw unknownShape()
  if (scopes !== null && !isTextList(scopes)) throw unknownShape()
  return { authUrl, state, scopes, provider_id, connection_id }
}

type State = { status: string; reason: string | null | undefined; detail: string | null | undefined }

function readState(answer: BrokerAnswer): State {
  const { status, reason, detail } = readJsonObject(answer)
  if (!isText(status) || !isTextOrNone(reason) || !isTextOrNone(detail)) throw unknownShape()
  return { status, reason, detail }
}

/**
 * v1 clients poll until `active` or `failed` and know no other word. So pending stays `pending`, and every state that
 * waiting cannot mend is `failed`, with the broker's own word, its reason and what to do in `detail`.
 */
function toCheck({ status, reason, detail }: State): ConnectionCheck {
  if (status === 'active') return { status: 'active' }
  if (status === 'pending')
    return { status: 'pending', detail: detail || 'the person has not finished the consent yet' }
  const advice = detail || 'ask the person to connect again'
  const state = reason && !advice.includes(reason) ? `${status} (${reason})` : status
  return { status: 'failed', detail: `${state}: ${advice}` }
}
