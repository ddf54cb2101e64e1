import type { ClientAuthMethod } from '../options.js'
import { jsonAnswer, noStore } from '../answer.js'
import type { SwitchFamily } from './points.js'
import { numberOr } from './value.js'

const advertised = (method: string) => ({
  'discovery.metadata': (metadata: Record<string, unknown>) => ({
    ...metadata,
    token_endpoint_auth_methods_supported: [method],
    revocation_endpoint_auth_methods_supported: [method],
  }),
})

const only = (method: ClientAuthMethod) => ({ ...advertised(method), 'client.method': () => method })

export const clientAuthSwitches = {
  'ca.basic_only': { does: 'accepts and advertises client_secret_basic alone', at: only('client_secret_basic') },
  'ca.post_only': { does: 'accepts and advertises client_secret_post alone', at: only('client_secret_post') },
  'ca.none_only': { does: 'accepts and advertises public clients alone', at: only('none') },
  'ca.mtls_only': {
    does: 'accepts and advertises tls_client_auth (RFC 8705) alone: a certificate, no secret; without TLS nobody',
    at: only('tls_client_auth'),
  },
  'ca.invalid_client': {
    does: 'not processed: invalid_client, as after a lost secret; value is the status, default 401',
    at: {
      'token.arrival': (_answer, { value }) =>
        jsonAnswer(numberOr(value, 401), { error: 'invalid_client', error_description: 'unknown client' }, noStore),
    },
  },
} satisfies SwitchFamily
