import { jsonAnswer, type Answer } from '../answer.js'
import type { ProviderState } from '../state.js'

/** RFC 7517 section 5. Only the current key is published: a rotated key is gone at once. */
export function answerJwks(state: ProviderState): Answer {
  const keys = state.switches.run('jwks.keys', [state.keys.current().jwk()])
  return state.switches.run('jwks.answer', jsonAnswer(200, { keys }))
}
