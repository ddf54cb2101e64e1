import { errorReasons, isErrorReason, ServiceError, type ErrorExtras, type ErrorReason } from './errors.js'

/**
 * The error body on the wire: valid RFC 9457 problem details and, at the same time, what v1 clients parse
 * (`error`, `code`, `message`).
 */
export type Problem = {
  type: string
  title: string
  status: number
  detail: string
  code: ErrorReason
  error: ErrorReason
  message: string
  request_id: string
}

/** Renders an error as problem details. Extras come first, so that they can never replace a defined member. */
export function toProblem(error: ServiceError, requestId: string): Problem & ErrorExtras {
  const { http, title } = errorReasons[error.reason]
  return {
    ...error.extras,
    type: `urn:dromos:error:${error.reason}`,
    title,
    status: http,
    detail: error.message,
    code: error.reason,
    error: error.reason,
    message: error.message,
    request_id: requestId,
  }
}

const definedMembers = new Set(['type', 'title', 'status', 'detail', 'code', 'error', 'message', 'request_id'])

/** Reads problem details back into the error they were made from; `undefined` when `body` is none of ours. */
export function fromProblem(body: unknown, retryAfterSeconds?: number): ServiceError | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const members = new Map<string, unknown>(Object.entries(body))
  const reason = members.get('code')
  const message = members.get('message')
  if (!isErrorReason(reason) || typeof message !== 'string') return undefined
  const extras = Object.fromEntries([...members].filter(isExtra))
  return new ServiceError(reason, message, {
    extras,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })
}

const isExtra = (member: [string, unknown]): member is [string, string | number | boolean | null] =>
  !definedMembers.has(member[0]) && (member[1] === null || ['string', 'number', 'boolean'].includes(typeof member[1]))

/** Turns whatever was thrown into a ServiceError; an unknown error becomes `internal_error` with no detail of its own. */
export function toServiceError(thrown: unknown): ServiceError {
  if (thrown instanceof ServiceError) return thrown
  return new ServiceError('internal_error', 'something went wrong on our side; quote the request id', { cause: thrown })
}
