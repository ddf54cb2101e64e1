import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import type { LabProvider } from '../src/index.js'

export const redirectUri = 'https://app.test/auth/callback'

export type TokenAnswer = { status: number; text: string; body: Record<string, unknown> }

/** An honest OAuth client in thirty lines: what the lab must serve well when nothing is switched on. */
export function clientOf(provider: LabProvider) {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')

  const authUrl = (overrides: Record<string, string | undefined> = {}): string => {
    const params = {
      response_type: 'code',
      client_id: provider.clientId,
      redirect_uri: redirectUri,
      scope: 'openid profile email',
      state: 'state-1',
      nonce: 'nonce-1',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...overrides,
    }
    const url = new URL(provider.authorizationEndpoint)
    for (const [name, value] of Object.entries(params)) if (value !== undefined) url.searchParams.set(name, value)
    return url.href
  }

  const basic = (): string => {
    const encode = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)
    return `Basic ${Buffer.from(`${encode(provider.clientId)}:${encode(provider.clientSecret)}`).toString('base64')}`
  }

  const postToken = (form: Record<string, string>, url = provider.tokenEndpoint): Promise<TokenAnswer> =>
    postForm(url, form, { authorization: basic() })

  const exchange = (callback: string, overrides: Record<string, string> = {}): Promise<TokenAnswer> =>
    postToken({
      grant_type: 'authorization_code',
      code: new URL(callback).searchParams.get('code') ?? '',
      redirect_uri: redirectUri,
      code_verifier: verifier,
      ...overrides,
    })

  const refresh = (refreshToken: unknown, extra: Record<string, string> = {}): Promise<TokenAnswer> =>
    postToken({ grant_type: 'refresh_token', refresh_token: String(refreshToken), ...extra })

  const connect = async (as?: { subject?: string; scope?: string }): Promise<TokenAnswer> =>
    exchange(await provider.approve(authUrl(), as))

  return { authUrl, basic, postToken, exchange, refresh, connect, verifier }
}

export async function postForm(
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = { accept: 'application/json' },
): Promise<TokenAnswer> {
  const body = new URLSearchParams(form)
  return read(
    await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal: AbortSignal.timeout(10_000) }),
  )
}

async function read(response: Response): Promise<TokenAnswer> {
  const text = await response.text()
  return { status: response.status, text, body: jsonOr(text) }
}

function jsonOr(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
  } catch {
    return {}
  }
}

export async function getJson(url: string, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) })
  return jsonOr(await response.text())
}

/** Header and claims of a compact JWT, unverified. */
export function decode(token: unknown): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const [header = '', claims = ''] = String(token).split('.')
  const part = (text: string): Record<string, unknown> => jsonOr(Buffer.from(text, 'base64url').toString('utf8'))
  return { header: part(header), claims: part(claims) }
}

export async function published(provider: LabProvider): Promise<Array<Record<string, unknown>>> {
  const { keys } = await getJson(provider.jwksUri)
  return Array.isArray(keys) ? keys : []
}

/** Checks an ES256 signature against the last published key; tells nothing about header or claims. */
export async function signatureIsRight(provider: LabProvider, token: unknown): Promise<boolean> {
  const [head, payload, signature = ''] = String(token).split('.')
  const jwk = (await published(provider)).at(-1) ?? {}
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const }
  return verify('sha256', Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url'))
}
