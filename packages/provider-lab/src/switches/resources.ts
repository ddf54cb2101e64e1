import { jsonAnswer, oauthError, textAnswer, type Answer } from '../answer.js'
import { brokenSigner, serialize, type JsonObject, type Signer } from '../jose.js'
import type { Effect, SwitchFacts, SwitchFamily } from './points.js'
import { asHtml, huge, withDelivery, withStatus } from './spoil.js'
import { numberOr, textOr } from './value.js'

const bearerError = (status: number, error: string, extra = ''): Answer =>
  jsonAnswer(status, { error }, { 'www-authenticate': `Bearer error="${error}"${extra}` })

export const userinfoSwitches = {
  'ui.sub_mismatch': {
    does: 'sub + invalid',
    at: { 'userinfo.claims': (claims) => ({ ...claims, sub: `${String(claims['sub'])}invalid` }) },
  },
  'ui.no_sub': { does: 'no sub', at: { 'userinfo.claims': ({ sub: _dropped, ...claims }) => claims } },
  'ui.signed': {
    does: 'valid: a signed JWT with iss and aud (OpenID Connect Core section 5.3.2)',
    at: { 'userinfo.answer': (answer, facts) => jwtAnswer(answer, facts) },
  },
  'ui.signed_bad': {
    does: 'a JWT whose signature is wrong',
    at: { 'userinfo.answer': (answer, facts) => jwtAnswer(answer, facts, brokenSigner(facts.keys.current().sign)) },
  },
  'ui.signed_iss+1': {
    does: 'a signed JWT whose iss has a 1 appended',
    at: { 'userinfo.answer': (answer, facts) => jwtAnswer(answer, { ...facts, issuer: `${facts.issuer}1` }) },
  },
  'ui.signed_aud+1': {
    does: 'a signed JWT whose aud has a 1 appended',
    at: { 'userinfo.answer': (answer, facts) => jwtAnswer(answer, { ...facts, clientId: `${facts.clientId}1` }) },
  },
  'ui.401': { does: '401 invalid_token', at: { 'userinfo.answer': () => bearerError(401, 'invalid_token') } },
  'ui.500': { does: '500 with an HTML page', at: { 'userinfo.answer': withStatus(500) } },
  'ui.html': { does: '200 with an HTML page', at: { 'userinfo.answer': asHtml } },
  'ui.huge': { does: '100 MiB; value in bytes', at: { 'userinfo.answer': huge } },
  'ui.hang': {
    does: 'never answered',
    at: { 'userinfo.answer': withDelivery({ kind: 'hang', after: 'nothing' }) },
  },
} satisfies SwitchFamily

const hang: Effect<'revocation.arrival'> = () => ({
  ...textAnswer(200, 'text/plain', ''),
  delivery: { kind: 'hang', after: 'nothing' },
})

// None of these revokes anything.
export const revocationSwitches = {
  'rev.200_unknown': {
    does: 'says 200 and revokes nothing',
    at: { 'revocation.arrival': () => textAnswer(200, 'text/plain', '') },
  },
  'rev.503_retry_after': {
    does: '503; value is Retry-After, default "1"',
    at: {
      'revocation.arrival': (_answer, { value }) => ({
        ...textAnswer(503, 'text/plain', ''),
        headers: { 'retry-after': textOr(value, '1') },
      }),
    },
  },
  'rev.400_unsupported_token_type': {
    does: '400 unsupported_token_type (RFC 7009 section 2.2.1) for refresh tokens; access tokens are revoked',
    at: {
      'revocation.arrival': (answer, { family }) =>
        family ? oauthError(400, 'unsupported_token_type', 'only access tokens') : answer,
    },
  },
  'rev.hang': { does: 'never answered', at: { 'revocation.arrival': hang } },
} satisfies SwitchFamily

export const apiSwitches = {
  'rs.401_invalid_token': {
    does: '401 invalid_token for any credential',
    at: { 'api.arrival': () => bearerError(401, 'invalid_token') },
  },
  'rs.403_insufficient_scope': {
    does: '403 insufficient_scope; value is the missing scope, default admin',
    at: {
      'api.arrival': (_answer, { value }) =>
        bearerError(403, 'insufficient_scope', `, scope="${textOr(value, 'admin')}"`),
    },
  },
  'rs.429': {
    does: '429; value is Retry-After, default "1"',
    at: {
      'api.arrival': (_answer, { value }) => jsonAnswer(429, {}, { 'retry-after': textOr(value, '1') }),
    },
  },
  'rs.5xx': {
    does: 'an HTML page with the status in value, default 503',
    at: {
      'api.arrival': (_answer, facts) =>
        withStatus(numberOr(facts.value, 503))(textAnswer(503, 'text/html', ''), facts),
    },
  },
} satisfies SwitchFamily

function jwtAnswer(
  answer: Answer,
  { keys, issuer, clientId }: SwitchFacts,
  signer: Signer = keys.current().sign,
): Answer {
  const { kid, alg } = keys.current()
  const parsed: unknown = JSON.parse(answer.body.toString())
  const claims: JsonObject = { ...(typeof parsed === 'object' && parsed), iss: issuer, aud: clientId }
  return textAnswer(200, 'application/jwt', serialize({ header: { alg, kid }, claims, signer }))
}
