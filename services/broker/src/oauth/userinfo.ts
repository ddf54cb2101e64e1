import { outboundLimits } from '@dromos/contract'
import * as z from 'zod'
import type { FlowSnapshot } from '../domain/authorization-request.js'
import type { OAuthCredentials } from '../domain/credentials.js'
import type { OAuthProvider } from '../domain/provider.js'
import type { UserinfoAnswer, UserinfoEndpoint } from '../flows/ports/oauth.js'
import { labelClaims, labelOf } from './account-label.js'
import type { DpopProofs } from './dpop.js'
import { isUnavailable, parseJson } from './fetch-document.js'
import type { KeySets } from './key-sets.js'
import type { OutboundAnswer, OutboundResult } from './outbound-call.js'
import type { Outbound } from './outbound-fetch.js'
import { verifySignedJwt } from './signed-jwt.js'

// Owns one call of a userinfo endpoint and whose claims came back. Does not own what follows from a refusal.

const claimsSchema = z.object({ sub: z.string(), ...labelClaims })
const audience = z.union([z.string(), z.array(z.string()).max(50)])
const signedSchema = z.object({ iss: z.string(), aud: audience })

type UserinfoDependencies = { outbound: Outbound; keySets: KeySets; dpop: DpopProofs }

export function createUserinfoEndpoint(dependencies: UserinfoDependencies): UserinfoEndpoint {
  const { keySets } = dependencies
  return {
    async read(provider, snapshot, credentials, subject) {
      const url = snapshot.endpoints.userinfo
      if (url === undefined) return { kind: 'unavailable' }
      const result = await ask(dependencies, url, credentials)
      if (result.kind !== 'answer' || result.status !== 200) return { kind: 'unavailable' }
      try {
        return judge(await claimsIn(keySets, provider, snapshot, result), subject)
      } catch (error) {
        return isUnavailable(error) ? { kind: 'unavailable' } : { kind: 'refused' }
      }
    },
  }
}

/** Once; once more when the server wants its nonce in the proof (RFC 9449 section 9). */
async function ask(
  { outbound, dpop }: UserinfoDependencies,
  url: string,
  { accessToken, dpopKey }: Pick<OAuthCredentials, 'accessToken' | 'dpopKey'>,
): Promise<OutboundResult> {
  const send = async (): Promise<OutboundResult> => {
    const proof = dpopKey && { dpop: await dpop.prove(dpopKey, { method: 'GET', url, accessToken }) }
    // RFC 9700 section 4.3.2: the token never goes in the query. Aggregated and distributed claims are not followed (A39).
    const authorization = `${dpopKey ? 'DPoP' : 'Bearer'} ${accessToken}`
    const headers = { accept: 'application/json, application/jwt', authorization, ...proof }
    return outbound.send({ url, method: 'GET', headers, reads: { upToBytes: outboundLimits.tokenAnswerBytes } })
  }
  const result = await send()
  const wantsNonce =
    dpopKey !== undefined && result.kind === 'answer' && dpop.note(url, result.dpopNonce) && result.status === 401
  return wantsNonce ? send() : result
}

/** undefined when the answer is nothing one could read. Throws when a signed one is not what it says it is. */
async function claimsIn(
  keySets: KeySets,
  provider: OAuthProvider,
  snapshot: FlowSnapshot,
  { contentType, body }: OutboundAnswer,
): Promise<unknown> {
  const isSigned = contentType?.toLowerCase().startsWith('application/jwt') === true
  return isSigned ? await signedClaims(keySets, provider, snapshot, body.trim()) : parseJson(body)
}

async function signedClaims(
  keySets: KeySets,
  provider: OAuthProvider,
  { endpoints, clientId }: FlowSnapshot,
  jwt: string,
): Promise<unknown> {
  if (endpoints.jwks === undefined || endpoints.issuer === undefined) throw refusal('it cannot be verified')
  const { payload } = await verifySignedJwt(keySets, jwt, {
    jwksUrl: endpoints.jwks,
    allowedAlgs: provider.idToken.signingAlgs,
    refuse: refusal,
  })
  const { iss, aud } = signedSchema.parse(payload)
  if (iss !== endpoints.issuer) throw refusal('it comes from another issuer')
  if (![aud].flat().includes(clientId)) throw refusal('it is meant for another client')
  return payload
}

const refusal = (why: string): Error => new Error(`the userinfo answer did not verify: ${why}`)

function judge(payload: unknown, subject: string): UserinfoAnswer {
  if (typeof payload !== 'object' || payload === null) return { kind: 'unavailable' }
  const claims = claimsSchema.safeParse(payload)
  // OIDC Core section 5.3.2: exactly that of the id_token, or its values must not be used.
  if (!claims.success || claims.data.sub !== subject) return { kind: 'refused' }
  return { kind: 'claims', label: labelOf(claims.data) }
}
