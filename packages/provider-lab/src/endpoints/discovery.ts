import { jsonAnswer, oauthError, type Answer } from '../answer.js'
import type { JsonObject } from '../jose.js'
import type { LabRequest } from '../request.js'
import type { Settings } from '../options.js'
import type { ProviderState } from '../state.js'

/** OpenID Connect Discovery section 3 and RFC 8414 section 2: one document serves both. */
export function answerDiscovery(state: ProviderState, request: LabRequest): Answer {
  if (!state.settings.oidc && request.path.includes('openid-configuration')) {
    return oauthError(404, 'not_found', 'this provider speaks OAuth only')
  }
  const metadata = state.switches.run('discovery.metadata', metadataOf(state))
  return state.switches.run('discovery.answer', jsonAnswer(200, metadata))
}

function metadataOf({ endpoints, settings, switches }: ProviderState): JsonObject {
  const registers = switches.run('registration.policy', settings.registration) === 'open'
  const readsDocuments = switches.run('cimd.policy', settings.cimd) === 'supported'
  const { mtlsAliases } = endpoints
  const authMethods = authMethodsOf(settings)
  return {
    issuer: endpoints.issuer,
    authorization_endpoint: endpoints.authorizationEndpoint,
    token_endpoint: endpoints.tokenEndpoint,
    revocation_endpoint: endpoints.revocationEndpoint,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: authMethods,
    revocation_endpoint_auth_methods_supported: authMethods,
    scopes_supported: ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'],
    ...(settings.pkce !== 'ignored' && { code_challenge_methods_supported: ['S256'] }),
    ...(settings.par !== 'off' && { pushed_authorization_request_endpoint: endpoints.parEndpoint }),
    ...(settings.par === 'required' && { require_pushed_authorization_requests: true }),
    ...(registers && { registration_endpoint: endpoints.registrationEndpoint }),
    ...(readsDocuments && { client_id_metadata_document_supported: true }),
    ...(mtlsAliases && {
      mtls_endpoint_aliases: {
        token_endpoint: mtlsAliases.tokenEndpoint,
        revocation_endpoint: mtlsAliases.revocationEndpoint,
        ...(settings.par !== 'off' && { pushed_authorization_request_endpoint: mtlsAliases.parEndpoint }),
      },
    }),
    ...(settings.dpop !== 'off' && { dpop_signing_alg_values_supported: ['ES256'] }),
    ...(settings.sendsIss && { authorization_response_iss_parameter_supported: true }),
    ...(settings.oidc && {
      jwks_uri: endpoints.jwksUri,
      userinfo_endpoint: endpoints.userinfoEndpoint,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [settings.signingAlg],
      claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'name', 'email', 'email_verified'],
    }),
  }
}

/** Of the configured client, and of those that may come. */
function authMethodsOf({ clientAuth, registration, cimd }: Settings): string[] {
  const configured = clientAuth === 'any' ? secrets : [clientAuth]
  const open = registration === 'open' ? [...secrets, 'private_key_jwt', 'none'] : []
  const documents = cimd === 'supported' ? ['private_key_jwt', 'none'] : []
  return [...new Set([...configured, ...open, ...documents])]
}

const secrets = ['client_secret_basic', 'client_secret_post']
