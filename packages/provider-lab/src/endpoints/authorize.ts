import { redirectAnswer, textAnswer, type Answer } from '../answer.js'
import { isRedirectUri } from '../client-metadata.js'
import { takePushed } from './par.js'
import { personFrom, type Person } from '../person.js'
import type { LabRequest } from '../request.js'
import type { ProviderState } from '../state.js'

type Params = Record<string, string>

/**
 * The authorization endpoint. Like the conformance suite it shows no page: whoever the browser's cookie names (or the
 * default person) approves at once. A request whose client or redirect URI is wrong gets a page, never a redirect
 * (RFC 6749 section 4.1.2.1).
 */
export async function answerAuthorize(state: ProviderState, request: LabRequest): Promise<Answer> {
  const params = paramsOf(state, { ...request.query, ...request.form })
  if (params === undefined) return textAnswer(400, 'text/plain; charset=utf-8', 'invalid_request: not a pushed request')
  const refusal = await unsafeToRedirect(state, params, request.repeated)
  if (refusal) return textAnswer(400, 'text/plain; charset=utf-8', refusal)

  const person = personFrom(request.headers['cookie'], state.settings.subject)
  const error = requestError(state, params) ?? person.denies
  const outcome = error ? errorParams(error) : { code: grantCode(state, params, person) }
  const response = state.switches.run('authorize.response', {
    params: {
      ...outcome,
      ...(params['state'] !== undefined && { state: params['state'] }),
      // RFC 9207 section 2: also in error responses.
      ...(state.settings.sendsIss && { iss: state.endpoints.issuer }),
    },
    in: 'query',
  })
  if (response.in === 'form_post') return formPost(params['redirect_uri'] ?? '', response.params)
  const location = new URL(params['redirect_uri'] ?? '')
  const encoded = new URLSearchParams(response.params)
  if (response.in === 'fragment') location.hash = encoded.toString()
  else encoded.forEach((value, name) => location.searchParams.append(name, value))
  return redirectAnswer(302, location.href)
}

// OAuth 2.0 Form Post Response Mode: a page that posts itself.
function formPost(action: string, params: Params): Answer {
  const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
  const inputs = Object.entries(params).map(
    ([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`,
  )
  const form = `<form method="post" action="${escape(action)}">${inputs.join('')}</form>`
  return textAnswer(200, 'text/html', `<body onload="document.forms[0].submit()">${form}</body>`)
}

/** RFC 9126 section 4: what was pushed, and of the URL nothing but the reference. Undefined where that is not so. */
function paramsOf(state: ProviderState, given: Params): Params | undefined {
  const { request_uri: uri, client_id: clientId, ...rest } = given
  if (uri === undefined) return state.settings.par === 'required' ? undefined : given
  const pushed = takePushed(state, uri)
  return Object.keys(rest).length === 0 && pushed?.['client_id'] === clientId ? pushed : undefined
}

async function unsafeToRedirect(
  { clients }: ProviderState,
  params: Params,
  repeated: string[],
): Promise<string | undefined> {
  if (repeated.length > 0) return `invalid_request: repeated parameter ${repeated.join(', ')}`
  const found = await clients.find(params['client_id'] ?? '')
  if ('problem' in found) return `invalid_client: ${found.problem}`
  const redirectUri = params['redirect_uri'] ?? ''
  const registered = found.client.redirectUris?.includes(redirectUri) ?? isRedirectUri(redirectUri)
  return registered ? undefined : 'invalid_request: redirect_uri is not registered'
}

function requestError({ settings }: ProviderState, params: Params): string | undefined {
  if (params['response_type'] !== 'code') return 'unsupported_response_type'
  if ((params['response_mode'] ?? 'query') !== 'query') return 'invalid_request'
  if (params['max_age'] === '0' && params['prompt'] === 'none') return 'login_required'
  if (settings.pkce === 'ignored') return undefined
  const challenge = params['code_challenge']
  if (challenge === undefined) return settings.pkce === 'required' ? 'invalid_request' : undefined
  // RFC 7636 section 4.2; `plain` is not offered.
  const wellFormed = /^[A-Za-z0-9_-]{43}$/.test(challenge) && params['code_challenge_method'] === 'S256'
  return wellFormed ? undefined : 'invalid_request'
}

function errorParams(error: string): Params {
  return { error, error_description: `the lab answers ${error}` }
}

function grantCode(state: ProviderState, params: Params, person: Person): string {
  const code = state.grants.addCode({
    clientId: params['client_id'] ?? '',
    redirectUri: params['redirect_uri'] ?? '',
    codeChallenge: state.settings.pkce === 'ignored' ? undefined : params['code_challenge'],
    scope: (person.scope ?? params['scope'] ?? '').split(state.settings.scopeSeparator).filter((entry) => entry !== ''),
    nonce: params['nonce'],
    subject: person.subject,
    dpopThumbprint: state.settings.dpop === 'off' ? undefined : params['dpop_jkt'],
  })
  return code.value
}
