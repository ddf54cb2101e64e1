import type { ConsentSpec } from '@dromos/contract'
import type { Answer } from './request.js'
import { returnUrl, type TestBroker } from './test-broker.js'

// Owns what an agent and a person do in a consent, one step a function, so that a test can stop or stray between two steps.

export type ConsentOptions = { scopes?: string[] | null; userId?: string; key?: string; body?: Record<string, unknown> }

/** An agent asks for a connection. */
export async function askForConsent(broker: TestBroker, options: ConsentOptions = {}): Promise<ConsentSpec> {
  const body = {
    workspace_id: options.userId ?? 'user-1',
    provider_id: broker.providerId,
    return_url: returnUrl,
    scopes: options.scopes === undefined ? ['openid', 'profile'] : options.scopes,
    ...options.body,
  }
  const answer = await broker.call('POST', '/auth/consent-spec', {
    body,
    ...(options.key === undefined ? {} : { key: options.key }),
  })
  if (answer.status !== 200) throw new Error(`no consent: ${answer.status} ${answer.text}`)
  return answer.body as unknown as ConsentSpec
}

/** A browser at our link: where it is sent, and the cookie it got. */
export async function openLink(
  broker: Pick<TestBroker, 'call'>,
  authUrl: string,
): Promise<{ location: string; cookie: string }> {
  const { pathname } = new URL(authUrl)
  const answer = await broker.call('GET', pathname, { key: null })
  const location = answer.headers.get('location')
  if (location === null) throw new Error(`the link led nowhere: ${answer.status} ${answer.text}`)
  const cookie = answer.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ')
  return { location, cookie }
}

/** A browser that comes back from the provider. */
export async function comeBack(broker: Pick<TestBroker, 'call'>, callbackUrl: string, cookie: string): Promise<Answer> {
  const { pathname, search } = new URL(callbackUrl)
  return broker.call('GET', `${pathname}${search}`, { key: null, headers: cookie === '' ? {} : { cookie } })
}

/** Where a callback sent the browser, as its query. */
export function resultOf(answer: Answer): Record<string, string> {
  const location = answer.headers.get('location')
  if (location === null) throw new Error(`the callback did not redirect: ${answer.status} ${answer.text}`)
  return Object.fromEntries(new URL(location).searchParams)
}

/** The whole consent up to the callback URL; nothing is finished yet. */
export async function approved(broker: TestBroker, options: ConsentOptions = {}) {
  const spec = await askForConsent(broker, options)
  const { location, cookie } = await openLink(broker, spec.authUrl)
  const callbackUrl = await broker.provider.approve(location)
  return { spec, cookie, callbackUrl, connectionId: spec.connection_id }
}

/** A finished connection. */
export async function connected(broker: TestBroker, options: ConsentOptions = {}): Promise<string> {
  const { callbackUrl, cookie, connectionId } = await approved(broker, options)
  const result = resultOf(await comeBack(broker, callbackUrl, cookie))
  if (result.status !== 'success') throw new Error(`not connected: ${JSON.stringify(result)}`)
  return connectionId
}

export const readTokenOf = (broker: Pick<TestBroker, 'call'>, connectionId: string, key?: string): Promise<Answer> =>
  broker.call('GET', `/connections/${connectionId}/token`, key === undefined ? {} : { key })

export const refreshOf = (broker: Pick<TestBroker, 'call'>, connectionId: string, body?: unknown): Promise<Answer> =>
  broker.call('POST', `/connections/${connectionId}/refresh`, body === undefined ? {} : { body })
