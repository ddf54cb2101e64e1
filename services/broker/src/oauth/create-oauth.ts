import type { Ports } from '../flows/ports/ports.js'
import { buildUrl } from './authorization-url.js'
import { createCredentialCheck } from './credential-check.js'
import { createDpopProofs } from './dpop.js'
import { createIdTokenVerifier } from './id-token.js'
import { createKeySets } from './key-sets.js'
import { createMetadataSource } from './metadata.js'
import { observing, type Observer } from './observe.js'
import { createOutbound, type OutboundOptions } from './outbound-fetch.js'
import { createPush } from './pushed-authorization.js'
import { createRevocationEndpoint } from './revocation.js'
import { createTokenEndpoint } from './token-endpoint.js'
import { createUserinfoEndpoint } from './userinfo.js'

// Owns everything the broker says to a provider: metadata, authorization URLs, token requests, id_tokens, userinfo,
// credential checks.
// Does not own what follows from an answer (flows/), nor provider profiles (domain/).

export type OAuthOptions = OutboundOptions & {
  now(): Date
  observeDiscovery?: Observer
  observeVerification?: Observer
}

export type OAuth = Pick<
  Ports,
  | 'metadata'
  | 'authorization'
  | 'tokenEndpoint'
  | 'revocationEndpoint'
  | 'idTokens'
  | 'userinfo'
  | 'dpop'
  | 'credentialCheck'
> & {
  /** Ends every call under way; call it when the flows have been drained. */
  close(): void
}

/** Joins the OAuth adapters over one egress guard. Throws a sentence on a malformed network in the options. */
export function createOAuth(options: OAuthOptions): OAuth {
  const { now, observeDiscovery = ignore, observeVerification = ignore } = options
  const outbound = createOutbound(options)
  const keySets = createKeySets(outbound, { now })
  const dpop = createDpopProofs({ now })
  return {
    metadata: createMetadataSource(outbound, { now, observe: observing(observeDiscovery) }),
    authorization: { build: buildUrl, push: createPush({ outbound, now }) },
    tokenEndpoint: createTokenEndpoint({ outbound, dpop, now }),
    revocationEndpoint: createRevocationEndpoint({ outbound, now }),
    idTokens: createIdTokenVerifier({
      keySets,
      now,
      observe: observing(observeVerification),
    }),
    userinfo: createUserinfoEndpoint({ outbound, keySets, dpop }),
    dpop: { prove: (key, target) => dpop.prove(key, target) },
    credentialCheck: createCredentialCheck(outbound),
    close: () => outbound.close(),
  }
}

const ignore: Observer = () => undefined
