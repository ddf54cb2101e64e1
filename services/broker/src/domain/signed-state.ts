import { createHmac, timingSafeEqual } from 'node:crypto'
import { ServiceError } from '@dromos/contract'

/** What the state is good for; a state of one purpose is refused for every other. */
export type StatePurpose = 'authorization' | 'capture'

/**
 * Content of `state`. The first four members are the v1 wire format (`nonce` is the connection id); the others are ours.
 * The state is a handle, not an authority: the row it names, the browser cookie and the single claim decide.
 */
export type State = {
  workspace_id: string
  provider_id: string
  nonce: string
  /** RFC 3339. */
  iat: string
  tenant: string
  request: string
  purpose: StatePurpose
}

export const stateLifetimeMs = 10 * 60_000
const futureToleranceMs = 60_000
const maxStateLength = 2048

/** `b64url(JSON) + "." + b64url(HMAC-SHA-256(key, JSON bytes))`: the MAC is over the JSON bytes, not the base64 text. */
export function signState(state: State, key: Uint8Array): string {
  const json = Buffer.from(JSON.stringify(state))
  return `${json.toString('base64url')}.${mac(json, key).toString('base64url')}`
}

/**
 * Verifies a state before its JSON is parsed. `keys`: the first signs, all verify.
 * Throws `invalid_state` for every kind of wrong: shape, signature, purpose, age, time in the future.
 */
export function verifyState(value: unknown, purpose: StatePurpose, keys: readonly Uint8Array[], nowMs: number): State {
  const state = parseSigned(value, keys)
  const issuedAtMs = Date.parse(state?.iat ?? '')
  const isTimely = issuedAtMs <= nowMs + futureToleranceMs && nowMs - issuedAtMs <= stateLifetimeMs
  if (state === undefined || state.purpose !== purpose || !isTimely)
    throw new ServiceError(
      'invalid_state',
      'the state is malformed, forged or older than ten minutes: start the connection again',
    )
  return state
}

function parseSigned(value: unknown, keys: readonly Uint8Array[]): State | undefined {
  if (typeof value !== 'string' || value.length > maxStateLength) return undefined
  const match = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/.exec(value)
  if (match?.[1] === undefined || match[2] === undefined) return undefined
  const json = Buffer.from(match[1], 'base64url')
  const signature = Buffer.from(match[2], 'base64url')
  // base64url has several spellings of the same bytes: only the canonical one is ours.
  const isCanonical = json.toString('base64url') === match[1] && signature.toString('base64url') === match[2]
  const isOurs = keys.some((key) => timingSafeEqual(mac(json, key), signature))
  return isCanonical && isOurs ? parseState(json) : undefined
}

function parseState(json: Buffer): State | undefined {
  try {
    const state: unknown = JSON.parse(json.toString('utf8'))
    return isState(state) ? state : undefined
  } catch {
    return undefined
  }
}

const members = ['workspace_id', 'provider_id', 'nonce', 'iat', 'tenant', 'request', 'purpose'] as const

const isState = (value: unknown): value is State =>
  typeof value === 'object' &&
  value !== null &&
  members.every((name) => name in value && typeof (value as Record<string, unknown>)[name] === 'string')

const mac = (json: Uint8Array, key: Uint8Array): Buffer => createHmac('sha256', key).update(json).digest()
