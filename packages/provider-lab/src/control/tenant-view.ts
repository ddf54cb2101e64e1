import type { LabProvider } from '../provider.js'

/** A provider as the control API shows it: what a client has to be configured with. */
export const tenantView = (provider: LabProvider): Record<string, unknown> => ({
  id: provider.id,
  issuer: provider.issuer,
  discovery_url: `${provider.issuer}/.well-known/openid-configuration`,
  client_id: provider.clientId,
  client_secret: provider.clientSecret,
  client_auth: provider.clientAuth,
  authorization_endpoint: provider.authorizationEndpoint,
  token_endpoint: provider.tokenEndpoint,
  refresh_endpoint: provider.refreshEndpoint,
  jwks_uri: provider.jwksUri,
  userinfo_endpoint: provider.userinfoEndpoint,
  revocation_endpoint: provider.revocationEndpoint,
  registration_endpoint: provider.registrationEndpoint,
  mtls_token_endpoint: provider.mtlsAliases?.tokenEndpoint,
  api_url: provider.apiUrl,
  resource_metadata_url: provider.resourceMetadataUrl,
  attacker_url: provider.attackerUrl,
  tls_fault_urls: provider.tlsFaultUrls,
  now_ms: provider.clock.now(),
  switches: Object.fromEntries(provider.switches().map(({ name, how }) => [name, how])),
})
