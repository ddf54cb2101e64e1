import type { SwitchFamily } from './points.js'

export const refreshSwitches = {
  'tok.no_refresh_token': {
    does: 'the token answer has no refresh_token; the held one stays valid (RFC 6749 section 6)',
    at: { 'token.plan': () => 'omitted' },
  },
  'tok.same_refresh_token': {
    does: 'the refresh answer repeats the held refresh_token and does not rotate',
    at: { 'token.plan': () => 'same' },
  },
} satisfies SwitchFamily
