import { fromProblem, ServiceError, type ErrorReason } from '@dromos/contract'
import type { Dispatcher } from 'undici'

export type BrokerAnswer = Readonly<{ status: number; headers: Dispatcher.ResponseData['headers']; body: Buffer }>

/** The JSON object of an answer that `call` returned. Throws `broker_invalid_response`. */
export function readJsonObject(answer: BrokerAnswer): Record<string, unknown> {
  const value = parseJson(answer.body)
  if (isObject(value)) return value
  throw new ServiceError('broker_invalid_response', 'the broker answered with something else than a JSON object')
}

/** Lets 2xx answers through that are JSON objects. Throws the broker's own error, or `broker_invalid_response`. */
export function acceptJson(answer: BrokerAnswer): BrokerAnswer {
  if (answer.status >= 400) throw readFailure(answer)
  if (answer.status >= 200 && answer.status < 300 && looksLikeJsonObject(answer)) return answer
  throw new ServiceError('broker_invalid_response', 'the broker answered with something else than a JSON object', {
    extras: { broker_status: answer.status },
  })
}

// Token answers pass through unparsed; this much is checked so that a proxy's HTML page or half a body never does.
function looksLikeJsonObject({ headers, body }: BrokerAnswer): boolean {
  const type = headers['content-type']
  if (typeof type !== 'string' || !/^application\/([a-z.]+\+)?json\b/i.test(type)) return false
  return body[0] === 0x7b && (body.at(-1) === 0x7d || body.toString('utf8').trimEnd().endsWith('}'))
}

/** The error an answer with a status of 400 or more stands for. Its body reaches the caller only when it is one of ours. */
function readFailure(answer: BrokerAnswer): ServiceError {
  const retryAfter = answer.headers['retry-after']
  const retryAfterSeconds =
    typeof retryAfter === 'string' && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined
  const problem = fromProblem(parseJson(answer.body), retryAfterSeconds)
  if (problem !== undefined) return problem
  // A newer broker may use a reason that this gateway does not know: a fault of the caller must not become a 502.
  const reason = reasonsByStatus.get(answer.status) ?? 'broker_error'
  return new ServiceError(reason, `the broker answered ${answer.status}`, {
    extras: { broker_status: answer.status },
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
}

const reasonsByStatus: ReadonlyMap<number, ErrorReason> = new Map<number, ErrorReason>([
  [400, 'invalid_request'],
  [401, 'missing_api_key'],
  [403, 'access_denied'],
  [413, 'payload_too_large'],
  [429, 'rate_limited'],
  [503, 'broker_unavailable'],
])

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
