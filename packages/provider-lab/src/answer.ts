import type { JsonObject } from './jose.js'

/** Ways of answering that an HTTP library would not let a server commit; raw-delivery.ts writes them. */
export type RawFault =
  | { kind: 'drip-head'; everyMs: number }
  | { kind: 'endless-chunks'; everyMs: number }
  | { kind: 'garbage' }
  | { kind: 'half-close' }
  | { kind: 'two-lengths' }

/** How the answer leaves the socket. Everything but `whole` is a fault. */
export type Delivery =
  | { kind: 'whole' }
  | { kind: 'reset'; after: 'nothing' | 'half-body' }
  | { kind: 'hang'; after: 'nothing' | 'half-body' }
  | { kind: 'drip'; everyMs: number }
  | { kind: 'padded'; bytes: number }
  | { kind: 'raw'; fault: RawFault }

export type Answer = { status: number; headers: Record<string, string>; body: string | Buffer; delivery: Delivery }

const whole: Delivery = { kind: 'whole' }

export function jsonAnswer(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    delivery: whole,
  }
}

export function textAnswer(status: number, contentType: string, body: string | Buffer): Answer {
  return { status, headers: { 'content-type': contentType }, body, delivery: whole }
}

export function redirectAnswer(status: number, location: string): Answer {
  return { status, headers: { location }, body: '', delivery: whole }
}

// RFC 6749 section 5.1: nothing that may hold a token is cached.
export const noStore = { 'cache-control': 'no-store', pragma: 'no-cache' }

/** RFC 6749 section 5.2 error body. */
export function oauthError(status: number, error: string, description: string, extra: JsonObject = {}): Answer {
  return jsonAnswer(status, { error, error_description: description, ...extra }, noStore)
}
