import type { OAuthProvider } from '../domain/provider.js'
import { at, readTokenAnswer, type TokenAnswer } from '../domain/token-answer.js'
import type { TokenCall, TokenRefusal } from '../domain/token-refusal.js'
import { parseJson } from './fetch-document.js'
import type { OutboundResult, OutboundAnswer } from './outbound-call.js'

// Owns how bytes of a token endpoint become a TokenCall: tolerantly, and before anything is judged, because a provider
// that has rotated must not lose its new refresh token over an odd member. Does not own what a refusal means.

type Rules = OAuthProvider['answer']

export function readTokenCall(result: OutboundResult, rules: Rules, nowMs: number): TokenCall<TokenAnswer> {
  const isSuccess = result.kind === 'answer' && result.status >= 200 && result.status < 300
  return isSuccess ? readSuccess(result, rules, nowMs) : readFailure(result, rules, nowMs)
}

/** What came of a call that brought nothing of use. */
export function readFailure(result: OutboundResult, rules: Rules, nowMs: number): TokenCall<never> {
  return result.kind === 'answer'
    ? { kind: 'refusal', refusal: readRefusal(result, readBody(result) ?? {}, rules, nowMs) }
    : { kind: result.kind, why: result.why }
}

function readSuccess(result: OutboundAnswer, rules: Rules, nowMs: number): TokenCall<TokenAnswer> {
  const body = readBody(result)
  // The provider has processed the request and we cannot read what it said.
  if (body === undefined) return { kind: 'in_doubt', why: 'unreadable_answer' }
  const answer = readTokenAnswer(body, rules.paths)
  if (isError(body, answer, rules)) return { kind: 'refusal', refusal: readRefusal(result, body, rules, nowMs) }
  if (answer.accessToken === undefined && answer.refreshToken === undefined)
    return { kind: 'in_doubt', why: 'no_tokens_in_answer' }
  return { kind: 'answer', answer }
}

/** Slack and GitHub say 200 and mean an error (fault 16 of the Go original). */
function isError(body: Record<string, unknown>, answer: TokenAnswer, { errorIn200 }: Rules): boolean {
  if (errorIn200 !== undefined) {
    const mark = at(body, errorIn200.member)
    const isMarked = errorIn200.equals === undefined ? mark !== undefined && mark !== null : mark === errorIn200.equals
    if (isMarked) return true
  }
  return typeof body['error'] === 'string' && answer.accessToken === undefined
}

/** JSON, whatever its label, else a form (GitHub's default); undefined when it is neither. */
function readBody({ body, contentType }: OutboundAnswer): Record<string, unknown> | undefined {
  const parsed = parseJson(body)
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return { ...parsed }
  const isForm = contentType?.toLowerCase().startsWith('application/x-www-form-urlencoded') === true
  const looksLikeForm = /^[\w.%+-]+=[^\s<>{}"]*$/.test(body.trim())
  return isForm || looksLikeForm ? Object.fromEntries(new URLSearchParams(body.trim())) : undefined
}

function readRefusal(
  { status, retryAfter }: OutboundAnswer,
  body: Record<string, unknown>,
  { errorIn200 }: Rules,
  nowMs: number,
): TokenRefusal {
  const isRedirect = status >= 300 && status < 400
  const places = [errorIn200?.error, 'error', 'error.type', 'error.code'].flatMap((path) => path ?? [])
  const code = places.map((path) => errorCode(at(body, path))).find((found) => found !== undefined)
  return {
    httpStatus: status,
    error: isRedirect ? 'unexpected_redirect' : code,
    retryAfterSeconds: retryAfterSeconds(retryAfter, nowMs),
  }
}

/** Lower-case, words joined by `_`: nothing but a short code of this alphabet goes into rows and logs. */
function errorCode(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const code = value.trim().toLowerCase().replaceAll(' ', '_')
  return /^[a-z0-9_.-]{1,64}$/.test(code) ? code : undefined
}

const maxRetryAfterSeconds = 900

/** RFC 9110 section 10.2.3: seconds or a date; a provider may not silence us for longer than fifteen minutes. */
export function retryAfterSeconds(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const isDate = /[a-z]{3}/i.test(value) // Date.parse reads "-5" as a year
  const seconds = /^\d+$/.test(value) ? Number(value) : isDate ? Math.ceil((Date.parse(value) - nowMs) / 1000) : NaN
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), maxRetryAfterSeconds)
}
