import { createClientDocuments } from './client-documents.js'
import { createClients, type Clients } from './clients.js'
import { createClock, type LabClock } from './clock.js'
import type { Answer } from './answer.js'
import { createProofJudge, type ProofJudge } from './dpop.js'
import { createGrants, type Grants } from './grants.js'
import { createHolds, type Holds } from './holds.js'
import { createJournal, type Journal } from './journal.js'
import { createKeyRing, type KeyRing } from './keys.js'
import { resolveOptions, type LabProviderOptions, type Settings } from './options.js'
import type { Origins } from './origins.js'
import type { TlsFault } from './tls/faults.js'
import { seededRandom, type Random } from './random.js'
import { createSwitchBoard, type SwitchBoard } from './switches/board.js'

/** Where one provider's endpoints are: absolute URLs. */
export type Endpoints = {
  issuer: string
  authorizationEndpoint: string
  tokenEndpoint: string
  /** A second token URL that accepts only grant_type=refresh_token. */
  refreshEndpoint: string
  jwksUri: string
  userinfoEndpoint: string
  revocationEndpoint: string
  parEndpoint: string
  /** RFC 7591; a registered client is managed below it. */
  registrationEndpoint: string
  /** Where client certificates are asked for (RFC 8705 section 5); undefined without TLS. */
  mtlsAliases: MtlsAliases | undefined
  /** The protected API route. */
  apiUrl: string
  /** Which authorization server guards it (RFC 9728); its challenges name this URL. */
  resourceMetadataUrl: string
  /** A foreign origin nothing should ever be sent to; what arrives is in journal('attacker'). */
  attackerUrl: string
  /** Origins of this lab whose TLS is broken in one way each; they serve this provider at the same paths. */
  tlsFaultUrls: Partial<Record<TlsFault, string>>
}

export type MtlsAliases = Pick<Endpoints, 'tokenEndpoint' | 'revocationEndpoint' | 'parEndpoint'>

/** Everything one provider holds. Providers of a lab share nothing. */
export type ProviderState = {
  id: string
  settings: Settings
  endpoints: Endpoints
  clock: LabClock
  random: Random
  keys: KeyRing
  grants: Grants
  switches: SwitchBoard
  journal: Journal
  holds: Holds
  cannedReplies: Answer[]
  caCertificate: string | undefined
  clients: Clients
  judgeProof: ProofJudge
  /** By `request_uri`. */
  pushed: Map<string, { params: Record<string, string>; expiresAtMs: number }>
  /** `jti` of client assertions. */
  assertionsSeen: Set<string>
}

export type NewState = { id: string; seed: number; origins: Origins; journalSize: number; options: LabProviderOptions }

export function createState({ id, seed, origins, journalSize, options }: NewState): ProviderState {
  const random = seededRandom(`${seed}:${id}`)
  const settings = resolveOptions(options, random)
  const clock = createClock()
  const keys = createKeyRing(settings.signingAlg)
  const endpoints = endpointsOf(id, origins, random)
  const { issuer, attackerUrl, tlsFaultUrls } = endpoints
  const facts = { issuer, attackerUrl, tlsFaultUrls, clientId: settings.clientId, keys, random, nowMs: clock.now }
  // A stream of its own, so that a `prob` switch does not change the tokens that are minted.
  const switches = createSwitchBoard(facts, seededRandom(`${seed}:${id}:switches`))
  const { caCertificate } = origins
  const documents = createClientDocuments(clock, { privateHosts: settings.clientDocumentHosts, ca: caCertificate })
  return {
    id,
    settings,
    endpoints,
    clock,
    random,
    keys,
    grants: createGrants(clock, random),
    switches,
    journal: createJournal(clock, journalSize),
    holds: createHolds(),
    cannedReplies: [],
    caCertificate,
    clients: createClients({ settings, switches, documents }),
    judgeProof: createProofJudge(clock),
    pushed: new Map(),
    assertionsSeen: new Set(),
  }
}

function endpointsOf(id: string, origins: Origins, random: Random): Endpoints {
  const { url, attackerUrl, tlsFaultUrls, mtlsUrl } = origins
  const issuer = `${url}/t/${id}`
  return {
    issuer,
    authorizationEndpoint: `${issuer}/authorize`,
    tokenEndpoint: `${issuer}/token`,
    refreshEndpoint: `${issuer}/refresh`,
    // Not guessable: a client must take it from the metadata, as the conformance suite checks.
    jwksUri: `${issuer}/jwks-${random.hex(4)}`,
    userinfoEndpoint: `${issuer}/userinfo`,
    revocationEndpoint: `${issuer}/revoke`,
    parEndpoint: `${issuer}/par`,
    registrationEndpoint: `${issuer}/register`,
    mtlsAliases: mtlsUrl === undefined ? undefined : aliasesAt(`${mtlsUrl}/t/${id}`),
    apiUrl: `${issuer}/api`,
    resourceMetadataUrl: `${url}/.well-known/oauth-protected-resource/t/${id}/api`,
    attackerUrl: `${attackerUrl}/t/${id}`,
    tlsFaultUrls,
  }
}

const aliasesAt = (base: string): MtlsAliases => ({
  tokenEndpoint: `${base}/token`,
  revocationEndpoint: `${base}/revoke`,
  parEndpoint: `${base}/par`,
})
