import { request } from 'undici'
import { apiKey } from './fleet.js'
import type { Registration } from './provider-main.js'

// Owns what the orchestrator itself asks of a broker.

type Answer = { status: number; headers: Record<string, string | string[] | undefined>; body: Map<string, unknown> }

export async function call(method: 'GET' | 'POST', url: string, body?: object): Promise<Answer> {
  const answer = await request(url, {
    method,
    headers: { 'x-api-key': apiKey, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
    headersTimeout: 30_000,
    bodyTimeout: 30_000,
  })
  const text = await answer.body.text()
  const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : {}
  const fields = Object.entries(typeof parsed === 'object' && parsed !== null ? parsed : {})
  return { status: answer.statusCode, headers: answer.headers, body: new Map(fields) }
}

/** Registers a provider of the lab and answers its id. */
export async function registerProvider(
  broker: string,
  name: string,
  graceMs: number,
  registration: Registration,
): Promise<string> {
  const profile = {
    name,
    auth_type: 'oauth2',
    client_id: registration.clientId,
    client_secret: registration.clientSecret,
    issuer: registration.issuer,
    auth_url: registration.authorizationEndpoint,
    token_url: registration.tokenEndpoint,
    jwks_url: registration.jwksUri,
    sends_issuer: true,
    // Names the presenting process in the provider's journal.
    redirect_uri_on_refresh: true,
    refresh_policy: { mode: 'rotates', ...(graceMs === 0 ? {} : { grace_seconds: graceMs / 1000 }) },
  }
  const { status, body } = await call('POST', `${broker}/providers`, { profile })
  const id = body.get('id')
  if (status !== 201 || typeof id !== 'string') throw new Error(`the provider was not registered: ${status}`)
  return id
}
