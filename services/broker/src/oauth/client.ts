import { allowInsecureRequests, Configuration, type ClientAuth } from 'openid-client'

/**
 * The library's view of one client at one provider. Insecure requests are allowed to the library because our egress guard
 * is the judge of that: it admits plain http in allowed private networks and nowhere else.
 */
export function clientConfiguration(
  server: { issuer: string; authorization_endpoint?: string; token_endpoint?: string; revocation_endpoint?: string },
  clientId: string,
  authentication: ClientAuth,
): Configuration {
  const configuration = new Configuration(server, clientId, undefined, authentication)
  allowInsecureRequests(configuration)
  return configuration
}
