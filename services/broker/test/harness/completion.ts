import { createHash, randomBytes } from 'node:crypto'
import type { ConsentSpec } from '@dromos/contract'
import type { Answer } from './request.js'
import { askForConsent, comeBack, type ConsentOptions, resultOf } from './person.js'
import type { TestBroker } from './test-broker.js'

// Owns what an application and a person do in a consent that is to be completed, one step a function.

export type Proof = { verifier: string; challenge: string }

export function newProof(): Proof {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** A browser at our page: it reads for whom the consent is and goes on to the provider. */
export async function confirmPage(broker: Pick<TestBroker, 'call'>, authUrl: string) {
  const { pathname } = new URL(authUrl)
  const page = await broker.call('GET', pathname, { key: null })
  const cookie = page.headers.getSetCookie().map((each) => each.split(';')[0]).join('; ') // prettier-ignore
  const csrf = /name="_csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
  const confirm = (how: { cookie?: string; csrf?: string } = {}): Promise<Answer> =>
    broker.call('POST', pathname, {
      key: null,
      body: new URLSearchParams({ _csrf: how.csrf ?? csrf }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: how.cookie ?? cookie },
    })
  return { page, cookie, confirm }
}

/** Through our page to the provider: where the browser is sent, and the cookie it got. */
export async function openAndConfirm(broker: Pick<TestBroker, 'call'>, authUrl: string) {
  const { cookie, confirm } = await confirmPage(broker, authUrl)
  const location = (await confirm()).headers.get('location')
  if (location === null) throw new Error('the page led nowhere')
  return { location, cookie }
}

/** The person's whole way: the page, the provider, the return URL's query. */
export async function returned(broker: TestBroker, spec: ConsentSpec, as = {}): Promise<Record<string, string>> {
  const { location, cookie } = await openAndConfirm(broker, spec.authUrl)
  return resultOf(await comeBack(broker, await broker.provider.approve(location, as), cookie))
}

/** A consent up to the moment at which the application has the code; nothing is completed yet. */
export async function heldConsent(broker: TestBroker, options: ConsentOptions = {}) {
  const proof = newProof()
  const body = { completion_challenge: proof.challenge, ...options.body }
  const spec = await askForConsent(broker, { ...options, body })
  const result = await returned(broker, spec)
  return { id: spec.connection_id, spec, proof, result, code: result.connect_code ?? '' }
}

export const completeWith = (
  broker: Pick<TestBroker, 'call'>,
  held: { id: string; code: string; proof: Proof },
  how: { key?: string; code?: string; userId?: string; verifier?: string; id?: string } = {},
): Promise<Answer> =>
  broker.call('POST', `/connections/${how.id ?? held.id}/complete`, {
    body: {
      connect_code: how.code ?? held.code,
      user_id: how.userId ?? 'user-1',
      completion_verifier: how.verifier ?? held.proof.verifier,
    },
    ...(how.key === undefined ? {} : { key: how.key }),
  })
