import { ServiceError } from '@dromos/contract'
import * as z from 'zod'
import { fillVariables } from '../domain/authorization-request.js'
import type { Endpoints, OAuthProvider, SecretMethod } from '../domain/provider.js'
import type { MetadataSource } from '../flows/ports/oauth.js'
import { createDocumentCache } from './document-cache.js'
import { fetchDocument, isUnavailable, unavailable, type FetchedDocument } from './fetch-document.js'
import type { Observe } from './observe.js'
import type { Outbound } from './outbound-fetch.js'

// Owns where a provider's endpoints are: what is configured, completed by OpenID Discovery or RFC 8414 metadata.
// Does not own the issuer of a provider: it is configured, never guessed.

/** The members of RFC 8414 section 2 and OpenID Discovery section 3 that are used. */
const metadataSchema = z.object({
  issuer: z.string().min(1).max(2048),
  authorization_endpoint: z.string().max(2048).nullish(),
  token_endpoint: z.string().max(2048).nullish(),
  jwks_uri: z.string().max(2048).nullish(),
  userinfo_endpoint: z.string().max(2048).nullish(),
  revocation_endpoint: z.string().max(2048).nullish(),
  pushed_authorization_request_endpoint: z.string().max(2048).nullish(),
  require_pushed_authorization_requests: z.boolean().nullish(),
  authorization_response_iss_parameter_supported: z.boolean().nullish(),
  code_challenge_methods_supported: z.array(z.string()).nullish(),
  token_endpoint_auth_methods_supported: z.array(z.string()).nullish(),
})

type Metadata = z.output<typeof metadataSchema>

export type MetadataOptions = { now(): Date; observe: Observe }

export function createMetadataSource(outbound: Outbound, { now, observe }: MetadataOptions): MetadataSource {
  const cache = createDocumentCache<Metadata>({
    now,
    freshMs: 3_600_000,
    staleMs: 86_400_000,
    failureMs: 10_000,
    maxEntries: 500,
    isOutage: isUnavailable,
  })

  async function load(issuer: string, template: string | undefined): Promise<Metadata> {
    const metadata = await discover(outbound, issuer)
    // RFC 8414 section 3.3: identical, character by character. A multi-tenant issuer names its template instead.
    if (metadata.issuer !== issuer && metadata.issuer !== template)
      throw new ServiceError('issuer_mismatch', 'the provider publishes metadata of another issuer: check its issuer')
    const urls = endpointNames.flatMap((name) => metadata[name] ?? [])
    if (!urls.every((url) => outbound.accepts(url)))
      throw new ServiceError(
        'provider_misconfigured',
        'the provider publishes an endpoint that is not a plain https URL',
      )
    return metadata
  }

  return {
    async endpoints(provider, variables) {
      const configured = fillConfigured(provider, variables)
      const { issuer } = configured
      if (!provider.endpoints.discovers || issuer === undefined) return join(configured, undefined)
      const { issuerTemplate } = provider.idToken
      const key = JSON.stringify([issuer, issuerTemplate])
      return join(configured, await cache.get(key, () => observe(() => load(issuer, issuerTemplate))))
    },
  }
}

const endpointNames = [
  'authorization_endpoint',
  'token_endpoint',
  'jwks_uri',
  'userinfo_endpoint',
  'revocation_endpoint',
  'pushed_authorization_request_endpoint',
] as const

/** OpenID's document first, then RFC 8414's; the first that is a metadata document decides. */
async function discover(outbound: Outbound, issuer: string): Promise<Metadata> {
  let found: FetchedDocument<Metadata> = { kind: 'no_document' }
  for (const url of wellKnownUrls(issuer)) {
    found = await fetchDocument(outbound, url, metadataSchema)
    if (found.kind !== 'no_document') break
  }
  if (found.kind === 'document') return found.document
  throw unavailable('metadata', found.kind === 'unreachable' ? found.why : 'no metadata at the well-known addresses')
}

/** OpenID Discovery section 4.1 appends to the issuer's path, RFC 8414 section 3.1 inserts before it. */
export function wellKnownUrls(issuer: string): string[] {
  if (!URL.canParse(issuer)) return []
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ]
}

type Configured = Omit<OAuthProvider['endpoints'], 'discovers'>

function fillConfigured({ endpoints }: OAuthProvider, variables: Readonly<Record<string, string>>): Configured {
  const fill = (template: string | undefined): string | undefined =>
    template === undefined ? undefined : fillVariables(template, variables)
  return {
    issuer: fill(endpoints.issuer),
    authorization: fill(endpoints.authorization),
    token: fill(endpoints.token),
    refresh: fill(endpoints.refresh),
    jwks: fill(endpoints.jwks),
    userinfo: fill(endpoints.userinfo),
    revocation: fill(endpoints.revocation),
    par: fill(endpoints.par),
    sendsIssuer: endpoints.sendsIssuer,
  }
}

/** A configured value always wins (fault 20 of the Go original: discovery replaced a configured token URL). */
function join(configured: Configured, found: Metadata | undefined): Endpoints {
  const token = required(configured.token ?? found?.token_endpoint, 'token_url')
  const methods = found?.code_challenge_methods_supported
  return {
    issuer: configured.issuer,
    authorization: required(configured.authorization ?? found?.authorization_endpoint, 'auth_url'),
    token,
    refresh: configured.refresh ?? token,
    jwks: configured.jwks ?? found?.jwks_uri ?? undefined,
    userinfo: configured.userinfo ?? found?.userinfo_endpoint ?? undefined,
    revocation: configured.revocation ?? found?.revocation_endpoint ?? undefined,
    par: configured.par ?? found?.pushed_authorization_request_endpoint ?? undefined,
    demandsPar: found?.require_pushed_authorization_requests ?? false,
    sendsIssuer: configured.sendsIssuer ?? found?.authorization_response_iss_parameter_supported ?? false,
    secretMethod: found && secretMethod(found),
    // Many providers support PKCE without saying so: only a list without S256 counts as a refusal.
    refusesPkce: methods ? !methods.includes('S256') : undefined,
  }
}

/**
 * In the body where the provider takes it there: every provider reads that alike, while the encoding inside a Basic header
 * (RFC 6749 section 2.3.1) is often got wrong. No list means Basic (RFC 8414 section 2); a list of neither says nothing.
 */
function secretMethod({ token_endpoint_auth_methods_supported: methods }: Metadata): SecretMethod | undefined {
  if (!methods) return 'client_secret_basic'
  return (['client_secret_post', 'client_secret_basic'] as const).find((method) => methods.includes(method))
}

function required(url: string | null | undefined, member: string): string {
  if (url === null || url === undefined)
    throw new ServiceError(
      'provider_misconfigured',
      `the provider has no ${member}, and its metadata names none either`,
    )
  return url
}
