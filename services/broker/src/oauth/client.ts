import {
  allowInsecureRequests,
  Configuration,
  type ClientAuth,
  type CustomFetch,
  type ServerMetadata,
} from 'openid-client'

/**
 * The library's view of one client at one provider. Insecure requests are allowed to the library because our egress guard
 * is the judge of that: it admits plain http in allowed private networks and nowhere else.
 */
export function clientConfiguration(
  server: ServerMetadata,
  clientId: string,
  authentication: ClientAuth,
): Configuration {
  const configuration = new Configuration(server, clientId, undefined, authentication)
  allowInsecureRequests(configuration)
  return configuration
}

/** A form that the library built and authenticated, as the egress guard sends it. */
export function formRequest({ body, headers: { authorization } }: Parameters<CustomFetch>[1]): {
  headers: Record<string, string>
  body: string
} {
  return {
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: body instanceof URLSearchParams ? body.toString() : '',
  }
}
