import { oauthError } from '../answer.js'
import type { SwitchFamily } from './points.js'
import { textOr } from './value.js'

/** How a client becomes one: RFC 7591, RFC 7592, client ID metadata documents. */
export const registrationSwitches = {
  'dcr.off': {
    does: 'registers nobody and does not advertise that it would',
    at: { 'registration.policy': () => 'off' },
  },
  'dcr.invalid_client_metadata': {
    does: 'not processed: 400 with the error in value, default invalid_client_metadata',
    at: {
      'registration.arrival': (_answer, { value }) =>
        oauthError(400, textOr(value, 'invalid_client_metadata'), 'the lab says no'),
    },
  },
  'dcr.changed_secret': {
    does: 'reading a registration changes its client_secret (RFC 7592 section 2.1); the old one ends. value is the new one',
    at: {
      'registration.secret': (secret, { value, random }) =>
        secret === undefined ? undefined : textOr(value, `secret_${random.hex(16)}`),
    },
  },
  'cimd.unsupported': {
    does: 'knows no client ID metadata documents and does not advertise them',
    at: { 'cimd.policy': () => 'off' },
  },
} satisfies SwitchFamily
