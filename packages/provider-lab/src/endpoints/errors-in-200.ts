import { jsonAnswer, noStore, type Answer } from '../answer.js'
import type { ProviderState } from '../state.js'

/** Slack and GitHub say what went wrong with status 200; server errors and rate limits keep their status there too. */
export function saidWith200({ settings }: ProviderState, answer: Answer): Answer {
  const refuses = answer.status >= 400 && answer.status < 404
  if (!settings.errorsIn200 || !refuses || answer.headers['content-type'] !== 'application/json') return answer
  const parsed: unknown = JSON.parse(answer.body.toString())
  const error = typeof parsed === 'object' && parsed !== null && 'error' in parsed ? parsed.error : 'unknown_error'
  return jsonAnswer(200, settings.errorsIn200 === 'slack' ? { ok: false, error } : parsed, noStore)
}
