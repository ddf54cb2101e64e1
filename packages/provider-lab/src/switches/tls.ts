import { tlsFaults, type TlsFault } from '../tls/faults.js'
import type { Effect, SwitchFamily } from './points.js'

// The token endpoint of the metadata moves to a listener whose TLS is broken; a client that connects there anyway is seen
// in the journal. Clients that are configured with endpoints take them from `tlsFaultUrls`.
const tokenEndpointAt =
  (choose: (value: unknown) => TlsFault): Effect<'discovery.metadata'> =>
  (metadata, { tlsFaultUrls, value }) => {
    const origin = tlsFaultUrls[choose(value)]
    const tokenEndpoint = metadata['token_endpoint']
    if (origin === undefined || typeof tokenEndpoint !== 'string') return metadata
    return { ...metadata, token_endpoint: `${origin}${new URL(tokenEndpoint).pathname}` }
  }

const faultOr = (value: unknown): TlsFault => tlsFaults.find((fault) => fault === value) ?? 'expired'

export const tlsSwitches = {
  'tok.tls_bad': {
    does: 'TLS of the token endpoint: expired (default), wrong_host, self_signed or old_protocol, as value says',
    needs: 'tls',
    at: { 'discovery.metadata': tokenEndpointAt(faultOr) },
  },
  'tok.hang_connect': {
    does: 'the token endpoint takes the connection and never ends the TLS handshake',
    needs: 'tls',
    at: { 'discovery.metadata': tokenEndpointAt(() => 'silent') },
  },
} satisfies SwitchFamily
