import type { AuthorizationResponse, SwitchFamily } from './points.js'
import { textOr } from './value.js'

const set = (response: AuthorizationResponse, changed: Record<string, string>): AuthorizationResponse => ({
  ...response,
  params: { ...response.params, ...changed },
})

const drop =
  (name: string) =>
  (response: AuthorizationResponse): AuthorizationResponse => ({
    ...response,
    params: Object.fromEntries(Object.entries(response.params).filter(([key]) => key !== name)),
  })

const asError = (response: AuthorizationResponse, error: string, description: string): AuthorizationResponse =>
  set(drop('code')(response), { error, error_description: description })

// The longest Location that a stock HTTP client still accepts is 16 KiB of headers.
const evilDescription = `<script>alert(1)</script>\r\nSet-Cookie: owned=1\r\n\r\n${'A'.repeat(4096)}`

export const authorizeSwitches = {
  'authz.no_iss_though_promised': {
    does: 'no iss in the response although the metadata promises it',
    at: { 'authorize.response': drop('iss') },
  },
  'authz.wrong_iss': {
    does: 'iss + 1, or the issuer in value',
    at: {
      'authorize.response': (response, { issuer, value }) => set(response, { iss: textOr(value, `${issuer}1`) }),
    },
  },
  'authz.iss_unadvertised_correct': {
    does: 'a correct iss that the metadata does not promise',
    at: {
      'discovery.metadata': ({ authorization_response_iss_parameter_supported: _dropped, ...metadata }) => metadata,
      'authorize.response': (response, { issuer }) => set(response, { iss: issuer }),
    },
  },
  'authz.no_state': { does: 'no state in the response', at: { 'authorize.response': drop('state') } },
  'authz.wrong_state': {
    does: 'state + 1, or the state in value',
    at: {
      'authorize.response': (response, { value }) =>
        set(response, { state: textOr(value, `${response.params['state'] ?? ''}1`) }),
    },
  },
  'authz.state_truncated': {
    does: 'state without its last character',
    at: {
      'authorize.response': (response) => set(response, { state: (response.params['state'] ?? '').slice(0, -1) }),
    },
  },
  'authz.error': {
    does: 'an error instead of a code; value is the error, default access_denied',
    at: {
      'authorize.response': (response, { value }) =>
        asError(response, textOr(value, 'access_denied'), 'the lab was told to answer an error'),
    },
  },
  'authz.error_wrong_iss': {
    does: 'an error with a foreign iss and a text nobody should show; value is the error',
    at: {
      'authorize.response': (response, { issuer, value }) =>
        set(asError(response, textOr(value, 'access_denied'), 'call 555-0100 to unlock your account'), {
          iss: `${issuer}1`,
        }),
    },
  },
  'authz.error_description_evil': {
    does: 'an error whose description has HTML, CR LF and 4 KiB of text; value replaces the text',
    at: {
      'authorize.response': (response, { value }) => asError(response, 'access_denied', textOr(value, evilDescription)),
    },
  },
  'authz.no_code': { does: 'neither code nor error', at: { 'authorize.response': drop('code') } },
  'authz.code_from_other_client': {
    does: 'a code this client cannot redeem; value is the code',
    at: {
      'authorize.response': (response, { value, random }) =>
        set(response, { code: textOr(value, `code_${random.hex(16)}`) }),
    },
  },
  'authz.fragment': {
    does: 'the response is in the fragment, where the client did not ask for it',
    at: { 'authorize.response': (response) => ({ ...response, in: 'fragment' }) },
  },
  'authz.form_post': {
    does: 'the response is posted by a page, where the client did not ask for it',
    at: { 'authorize.response': (response) => ({ ...response, in: 'form_post' }) },
  },
} satisfies SwitchFamily
