import { setTimeout as pause } from 'node:timers/promises'
import type { Lines } from './http-lines.js'

// Owns one read as a careful client makes it: it waits when it is asked to, and asks another replica when one is away.

export type ReadOutcome =
  | { kind: 'token'; accessToken: string; isExpired: boolean }
  /** The broker says that a person has to connect again, and why. */
  | { kind: 'attention'; reason: string }
  | { kind: 'failed'; why: string }

export type ReadOptions = {
  /** To each broker. */
  lines: readonly Lines[]
  firstBroker: number
  patienceMs: number
  onRetry(why: string): void
}

type Attempt = ReadOutcome | { kind: 'retry'; why: string; afterMs: number }

const reconnectPauseMs = 50

export async function readToken(options: ReadOptions, connectionId: string): Promise<ReadOutcome> {
  const giveUpAtMs = performance.now() + options.patienceMs
  let lastWhy = 'never answered'
  for (let turn = options.firstBroker; performance.now() < giveUpAtMs; turn++) {
    const lines = options.lines[turn % options.lines.length]
    if (lines === undefined) break
    const attempt = await ask(lines, connectionId)
    if (attempt.kind !== 'retry') return attempt
    lastWhy = attempt.why
    options.onRetry(attempt.why)
    await pause(attempt.afterMs)
  }
  return { kind: 'failed', why: lastWhy }
}

async function ask(lines: Lines, connectionId: string): Promise<Attempt> {
  try {
    const { status, retryAfterSeconds, body } = await lines.get(`/connections/${connectionId}/token`)
    return interpret(status, retryAfterSeconds, fieldsOf(JSON.parse(body)))
  } catch (error) {
    // The request was not answered. A read may be repeated (RFC 9110 section 9.2.2), elsewhere if need be.
    return { kind: 'retry', why: codeOf(error), afterMs: reconnectPauseMs }
  }
}

function interpret(status: number, retryAfterSeconds: number, fields: Map<string, unknown>): Attempt {
  const code = String(fields.get('code'))
  if (status === 200)
    return { kind: 'token', accessToken: String(fields.get('access_token')), isExpired: fields.get('expired') === true }
  if (code === 'attention_required') return { kind: 'attention', reason: String(fields.get('connection_reason')) }
  if (status === 503 || status === 502)
    return { kind: 'retry', why: code, afterMs: Math.max(retryAfterSeconds * 1000, reconnectPauseMs) }
  return { kind: 'failed', why: `${status} ${code}` }
}

const fieldsOf = (body: unknown): Map<string, unknown> =>
  new Map(Object.entries(typeof body === 'object' && body !== null ? body : {}))

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.name : 'unknown'
