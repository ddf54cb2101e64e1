import type { ConsentSpec } from '@dromos/contract'
import { type Answer } from '../../harness/request.js'
import { comeBack, openLink, resultOf } from '../../harness/person.js'
import { eventually } from '../../postgres/eventually.js'
import { returnUrl, startTestBroker, type TestBroker, type TestBrokerOptions } from '../../harness/test-broker.js'

// Owns what an agent and a person do with a connection that exists.

/** A broker whose provider can be asked to revoke. */
export function startRevocableBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const profile = { endpoints: 'discovery' as const, ...options }
  return startTestBroker(profile)
}

export const look = async (broker: Pick<TestBroker, 'call'>, id: string): Promise<Record<string, unknown>> =>
  (await broker.call('GET', `/connections/${id}`)).body

export const disconnect = (broker: Pick<TestBroker, 'call'>, id: string): Promise<Answer> =>
  broker.call('DELETE', `/connections/${id}`)

/** A reconnect up to the callback URL; nothing is finished yet. */
export async function reapproved(
  broker: TestBroker,
  id: string,
  options: { path?: 'reconnect' | 'step-up'; body?: object; as?: { subject?: string; scope?: string } } = {},
) {
  const { path = 'reconnect', body = {}, as = {} } = options
  const answer = await broker.call('POST', `/connections/${id}/${path}`, { body: { return_url: returnUrl, ...body } })
  if (answer.status !== 200) throw new Error(`no reconnect: ${answer.status} ${answer.text}`)
  const spec = answer.body as unknown as ConsentSpec
  const { location, cookie } = await openLink(broker, spec.authUrl)
  const finish = async (callbackUrl: string): Promise<Record<string, string>> =>
    resultOf(await comeBack(broker, callbackUrl, cookie))
  return { spec, location, cookie, callbackUrl: await broker.provider.approve(location, as), finish }
}

/** A whole reconnect: the query of the return URL. */
export async function reconnected(broker: TestBroker, id: string, options: Parameters<typeof reapproved>[2] = {}) {
  const { finish, callbackUrl } = await reapproved(broker, id, options)
  return finish(callbackUrl)
}

/** Rejected grants that are still to be revoked: they are worked off behind the consent. */
export const rejectedGrants = (broker: Pick<TestBroker, 'query'>): Promise<unknown[]> =>
  broker.query('select 1 from authorization_requests where sealed_captured is not null')

/** Waits until every rejected grant was revoked or given up, and shredded. */
export const shredded = (broker: Pick<TestBroker, 'query'>): Promise<void> =>
  eventually(async () => (await rejectedGrants(broker)).length === 0)
