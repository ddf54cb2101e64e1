import { jsonAnswer, type Answer } from '../answer.js'
import type { ProviderState } from '../state.js'

/** RFC 9728 section 3: which authorization server guards the protected API. */
export function answerResourceMetadata({ endpoints, switches }: ProviderState): Answer {
  return jsonAnswer(
    200,
    switches.run('resource.metadata', {
      resource: endpoints.apiUrl,
      authorization_servers: [endpoints.issuer],
      bearer_methods_supported: ['header'],
      scopes_supported: ['api'],
    }),
  )
}
