// Owns how the broker is called: keep-alive pool, identity headers, deadline, one retry.
// Does not own which call serves which route (operations.ts, http/forward.ts) or what an answer means (broker-answer.ts).
import { ServiceError, type ErrorReason } from '@dromos/contract'
import { Pool } from 'undici'
import { acceptJson, type BrokerAnswer } from './broker-answer.js'
import { Cut, exchangeOnce } from './broker-exchange.js'
import type { CallContext } from './caller.js'
import type { BrokerCallOutcome, Reporting } from './reporting.js'

export type BrokerRequest = Readonly<{
  /** Names the call in metrics; one of a fixed few. */
  operation: string
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Path and query as they go on the wire, below BROKER_BASE_URL. */
  path: string
  /** One that is undefined is left out. */
  headers?: Readonly<Record<string, string | undefined>>
  body?: string | Buffer
  /** `once` for a call that changes something when repeated, whatever its method (a callback spends its code). */
  repeat: 'safe' | 'once'
}>

export type BrokerClient = {
  /**
   * Sends a request and returns the whole answer, whatever its status. Throws `broker_unavailable`,
   * `broker_invalid_response` (too large, not HTTP), `deadline_exceeded`, `request_cancelled`.
   */
  exchange(context: CallContext, request: BrokerRequest): Promise<BrokerAnswer>
  /** As `exchange`, for the JSON API: returns only 2xx answers that are JSON objects, throws the broker's own error otherwise. */
  call(context: CallContext, request: BrokerRequest): Promise<BrokerAnswer>
  /** True when the broker says that it can serve. Never throws. */
  isReady(): Promise<boolean>
  close(): Promise<void>
}

type Settings = Readonly<{ brokerBaseUrl: string; brokerApiKey: string | undefined; brokerTimeoutMs: number }>

// A page or a listing fits many times; more than this is a fault, and would cost us our memory.
const answerLimitBytes = 4 * 1024 * 1024
const readinessTimeoutMs = 2_000

/** Opens no connection until the first call. */
export function createBrokerClient(settings: Settings, reporting: Reporting): BrokerClient {
  const { origin, pathname } = new URL(settings.brokerBaseUrl)
  const prefix = pathname.replace(/\/$/, '')
  const pool = new Pool(origin, {
    connections: 256,
    maxResponseSize: answerLimitBytes,
    connect: { timeout: 3_000 },
    // The deadline below covers the whole exchange; undici's own timers would only cut it short.
    headersTimeout: 0,
    bodyTimeout: 0,
  })

  const send = async (context: CallContext, request: BrokerRequest, cut: Cut): Promise<BrokerAnswer> => {
    try {
      const { method, body = null } = request
      const headers = identityHeaders(context, settings.brokerApiKey, request.headers)
      return await exchangeOnce(pool, { method, path: prefix + request.path, headers, body }, cut)
    } catch (cause) {
      throw describeFailure(cause, cut)
    }
  }

  const exchange: BrokerClient['exchange'] = async (context, request) => {
    const startedAtMs = performance.now()
    const observe = (outcome: BrokerCallOutcome): void =>
      reporting.brokerCalled(request.operation, outcome, (performance.now() - startedAtMs) / 1000)
    const cut = new Cut()
    context.whenGone((why) => cut.make(why))
    const deadline = setTimeout(cutLate, settings.brokerTimeoutMs, cut)
    try {
      const answer = await send(context, request, cut).catch((error: unknown) => {
        // A keep-alive connection can be closed by the broker just as we use it; a safe call deserves a fresh one.
        if (request.repeat === 'once' || !isReason(error, 'broker_unavailable')) throw error
        return send(context, request, cut)
      })
      observe(`${Math.trunc(answer.status / 100)}xx`)
      return answer
    } catch (error) {
      observe(error instanceof ServiceError ? error.reason : 'internal_error')
      throw error
    } finally {
      clearTimeout(deadline)
    }
  }

  return {
    exchange,
    call: async (context, request) => acceptJson(await exchange(context, request)),
    isReady: async () => {
      const cut = new Cut()
      const deadline = setTimeout(cutLate, readinessTimeoutMs, cut)
      const probe = async (path: string): Promise<number> => {
        const request = { operation: 'readiness', method: 'GET', path, repeat: 'safe' } as const
        return (await send(anonymousProbe, request, cut)).status
      }
      return probe('/readyz')
        .then((status) => (status === 404 ? probe('/healthz') : status))
        .then((status) => status === 200)
        .catch(() => false)
        .finally(() => clearTimeout(deadline))
    },
    close: () => pool.close(),
  }
}

const anonymousProbe: CallContext = {
  callerKey: undefined,
  requestId: 'readiness',
  traceparent: undefined,
  clientAddress: '',
  userAgent: undefined,
  whenGone: () => undefined,
}

// Without a caller's key the gateway does not show its own either: a browser must not act with the gateway's rights.
function identityHeaders(
  { requestId, clientAddress, traceparent, userAgent, callerKey }: CallContext,
  ownKey: string | undefined,
  more: BrokerRequest['headers'] = {},
): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {
    'X-Request-Id': requestId,
    'X-Forwarded-For': clientAddress === '' ? undefined : clientAddress,
    'User-Agent': userAgent,
    Authorization: callerKey === undefined ? undefined : `Bearer ${callerKey}`,
    'X-API-Key': callerKey === undefined ? undefined : ownKey,
    traceparent,
  }
  for (const [name, value] of Object.entries(more)) headers[name] = value
  return headers
}

const cutLate = (cut: Cut): void =>
  cut.make(new ServiceError('deadline_exceeded', 'the broker did not answer in time', { retryAfterSeconds: 1 }))

// What undici calls "there was an answer, but not one of HTTP, or not one of a size we read".
const invalidAnswer = /^(HTTPParserError|UND_ERR_RES_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RESPONSE)/

function describeFailure(cause: unknown, { reason }: Cut): ServiceError {
  if (reason instanceof ServiceError) return reason
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  if (code === 'UND_ERR_INVALID_ARG')
    return new ServiceError('invalid_request', 'the request holds characters that HTTP does not allow', { cause })
  if (invalidAnswer.test(code) || (cause instanceof Error && invalidAnswer.test(cause.name)))
    return new ServiceError('broker_invalid_response', 'the broker gave an answer that cannot be read', { cause })
  return new ServiceError('broker_unavailable', 'the broker cannot be reached; try again', {
    cause,
    retryAfterSeconds: 1,
  })
}

const isReason = (error: unknown, reason: ErrorReason): boolean =>
  error instanceof ServiceError && error.reason === reason
